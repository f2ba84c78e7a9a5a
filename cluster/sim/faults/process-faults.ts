import { type Fault, later, runningNode } from './fault.js';

const DOWN_AT_LEAST_MS = 50;
const DOWN_AT_MOST_MS = 12_000;

/** What processes and the machines under them do. */
export const processFaults: readonly Fault[] = [
  {
    name: 'crash',
    strike(world) {
      const node = runningNode(world);
      node?.crash();
      later(world, DOWN_AT_LEAST_MS, DOWN_AT_MOST_MS, () => node?.start());
      return node !== undefined;
    },
  },
  {
    name: 'clean stop',
    strike(world) {
      const node = runningNode(world);
      node?.stop();
      later(world, DOWN_AT_LEAST_MS, DOWN_AT_MOST_MS, () => node?.start());
      return node !== undefined;
    },
  },
  {
    name: 'power loss',
    strike(world) {
      const node = runningNode(world);
      if (node === undefined || !world.mayForget(node)) return false;
      node.crash(true);
      later(world, DOWN_AT_LEAST_MS, DOWN_AT_MOST_MS, () => node.start());
      return true;
    },
  },
  {
    name: 'crash of all',
    strike(world) {
      for (const node of world.nodes) {
        node.crash(world.random.chance(0.5) && world.mayForget(node));
        later(world, DOWN_AT_LEAST_MS, DOWN_AT_MOST_MS, () => node.start());
      }
      return true;
    },
  },
  {
    name: 'pause',
    strike(world) {
      const node = runningNode(world);
      if (node === undefined) return false;
      world.tell(`${node.address} gets no time`);
      node.freeze();
      later(world, 100, 8000, () => node.thaw());
      return true;
    },
  },
];
