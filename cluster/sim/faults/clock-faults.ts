import type { SimNode } from '../sim-node.js';
import type { SimWorld } from '../sim-world.js';
import { type Fault, later } from './fault.js';

/** A little off is within every bound; far off is beyond `max-clock-drift`. */
const LITTLE_MS = 200;
const FAR_MS = 20_000;

/** What clocks do. */
export const clockFaults: readonly Fault[] = [
  {
    name: 'clock a little off',
    strike(world) {
      set(world, world.random.pick(world.nodes), world.random.between(-LITTLE_MS, LITTLE_MS));
      return true;
    },
  },
  {
    name: 'clock jumps ahead',
    strike(world) {
      return jump(world, world.random.between(LITTLE_MS, FAR_MS));
    },
  },
  {
    name: 'clock jumps back',
    strike(world) {
      return jump(world, -world.random.between(LITTLE_MS, FAR_MS));
    },
  },
  {
    name: 'clock stops',
    strike(world) {
      const node = world.random.pick(world.nodes);
      world.tell(`the clock of ${node.address} stands still`);
      node.stopClock();
      later(world, 500, FAR_MS, () => {
        world.tell(`the clock of ${node.address} goes again`);
        node.startClock();
        later(world, 100, FAR_MS, () => set(world, node, 0));
      });
      return true;
    },
  },
];

function set(world: SimWorld, node: SimNode, ms: number): void {
  world.tell(`the clock of ${node.address} is off by ${Math.round(ms)} ms`);
  node.skewMs = ms;
}

/** Its clock is set wrong, and right again some time later. */
function jump(world: SimWorld, ms: number): boolean {
  const node = world.random.pick(world.nodes);
  set(world, node, ms);
  later(world, 100, FAR_MS, () => set(world, node, 0));
  return true;
}
