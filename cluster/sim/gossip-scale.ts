import { GossipWorld, ROUND_MS } from './gossip-world.js';

const LOSS = 0.01;
const LONG_MS = 60_000;

/** What a death costs to be known, in rounds of gossip. */
export interface DeathReport {
  /** From the moment one node has said it to all knowing it, by hearsay alone. */
  readonly rumour: readonly number[];
  /** From the last sign of life to all holding it down, each by its own senses and by hearsay. */
  readonly death: readonly number[];
}

/** What is allowed: log2(n) + 3 rounds. */
export function roundsAllowed(nodes: number): number {
  return Math.log2(nodes) + 3;
}

/** One death per seed, in each of two worlds. */
export function knowDeath(nodes: number, seeds: number): DeathReport {
  const rumour: number[] = [];
  const death: number[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    rumour.push(rumourRounds(nodes, seed));
    death.push(deathRounds(nodes, seed));
  }
  return { rumour, death };
}

/** The accused goes on beating, so that nobody finds it silent by itself; it cannot hear, nor answer, what is said of it. */
function rumourRounds(nodes: number, seed: number): number {
  const world = settled(nodes, seed);
  const accused = world.random.below(nodes);
  const witness = (accused + 1 + world.random.below(nodes - 1)) % nodes;
  world.mute(accused);
  world.nodes[witness].table.accuse(accused);
  const others = world.others(accused);
  return world.timeUntil(() => others.every(({ table }) => table.isDown(accused)), LONG_MS) / ROUND_MS;
}

function deathRounds(nodes: number, seed: number): number {
  const world = settled(nodes, seed);
  const dead = world.random.below(nodes);
  world.kill(dead);
  const others = world.others(dead);
  return world.timeUntil(() => others.every((node) => node.stateOf(dead) === 'down'), LONG_MS) / ROUND_MS;
}

export interface PeaceReport {
  readonly suspicions: number;
  readonly downs: number;
}

/** Nobody dies for so long, but messages are lost: who is suspected all the same? */
export function keepPeace(nodes: number, seed: number, ms: number): PeaceReport {
  const world = settled(nodes, seed);
  world.runFor(ms);
  return { suspicions: world.falseSuspicions, downs: world.falseDowns };
}

function settled(nodes: number, seed: number): GossipWorld {
  const world = new GossipWorld(`${seed} of ${nodes}`, nodes, LOSS);
  if (world.timeUntil(() => world.settled, LONG_MS) > LONG_MS)
    throw new Error('the nodes never came to agree');
  // Detectors get to know the others' regularity.
  world.runFor(ROUND_MS * (1 + world.random.next()));
  return world;
}
