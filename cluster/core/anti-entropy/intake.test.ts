import { expect, it } from 'vitest';
import { CoreBench } from '../coordinator.test-support.js';
import { HybridClock } from '../hlc.js';
import { Intake, type Taken } from './intake.js';

const QUIET = { info: () => {}, warn: () => {}, error: () => {} };

// Seed 3001826 of `simulate -- --serial --minutes 0.4`: a swap that was acknowledged by three of five was undone.
it('does not put what one peer has in the place of a damaged copy, which may have held more', () => {
  const bench = new CoreBench();
  const clock = {
    now: () => bench.now,
    elapsed: () => bench.now,
    defer: () => {},
    setTimer: () => 0,
    clearTimer: () => {},
  };
  const hlc = new HybridClock(0, () => 60_000);
  const intake = new Intake(bench.store, bench.disk.trees, clock, hlc, QUIET);
  bench.onDisk('k', bench.record('newer', 2));
  bench.damage('k');
  let became: Taken | undefined;
  intake.take(0, bench.slot, 'k', bench.record('older', 1), (taken) => {
    became = taken;
  });
  bench.disk.settle();
  expect([became, bench.load('k')]).toEqual(['damaged', null]);
  for (let i = 0; i < 4; i++) {
    bench.damaged.tick(bench.now, bench.now);
    bench.answerReads({ 1: bench.record('newer', 2), 2: bench.record('older', 1) });
    bench.disk.settle();
  }
  expect(bench.load('k')).toBe('newer');
});
