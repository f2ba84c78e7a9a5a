import { SLOWEST_WIRE_MS } from '../sim-network.js';
import type { SimNode } from '../sim-node.js';
import type { SimWorld } from '../sim-world.js';
import { type Fault, later } from './fault.js';

const SHORTEST_MS = 200;
const LONGEST_MS = 12_000;
const FLAPS = 6;

/** What wires do. */
export const networkFaults: readonly Fault[] = [
  {
    name: 'partition',
    strike(world) {
      const sides = world.nodes.map(() => world.random.chance(0.5));
      return cutSome(
        world,
        'two sides',
        (a, b) => sides[world.nodes.indexOf(a)] !== sides[world.nodes.indexOf(b)],
      );
    },
  },
  {
    name: 'one-way cut',
    strike(world) {
      const quiet = world.random.pick(world.nodes);
      return cutSome(world, `${quiet.address} is not heard`, (a) => a === quiet && world.random.chance(0.7));
    },
  },
  {
    name: 'partial partition',
    strike: (world) => cutSome(world, 'some wires', () => world.random.chance(0.25)),
  },
  {
    name: 'flapping wire',
    strike(world) {
      const a = world.random.pick(world.nodes);
      const b = another(world, a);
      const flap = (left: number): void => {
        if (left === 0 || world.calm) return;
        cutFor(world, 200, 1500, [[a, b]]);
        later(world, 1500, 3000, () => flap(left - 1));
      };
      world.tell(`the wire from ${a.address} to ${b.address} flaps`);
      flap(FLAPS);
      return true;
    },
  },
  {
    name: 'broken connection',
    strike(world) {
      const a = world.random.pick(world.nodes);
      const b = another(world, a);
      world.tell(`the connection of ${a.address} and ${b.address} breaks`);
      world.network.reset(a.address, b.address);
      return true;
    },
  },
  {
    name: 'slow wire',
    strike(world) {
      const { random, network } = world;
      const a = random.pick(world.nodes);
      const b = another(world, a);
      const ms = random.between(50, SLOWEST_WIRE_MS);
      world.tell(`the wire from ${a.address} to ${b.address} takes ${Math.round(ms)} ms`);
      network.lag(a.address, b.address, ms);
      later(world, SHORTEST_MS, LONGEST_MS, () => network.mend(a.address, b.address));
      return true;
    },
  },
  {
    name: 'lost, late and repeated messages',
    strike(world) {
      const { random, network } = world;
      if (network.roughness !== null) return false;
      const part = (): number => (random.chance(0.7) ? random.between(0, 0.2) : 0);
      const roughness = { lose: part(), twice: part(), late: part() };
      network.roughness = roughness;
      world.tell(`single messages go astray: ${JSON.stringify(roughness)}`);
      later(world, SHORTEST_MS, LONGEST_MS, () => {
        if (network.roughness === roughness) network.roughness = null;
      });
      return true;
    },
  },
];

function another({ random, nodes }: SimWorld, than: SimNode): SimNode {
  return random.pick(nodes.filter((node) => node !== than));
}

function cutSome(world: SimWorld, what: string, which: (a: SimNode, b: SimNode) => boolean): boolean {
  const pairs = world.nodes.flatMap((a) =>
    world.nodes.filter((b) => a !== b && which(a, b)).map((b) => [a, b] as const),
  );
  if (pairs.length === 0) return false;
  world.tell(`cut (${what}): ${pairs.map(([a, b]) => `${a.address}>${b.address}`).join(' ')}`);
  cutFor(world, SHORTEST_MS, LONGEST_MS, pairs);
  return true;
}

function cutFor(
  world: SimWorld,
  fromMs: number,
  toMs: number,
  pairs: readonly (readonly [SimNode, SimNode])[],
): void {
  const { network } = world;
  for (const [a, b] of pairs) network.cut(a.address, b.address);
  later(world, fromMs, toMs, () => {
    for (const [a, b] of pairs) network.mend(a.address, b.address);
  });
}
