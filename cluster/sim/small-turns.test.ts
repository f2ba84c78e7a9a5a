import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ProcessClock } from './sim-clock.js';
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
/** How long a turn of the event loop takes here, ms. */
const TURN_MS = 4;

// Elsewhere in the simulator turns take no time, and nothing can come between two of them.
beforeEach(() => {
  vi.spyOn(ProcessClock.prototype, 'defer').mockImplementation(function (this: ProcessClock, run) {
    this.setTimer(TURN_MS, run);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

it.each([
  [1, false],
  [2, true],
])(
  'seed %i, sloppy %s: one record is handed over in a turn, and anything comes in between',
  (seed, sloppy) => {
    const { violations, acknowledged, world } = simulate({
      seed,
      nodes: 5,
      seconds: 20,
      clients: 20,
      keys: 4,
      thinkMs: 5,
      troubles: { faults: FAULTS, everyMs: 1600 },
      settings: { turnWriteBytes: 1, sloppy, maxHintsBytes: 1 << 20 },
    });
    expect(violations).toEqual([]);
    expect(world.logged).toEqual([]);
    expect(acknowledged).toBeGreaterThan(100);
  },
);
