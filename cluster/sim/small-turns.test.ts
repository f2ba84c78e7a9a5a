import { expect, it } from 'vitest';
import { simulate } from './simulation.js';

const FAULTS = [
  'crash',
  'clean stop',
  'partition',
  'one-way cut',
  'broken connection',
  'full disk',
  'slow disk',
];

// A group commit is then handed over in many turns, and messages, deaths and failed writes come in between.
it.each([
  [1, false],
  [2, true],
])('seed %i, sloppy %s: one record is handed over in a turn, whatever fails', (seed, sloppy) => {
  const { violations, acknowledged, world } = simulate({
    seed,
    nodes: 5,
    seconds: 20,
    troubles: { faults: FAULTS, everyMs: 1600 },
    settings: { turnWriteBytes: 1, sloppy, maxHintsBytes: 1 << 20 },
  });
  expect(violations).toEqual([]);
  expect(world.logged).toEqual([]);
  expect(acknowledged).toBeGreaterThan(100);
});
