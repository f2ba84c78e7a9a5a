import { beforeEach, expect, it } from 'vitest';
import { dataKey } from '../../storage/key-layout.js';
import { isTombstone, STRING } from '../../storage/record.js';
import { StoreBench } from '../../storage/record-store.test-support.js';
import { fnv1a, writerId } from '../../storage/writers.js';
import type { Clock } from '../environment.js';
import { applyRecord } from './apply.js';
import { Sweeper } from './sweeper.js';
import { digestA, digestB } from './version.js';

const NOW = Date.UTC(2026, 0, 1);
let bench: StoreBench;
let flushed: boolean;
let now: number;
let tick: () => void;
let sweeper: Sweeper;

beforeEach(() => {
  flushed = false;
  bench = new StoreBench((_db, record) => (flushed ? null : record));
  const setTimer = (_ms: number, run: () => void): void => {
    tick = run;
  };
  const clock = { now: () => now, setTimer };
  now = NOW;
  sweeper = new Sweeper(bench.store, clock as unknown as Clock, () => true);
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

it('turns each sibling into a tombstone at its own time, and the key into one that can be reaped after the last', () => {
  const dead = (): boolean => isTombstone(bench.pinLoaded('k').record!);
  const sibling = (writer: number, hlc: number, expireAt: number) =>
    ({ writer, hlc, type: STRING, expireAt, payload: `v${hlc}` }) as const;
  const other = bench.writers.index(writerId('b'.repeat(32), 0));
  const record = {
    context: [bench.writer, 9, other, 7],
    siblings: [sibling(bench.writer, 9, NOW + 60_000), sibling(other, 7, NOW - 5000)],
  };
  bench.store.put(bench.pinLoaded('k'), record);
  bench.settle();
  const digests = [digestA(record, bench.writers), digestB(record, bench.writers)];
  sweep();
  expect(bench.pinLoaded('k').record!.siblings.map(({ payload }) => payload)).toEqual(['v9', '']);
  expect([bench.counts.total(0), dead(), rows()]).toEqual([1, false, 2]);
  now += 61_001;
  sweep();
  const swept = bench.pinLoaded('k').record!;
  expect([bench.counts.total(0), dead()]).toEqual([0, true]);
  // One row of data and one of the tombstone index: those of the expiry index are gone.
  expect(rows()).toBe(2);
  // A replica that has not swept yet has the same digest, and merging with it brings nothing back.
  expect([digestA(swept, bench.writers), digestB(swept, bench.writers)]).toEqual(digests);
  expect(applyRecord(bench.store, bench.pinLoaded('k'), record)).toBe(false);
});

it('removes damaged records of a flushed database, and only of that one', () => {
  const damage = (db: number): void => {
    const batch = bench.engine.batch();
    batch.put(dataKey(0, db, fnv1a('k'), 'k'), Buffer.from('rubbish'));
    batch.write(true, () => {});
    bench.settle();
  };
  damage(0);
  damage(1);
  sweeper.flushed([0]);
  sweep();
  sweep();
  expect(rows()).toBe(1);
  expect(bench.store.peek(1, 'k')).toBeUndefined();
});

it('comes back to flushed records that could not be removed', () => {
  for (const key of ['a', 'b', 'c']) bench.put(key, 'v');
  bench.settle();
  forget();
  flushed = true;
  sweeper.flushed([0]);
  bench.writeFailure = new Error('the disk is full');
  sweep();
  expect(rows()).toBe(3);
  bench.writeFailure = null;
  bench.store.putRow(Buffer.from('mx'), null);
  bench.settle();
  sweep();
  expect(rows()).toBe(0);
});
