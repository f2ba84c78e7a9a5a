import type { Phase, RingState } from '../../core/elastic/ring-state.js';
import type { RingListener } from '../ring-watch.js';
import type { SimNode } from '../sim-node.js';
import type { SimWorld } from '../sim-world.js';
import { type Fault, later } from './fault.js';

const PHASES: readonly Phase[] = ['copying', 'joint', 'sealed', 'clearing', 'stable'];
/** From the step to the misfortune, ms: before all have heard of it, or well into what it asks of them. */
const SOON_MS = 5;
const LATER_MS = 2000;
const DOWN_MS = 12_000;
/** A node that misses steps is let in again after so long at the latest, ms. */
const MISSING_MS = 40_000;
const SLOW_DISK_MS = 3000;

/** What happens in the very middle of a change of the ring. */
export const ringStepFaults: readonly Fault[] = [
  {
    name: 'crash in a step of the ring',
    strike: (world) =>
      inStep(world, (ring, seer) => {
        for (const node of victims(world, ring, seer)) {
          if (!node.running) continue;
          node.crash(world.random.chance(0.5) && world.mayForget(node));
          later(world, 50, DOWN_MS, () => node.start());
        }
      }),
  },
  {
    name: 'pause in a step of the ring',
    strike: (world) =>
      inStep(world, (ring, seer) => {
        for (const node of victims(world, ring, seer)) {
          world.tell(`${node.address} gets no time in a step of the ring`);
          node.freeze();
          later(world, 100, 8000, () => node.thaw());
        }
      }),
  },
  {
    name: 'cut in a step of the ring',
    strike: (world) =>
      inStep(world, (ring, seer) => {
        const side = victims(world, ring, seer);
        const others = world.nodes.filter((node) => !side.includes(node));
        // One that still hears both sides, and can carry what the others do not tell each other.
        const spared = world.random.chance(0.5) ? world.random.pick(world.nodes) : undefined;
        cut(world, side, others, spared, (mend) => later(world, 200, DOWN_MS, mend));
      }),
  },
  {
    name: 'node misses steps of the ring',
    strike(world) {
      const { random, rings, nodes } = world;
      const node = random.pick(nodes);
      const spared = random.chance(0.3) ? random.pick(nodes) : undefined;
      const until = rings.latest!.epoch + 2 + random.below(4);
      cut(
        world,
        [node],
        nodes.filter((one) => one !== node),
        spared,
        (mend) => {
          const over = (): void => {
            if (!rings.listeners.delete(listener)) return;
            mend();
            if (random.chance(0.5)) takeTimeToLearn(world, node);
          };
          const listener: RingListener = ({ epoch }) => {
            if (epoch >= until) later(world, 0, SOON_MS, over);
          };
          rings.listeners.add(listener);
          later(world, MISSING_MS / 2, MISSING_MS, over);
        },
      );
      return true;
    },
  },
  {
    name: 'change taken back',
    strike: (world) =>
      inStep(world, ({ phase }) => {
        if (phase !== 'stable' && phase !== 'clearing') world.operator.wants({ what: 'roll back' });
      }),
  },
];

/** It hears at once what it has missed, but its disk is in no haste to keep it: until then it lives in the past. */
function takeTimeToLearn(world: SimWorld, node: SimNode): void {
  node.disk.slowMs = SLOW_DISK_MS;
  later(world, 1000, 2 * SLOW_DISK_MS, () => {
    node.disk.slowMs = 0;
  });
}

/** Waits until a node has taken the next step into some phase, and strikes soon after. */
function inStep(world: SimWorld, strike: (ring: RingState, seer: SimNode) => void): boolean {
  const { random, rings, queue } = world;
  const phase = random.pick(PHASES);
  const within = random.chance(0.5) ? SOON_MS : LATER_MS;
  const listener: RingListener = (ring, address) => {
    if (!world.calm && ring.phase !== phase) return;
    rings.listeners.delete(listener);
    if (world.calm) return;
    const seer = world.nodes.find((node) => node.address === address);
    queue.after(random.between(0, within), () => {
      if (!world.calm) strike(ring, seer ?? random.pick(world.nodes));
    });
  };
  rings.listeners.add(listener);
  return true;
}

/** One or two of those whom the change is about, or who drive it, or any. */
function victims({ random, nodes }: SimWorld, ring: RingState, seer: SimNode): SimNode[] {
  const { current, other } = ring;
  const at = (names: readonly string[]): SimNode[] => nodes.filter(({ address }) => names.includes(address));
  const namesOf = (list: RingState['other']): string[] => (list ?? []).map(({ name }) => name);
  const [now, then] = [namesOf(current), namesOf(other)];
  const groups = [
    [seer],
    at(now.slice(0, 1)),
    at(then.filter((name) => !now.includes(name))),
    other === null ? [] : at(now.filter((name) => !then.includes(name))),
    nodes,
  ].filter((group) => group.length > 0);
  const first = random.pick(random.pick(groups));
  const second = random.pick(random.pick(groups));
  return first === second || random.chance(0.7) ? [first] : [first, second];
}

/** Nothing gets from one side to the other, but by way of who is spared; `plan` says when that is over. */
function cut(
  world: SimWorld,
  side: readonly SimNode[],
  others: readonly SimNode[],
  spared: SimNode | undefined,
  plan: (mend: () => void) => void,
): void {
  const pairs = side
    .flatMap((a) => others.map((b) => [a, b] as const))
    .filter(([a, b]) => a !== spared && b !== spared);
  if (pairs.length === 0) return;
  world.tell(`cut (a step of the ring): ${pairs.map(([a, b]) => `${a.address} ${b.address}`).join(', ')}`);
  for (const [a, b] of pairs) world.network.cutBoth(a.address, b.address);
  plan(() => {
    for (const [a, b] of pairs) {
      world.network.mend(a.address, b.address);
      world.network.mend(b.address, a.address);
    }
  });
}
