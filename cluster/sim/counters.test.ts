import { describe, expect, it } from 'vitest';
import { DEFAULT, QUORUM, SERIAL } from '../core/levels.js';
import type { Troubles } from './sim-chaos.js';
import { type Plan, simulate } from './simulation.js';

/** Cuts that leave both sides able to write, and deaths in between. */
const TWO_WRITERS: Troubles = {
  faults: ['partition', 'partial partition', 'one-way cut', 'broken connection', 'crash'],
  everyMs: 1500,
};

const COUNTING: Omit<Plan, 'seed'> = {
  nodes: 5,
  seconds: 40,
  keys: 3,
  thinkMs: 40,
  mix: { incr: 10, keep: 2, get: 2 },
  settings: { sloppy: true, readQuorum: 1, writeQuorum: 1 },
  troubles: TWO_WRITERS,
};

describe('counters, where both sides of a partition count', () => {
  it.each([1, 2, 3, 4])(
    'seed %i: every increment that was acknowledged counts once, every other at most once',
    (seed) => {
      const { violations, acknowledged, world } = simulate({ ...COUNTING, seed });
      expect(violations).toEqual([]);
      expect(acknowledged).toBeGreaterThan(100);
      expect(world.struck.get('partition')).toBeGreaterThan(0);
    },
  );
});

describe('counters that some increment by plain writes and some through the register', () => {
  it.each([11, 12, 13, 14])('seed %i: all of it counts', (seed) => {
    const settings = { sloppy: true, readQuorum: QUORUM, writeQuorum: QUORUM };
    const { violations, acknowledged } = simulate({ ...COUNTING, settings, levels: [DEFAULT, SERIAL], seed });
    expect(violations).toEqual([]);
    expect(acknowledged).toBeGreaterThan(100);
  });
});
