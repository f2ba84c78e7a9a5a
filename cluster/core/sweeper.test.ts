import { beforeEach, expect, it } from 'vitest';
import { StoreBench } from '../../storage/record-store.test-support.js';
import type { Clock } from '../environment.js';
import { Sweeper } from './sweeper.js';

const NOW = Date.UTC(2026, 0, 1);
let bench: StoreBench;
let flushed: boolean;
let tick: () => void;
let sweeper: Sweeper;

beforeEach(() => {
  flushed = false;
  bench = new StoreBench((_db, record) => (flushed ? null : record));
  const setTimer = (_ms: number, run: () => void): void => {
    tick = run;
  };
  const clock = { now: () => NOW, setTimer };
  sweeper = new Sweeper(bench.store, clock as unknown as Clock);
  sweeper.start();
});

function sweep(): void {
  tick();
  bench.settle();
}

function rows(): number {
  return Number(bench.engine.stats().details['rows']);
}

/** Puts everything out of the cache. */
function forget(): void {
  bench.cacheBytes = 0;
  for (let i = 0; i < 3; i++) bench.store.unpin(bench.store.pin(0, 0, `other${i}`));
}

it('comes back to an expired record that the disk did not give', () => {
  bench.put('k', 'v', 1, NOW - 5000);
  bench.settle();
  forget();
  bench.readFailure = new Error('EIO');
  sweep();
  bench.readFailure = null;
  expect(bench.counts.total(0)).toBe(1);
  sweep();
  expect(bench.counts.total(0)).toBe(0);
  expect(sweeper.counters.expired).toBe(1);
});

it('comes back to flushed records that could not be removed', () => {
  for (const key of ['a', 'b', 'c']) bench.put(key, 'v');
  bench.settle();
  forget();
  flushed = true;
  sweeper.flushed();
  bench.writeFailure = new Error('the disk is full');
  sweep();
  expect(rows()).toBe(3);
  bench.writeFailure = null;
  bench.store.putRow(Buffer.from('mx'), null);
  bench.settle();
  sweep();
  expect(rows()).toBe(0);
});
