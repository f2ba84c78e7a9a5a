import { expect, it } from 'vitest';
import { slotOf } from '../core/slot.js';
import { judge } from './judgement.js';
import type { Outcome } from './sim-call.js';
import { SimWorld } from './sim-world.js';

const KEYS = ['plate', 'cup{plate}', 'spoon{plate}'];
const STUCK_MS = 1500;

it.each([3, 5])(
  'of %i nodes, a coordinator whose disk is stuck has its writes confirmed by the others',
  (count) => {
    const world = new SimWorld(1, count);
    world.form();
    const { topology } = world.nodes[0].life!.node;
    const [first] = topology.homes(slotOf(KEYS[0]));
    const coordinator = world.nodes.find(({ address }) => address === topology.members[first].busAddress)!;
    for (const key of KEYS) world.ask(coordinator, { kind: 'incr', keys: [key] });
    coordinator.disk.delay = () => STUCK_MS;
    const outcomes: Outcome[] = [];
    for (const key of KEYS) {
      coordinator.ask(
        { kind: 'incr', keys: [key], value: '', level: 0 },
        (outcome) => void outcomes.push(outcome),
      );
      // The first is handed to the disk, and to the others in the same breath; those behind it wait for it.
      world.runFor(20);
    }
    expect(world.runUntil(() => outcomes.length === KEYS.length, STUCK_MS - 500)).toBe(true);
    expect(outcomes.map(({ failure }) => failure)).toEqual([null, null, null]);
    coordinator.disk.delay = () => 1;
    judge(world);
    expect(world.checker.violations).toEqual([]);
  },
);
