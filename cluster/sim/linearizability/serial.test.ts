import { describe, expect, it } from 'vitest';
import { DEFAULT, type Level } from '../../core/levels.js';
import { type Report, simulate } from '../simulation.js';
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

describe('steps without the register (a checker that cannot fail checks nothing)', () => {
  it('are found not to be one after another when the network is cut', () => {
    const found = [1, 2, 3].flatMap((seed) => run(seed, DEFAULT, ['partition']).violations);
    expect(found.join('\n')).toMatch(/register0.* is not linearizable/);
    expect(found.join('\n')).toMatch(/account0.* is not linearizable/);
  });
});
