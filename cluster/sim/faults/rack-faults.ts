import { placed } from '../../core/placement.js';
import { rackOf } from '../../core/ring-share.js';
import type { Member } from '../../core/topology.js';
import type { SimNode } from '../sim-node.js';
import type { SimWorld } from '../sim-world.js';
import { type Fault, later } from './fault.js';

/** Power and switch of a rack are seen to within this, ms; its machines then start one by one. */
const DARK_AT_LEAST_MS = 500;
const DARK_AT_MOST_MS = 8000;
const STARTS_WITHIN_MS = 2000;

/** What machines that stand together suffer together. */
export const rackFaults: readonly Fault[] = [
  {
    name: 'rack lost',
    /** Everything in one rack dies in one moment and keeps its disks, where there are racks enough for every replica of a key to be in one of its own. */
    strike(world) {
      const { random, rings, settings, nodes } = world;
      const { current, other } = rings.latest!;
      const sides = other === null ? [current] : [current, other];
      if (sides.some((side) => new Set(side.map(rackOf)).size < Math.min(settings.replicas, side.length)))
        return false;
      const running = nodes.filter((node) => node.running);
      if (running.length === 0) return false;
      const { rack } = random.pick(running).setup;
      for (const side of sides) holdsOneReplica(world, side, rack);
      world.tell(`rack ${rack} is lost`);
      const lost = running.filter((node) => node.setup.rack === rack);
      for (const node of lost) node.crash();
      later(world, DARK_AT_LEAST_MS, DARK_AT_MOST_MS, () => {
        for (const node of lost) startsAgain(world, node);
      });
      return true;
    },
  },
];

function startsAgain(world: SimWorld, node: SimNode): void {
  later(world, 0, STARTS_WITHIN_MS, () => node.start());
}

/** So that a rack that is lost costs no key more than one of its replicas, hence no quorum. */
function holdsOneReplica({ settings, checker }: SimWorld, members: readonly Member[], rack: string): void {
  const { lists } = placed(members, settings.replicas, settings.vnodes, (member) => members.indexOf(member));
  for (const { homes } of lists) {
    const inIt = Array.from(homes, (home) => members[home]).filter((member) => member.rack === rack);
    if (inIt.length > 1)
      checker.violation(
        `rack ${rack} holds ${inIt.length} replicas of one slot: ${inIt.map(({ name }) => name).join(', ')}`,
      );
  }
}
