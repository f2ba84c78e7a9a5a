import { describe, expect, it } from 'vitest';
import { DEFAULT, type Level } from '../../core/levels.js';
import { type Plan, type Report, simulate } from '../simulation.js';
import type { SerialPlan } from './serial-workload.js';

const SHARED: SerialPlan = {
  clients: 5,
  registers: 1,
  pairs: 1,
  counters: 1,
  banks: 1,
  locks: 1,
  mixed: 0,
  slots: 2,
};

function run(seed: number, level: Level, faults: readonly string[]): Report {
  const report = simulate({
    seed,
    nodes: 5,
    seconds: 20,
    clients: 0,
    troubles: { faults, everyMs: 2000 },
    serial: { ...SHARED, level },
  });
  expect(report.steps).toBeGreaterThan(200);
  return report;
}

const NONE: SerialPlan = { ...SHARED, registers: 0, pairs: 0, counters: 0, banks: 0, locks: 0 };

function expectSound(plan: Plan): Report {
  const report = simulate({ clients: 0, ...plan });
  expect(report.violations, `seed ${plan.seed}`).toEqual([]);
  return report;
}

describe('steps at SERIAL', () => {
  it.each([1, 2])('seed %i: where nothing fails, every one of them succeeds', (seed) => {
    const { steps, failed } = expectSound({ seed, nodes: 5, seconds: 20, serial: SHARED });
    expect(steps).toBeGreaterThan(1000);
    expect(failed).toBe(0);
  });

  it.each([1, 2, 3, 4])(
    'seed %i: twenty clients fight for a lock while a partition moves every second',
    (seed) => {
      const troubles = { faults: ['partition'], everyMs: 1000 };
      const serial = { ...NONE, locks: 1, clients: 20 };
      const { steps } = expectSound({ seed, nodes: 5, seconds: 30, troubles, serial });
      expect(steps).toBeGreaterThan(200);
    },
  );

  it.each([1, 2, 3, 4])('seed %i: the sum of all accounts never changes', (seed) => {
    const faults = ['partition', 'crash', 'proposer dies in a round', 'proposer cut off in a round', 'pause'];
    const serial = { ...NONE, banks: 2, slots: 2 };
    const { steps } = expectSound({
      seed,
      nodes: 5,
      seconds: 30,
      troubles: { faults, everyMs: 1500 },
      serial,
    });
    expect(steps).toBeGreaterThan(200);
  });

  it.each([1, 2, 3, 4])(
    'seed %i: machines lose power, and no log is synced but for what registers need',
    (seed) => {
      const faults = ['power loss', 'acceptor loses power in a round', 'crash of all', 'slow disk'];
      expectSound({
        seed,
        nodes: 3,
        seconds: 30,
        troubles: { faults, everyMs: 2500 },
        serial: SHARED,
        settings: { syncMode: 'no' },
      });
    },
  );
});

describe('steps without the register (a checker that cannot fail checks nothing)', () => {
  it('are found not to be one after another when the network is cut', () => {
    const found = [1, 2, 3].flatMap((seed) => run(seed, DEFAULT, ['partition']).violations);
    expect(found.join('\n')).toContain('is not linearizable');
  });

  it('give the lock to two at a time', () => {
    const troubles = { faults: ['partition'], everyMs: 1000 };
    const serial = { ...NONE, locks: 1, clients: 20, level: DEFAULT };
    const { violations } = simulate({ seed: 1, nodes: 5, seconds: 30, clients: 0, troubles, serial });
    expect(violations.join('\n')).toContain('was held by');
  });
});
