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

/** Two deaths per seed. */
export function knowDeath(nodes: number, seeds: number): DeathReport {
  const rumour: number[] = [];
  const death: number[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const world = worldOf(nodes, seed);
    rumour.push(rumourRounds(world));
    death.push(deathRounds(world));
  }
  return { rumour, death };
}

/** The accused goes on beating, so that nobody finds it silent by itself; it cannot hear, nor answer, what is said of it. */
function rumourRounds(world: GossipWorld): number {
  const accused = 0;
  world.mute(accused);
  world.random.pick(world.others(accused)).table.accuse(accused);
  const others = world.others(accused);
  return world.timeUntil(() => others.every(({ table }) => table.isDown(accused)), LONG_MS) / ROUND_MS;
}

function deathRounds(world: GossipWorld): number {
  const dead = 1;
  world.kill(dead);
  const others = world.others(0);
  return world.timeUntil(() => others.every((node) => node.stateOf(dead) === 'down'), LONG_MS) / ROUND_MS;
}

export interface PeaceReport {
  readonly suspicions: number;
  readonly downs: number;
}

/** Nobody dies for so long, but messages are lost: who is suspected all the same? */
export function keepPeace(nodes: number, seed: number, ms: number): PeaceReport {
  const world = worldOf(nodes, seed);
  world.runFor(ms);
  return { suspicions: world.falseSuspicions, downs: world.falseDowns };
}

function worldOf(nodes: number, seed: number): GossipWorld {
  const world = new GossipWorld(`${seed} of ${nodes}`, nodes, LOSS);
  // Long enough for every round to have its own moment.
  world.runFor(ROUND_MS * (1 + world.random.next()));
  return world;
}
