import { beforeEach, describe, expect, it } from 'vitest';
import { type Dropped, dropRows } from './drop-rows.js';
import { expiryRange } from './key-layout.js';
import type { RecordEntry } from './record-cache.js';
import { StoreBench } from './record-store.test-support.js';

let bench: StoreBench;
beforeEach(() => {
  bench = new StoreBench();
});

function step(from: Buffer | null, mayGo: (entry: RecordEntry) => boolean): [Error | null, Dropped] {
  let result: [Error | null, Dropped] | undefined;
  dropRows(bench.store, 0, from, mayGo, (...all) => {
    result = all;
  });
  bench.settle();
  return result!;
}

/** All of it; returns the steps. */
function dropAll(mayGo: (entry: RecordEntry) => boolean = () => true): Dropped[] {
  const steps: Dropped[] = [];
  let from: Buffer | null = null;
  do {
    const [error, dropped]: [Error | null, Dropped] = step(from, mayGo);
    expect(error).toBeNull();
    steps.push(dropped);
    from = dropped.next;
  } while (from !== null);
  return steps;
}

function evict(): void {
  bench.cacheBytes = 0;
  bench.store.unpin(bench.store.pin(0, 3, 'other'));
  bench.store.unpin(bench.store.pin(0, 3, 'other'));
  bench.cacheBytes = 1 << 20;
}

function rows(): number {
  let count = 0;
  const iterator = bench.store.iterate({ from: Buffer.from('a'), to: Buffer.from('z') });
  iterator.next(10_000, (_, found) => {
    count = found.filter(({ key }) => key[0] !== 0x6d).length;
  });
  bench.settle();
  iterator.close(() => {});
  bench.settle();
  return count;
}

describe('the rows of a slot', () => {
  it('go from the disk, the cache, the counts and the trees, with what the expiry index has of them', () => {
    bench.put('a', '1');
    bench.put('b', '2', 1, 5000);
    bench.put('c', null);
    bench.settle();
    expect([rows(), bench.counts.slot(0, 0), bench.trees.isEmpty(0, 0)]).toEqual([5, 2, false]);
    expect(dropAll()).toMatchObject([{ dropped: 3, kept: 0, next: null }]);
    expect([bench.counts.slot(0, 0), bench.counts.withExpiry(0), bench.trees.isEmpty(0, 0)]).toEqual([
      0,
      0,
      true,
    ]);
    // What is left is in the index of tombstones, and stale.
    expect(rows()).toBe(1);
    const iterator = bench.store.iterate(expiryRange(9999));
    iterator.next(10, (_, found) => expect(found).toEqual([]));
    bench.settle();
    evict();
    expect([bench.read('a'), bench.read('b'), bench.read('c')]).toEqual([null, null, null]);
  });

  it('of another slot stay', () => {
    bench.put('a', '1');
    const entry = bench.store.pin(0, 1, 'b');
    bench.store.put(entry, bench.record('2'));
    bench.settle();
    dropAll();
    expect([bench.counts.slot(0, 0), bench.counts.slot(0, 1)]).toEqual([0, 1]);
  });

  it('go some at a time, and a crash in between leaves the rest to be found', () => {
    for (let i = 0; i < 600; i++) bench.put(`key${i}`, '1');
    bench.settle();
    const [, first] = step(null, () => true);
    expect([first.dropped, first.next === null, bench.counts.slot(0, 0)]).toEqual([32, false, 568]);
    expect(dropAll().map(({ dropped }) => dropped)).toEqual([...Array(17).fill(32), 24]);
    expect(bench.counts.slot(0, 0)).toBe(0);
  });

  it('stay if they must, and are counted', () => {
    for (const key of ['a', 'b', 'c']) bench.put(key, '1');
    bench.settle();
    expect(dropAll(({ key }) => key !== 'b')).toMatchObject([{ dropped: 2, kept: 1 }]);
    expect([bench.read('a'), bench.read('b')]).toEqual([null, '1']);
  });

  it('go when they are damaged', () => {
    bench.put('a', '1');
    bench.settle();
    evict();
    bench.damage('a');
    expect(dropAll()).toMatchObject([{ dropped: 1, kept: 0 }]);
    evict();
    expect(bench.read('a')).toBeNull();
  });

  it('stay while the disk cannot be read', () => {
    bench.put('a', '1');
    bench.settle();
    evict();
    bench.readFailure = new Error('IO');
    expect(dropAll()).toMatchObject([{ dropped: 0, kept: 1 }]);
    bench.readFailure = null;
    expect(dropAll()).toMatchObject([{ dropped: 1, kept: 0 }]);
  });

  it('are there again when the disk does not take it', () => {
    bench.put('a', '1');
    bench.settle();
    bench.writeFailure = new Error('full');
    expect(step(null, () => true)[0]).toEqual(new Error('full'));
    bench.writeFailure = null;
    bench.settle();
    expect(bench.read('a')).toBe('1');
    expect(bench.counts.slot(0, 0)).toBe(1);
  });
});
