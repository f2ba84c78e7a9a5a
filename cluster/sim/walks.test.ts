import { describe, expect, it } from 'vitest';
import { ALL } from '../core/levels.js';
import { hunt } from './mutants/hunt.js';
import { type Plan, simulate } from './simulation.js';

const PLAN = {
  nodes: 4,
  seconds: 60,
  clients: 2,
  walks: { clients: 4, thinkMs: 20, level: ALL },
} as const satisfies Partial<Plan>;

describe('walks of the keyspace', () => {
  it.each([2, 3])('seed %i: miss nothing while slots move', (seed) => {
    const report = simulate({
      ...PLAN,
      seed,
      troubles: { faults: ['node joins', 'node leaves', 'weight changed'], everyMs: 3000 },
      elastic: { leastMembers: 3, racks: 0 },
    });
    expect(report.violations).toEqual([]);
    expect(report.walked).toBeGreaterThan(100);
  });

  it.each([4, 5, 7])('seed %i: miss nothing that all homes have confirmed, whoever is down', (seed) => {
    const faults = ['crash', 'partition', 'one-way cut', 'pause', 'clean stop'];
    const report = simulate({ ...PLAN, seed, troubles: { faults, everyMs: 10_000 } });
    expect(report.violations).toEqual([]);
    expect(report.walked).toBeGreaterThan(15);
  });

  it('would be found out if a home that is only becoming one answered', () => {
    const { seed, without } = hunt('gaining homes answer walks', 5);
    expect([seed === undefined, without]).toEqual([false, '']);
  });
});
