import { majority } from '../../core/levels.js';
import type { SimNode } from '../sim-node.js';
import type { SimWorld } from '../sim-world.js';
import { type Fault, later } from './fault.js';

/** Machines there are at most. */
const MOST_MEMBERS = 8;
const NEW_MACHINE_MS = 10_000;
const WEIGHTS = [1, 2, 3];

/** What operators want of the ring. It is no fault of theirs that it comes at bad times. */
export const ringChanges: readonly Fault[] = [
  { name: 'node joins', strike: joins },
  { name: 'node leaves', strike: leaves },
  {
    name: 'dead machine removed',
    strike(world) {
      if (world.operator.members <= world.leastMembers) return false;
      const node = lose(world);
      if (node === undefined) return false;
      const returns = world.deadMayReturn && world.random.chance(0.5);
      later(world, 0, NEW_MACHINE_MS, () => world.operator.wants({ what: 'remove', node, returns }));
      return true;
    },
  },
  {
    name: 'dead machine replaced',
    strike(world) {
      const node = lose(world);
      if (node === undefined) return false;
      later(world, 0, NEW_MACHINE_MS, () => {
        const by = world.addNode({ seeds: world.someMembers(), replaces: node.address });
        world.operator.wants({ what: 'replace', node, by });
      });
      return true;
    },
  },
  {
    name: 'weight changed',
    strike(world) {
      const { random, operator } = world;
      const [node] = settled(world);
      if (node === undefined) return false;
      operator.wants({ what: 'weigh', node, weight: random.pick(WEIGHTS) });
      return true;
    },
  },
  {
    name: 'two changes at once',
    strike(world) {
      const first = world.random.chance(0.5) ? joins(world) : leaves(world);
      const second = world.random.chance(0.5) ? joins(world) : leaves(world);
      return first || second;
    },
  },
];

function joins(world: SimWorld): boolean {
  if (world.nodes.length >= MOST_MEMBERS) return false;
  const weight = world.random.chance(0.3) ? world.random.pick(WEIGHTS) : 1;
  const node = world.addNode({ seeds: world.someMembers(), weight });
  world.operator.wants({ what: 'join', node });
  return true;
}

function leaves(world: SimWorld): boolean {
  if (world.operator.members <= world.leastMembers) return false;
  const [node] = settled(world);
  if (node === undefined) return false;
  world.operator.wants({ what: 'leave', node });
  return true;
}

/** A machine that runs is gone for good, as far as that is borne. */
function lose(world: SimWorld): SimNode | undefined {
  if (!world.founded) return undefined;
  const node = settled(world).find((one) => one.running && canDecideWithout(world, one));
  if (node === undefined || !world.mayForget(node, 'machine')) return undefined;
  node.crash(true);
  world.retire(node);
  return node;
}

/** Most of those who vote on the ring, now and when the present change is done, are left: else nothing could be done about the loss. */
function canDecideWithout({ nodes, rings }: SimWorld, node: SimNode): boolean {
  const { current, other } = rings.latest!;
  const left = nodes.filter((one) => one !== node).map(({ address }) => address);
  return [current, other ?? current].every(
    (side) => side.filter(({ name }) => left.includes(name)).length >= majority(side.length),
  );
}

/** Members of whom nothing is wanted, in no order. */
function settled({ nodes, rings, operator, random }: SimWorld): SimNode[] {
  const names = rings.latest!.current.map(({ name }) => name);
  const those = nodes.filter((node) => names.includes(node.address) && !operator.isConcernedWith(node));
  return those
    .map((node) => ({ node, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ node }) => node);
}
