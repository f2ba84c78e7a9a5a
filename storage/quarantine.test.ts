import { beforeEach, expect, it } from 'vitest';
import { type DataKey, parseDataKey, quarantineRange } from './key-layout.js';
import { Quarantine } from './quarantine.js';
import { StoreBench } from './record-store.test-support.js';

let bench: StoreBench;
let maxBytes: number;
let quarantine: Quarantine;
beforeEach(() => {
  bench = new StoreBench();
  maxBytes = 1 << 20;
  quarantine = new Quarantine(bench.store, () => maxBytes);
});

const row = (key: string): DataKey => ({ slot: 7, db: 1, hash: 99, key });

function keep(key: string, bytes: string, nowMs = 1): boolean {
  const kept = quarantine.keep(row(key), Buffer.from(bytes, 'latin1'), nowMs);
  bench.settle();
  return kept;
}

/** What is on the disk: keys and bytes, in the order of the keys. */
function onDisk(): string[] {
  const found: string[] = [];
  const iterator = bench.store.iterate(quarantineRange());
  iterator.next(1000, (_, rows) => {
    for (const { key, value } of rows)
      found.push(`${parseDataKey(key, 1).key}: ${value.latin1Slice(8)} since ${value.readDoubleBE(0)}`);
  });
  bench.settle();
  iterator.close(() => {});
  bench.settle();
  return found;
}

it('keeps the damaged bytes of each key, with the time, and once', () => {
  expect([keep('a', 'rubbish\xff', 5), keep('b', 'nonsense', 6)]).toEqual([true, true]);
  const batches = bench.batches.length;
  expect(keep('a', 'rubbish\xff', 9)).toBe(false);
  expect(bench.batches.length).toBe(batches);
  expect(onDisk()).toEqual(['a: rubbish\xff since 5', 'b: nonsense since 6']);
  expect(keep('a', 'other rubbish', 10)).toBe(true);
  expect(onDisk()).toEqual(['a: other rubbish since 10', 'b: nonsense since 6']);
  expect(quarantine.rows).toBe(2);
});

it('lets the oldest go when there is too much, and takes nothing that is larger than all room', () => {
  maxBytes = 500;
  const bytes = 'x'.repeat(100);
  for (const key of ['a', 'b', 'c', 'd', 'e']) keep(key, bytes);
  expect(onDisk().map((line) => line[0])).toEqual(['b', 'c', 'd', 'e']);
  expect(quarantine.bytes).toBeLessThanOrEqual(maxBytes);
  expect(keep('huge', 'x'.repeat(1000))).toBe(true);
  expect(quarantine.rows).toBe(4);
  maxBytes = 0;
  keep('f', bytes);
  keep('b', 'changed');
  expect(onDisk().map((line) => line[0])).toEqual(['c', 'd', 'e']);
});

it('knows after a restart what it holds, and in which order it came', () => {
  for (let i = 0; i < 40; i++) keep(`k${i}`, 'x'.repeat(100), 1000 - i);
  const { bytes } = quarantine;
  quarantine = new Quarantine(bench.store, () => maxBytes);
  quarantine.start();
  // Found while what was there before is still being read.
  quarantine.keep(row('k3'), Buffer.from('new'), 2000);
  bench.settle();
  expect(quarantine.rows).toBe(40);
  expect(quarantine.bytes).toBe(bytes - 97);
  expect(keep('k7', 'x'.repeat(100))).toBe(false);
  maxBytes = 400;
  keep('last', 'x');
  expect(onDisk().map((line) => line.split(':')[0])).toEqual(['k0', 'k1', 'k3', 'last']);
});
