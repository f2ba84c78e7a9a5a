import { beforeEach, describe, expect, it } from 'vitest';
import { dataKey, metaKey } from './key-layout.js';
import { CORRUPT, decodeRecord, type KeyRecord } from './record.js';
import type { RecordEntry } from './record-cache.js';
import { RecordScratch } from './record-scratch.js';
import { StoreBench } from './record-store.test-support.js';

let bench: StoreBench;
/** What was handed over, begun, sent and ended, in order. */
let log: string[];

beforeEach(() => {
  bench = new StoreBench();
  log = [];
  const { store } = bench;
  store.onCommitBegin = (seq) => log.push(`begin ${seq}`);
  store.onCommitRecord = (entry, bytes, length) => {
    const record = length === 0 ? null : decodeRecord(entry.hash, bench.writers, bytes, 0, length);
    log.push(`${entry.key}=${record === CORRUPT ? 'corrupt' : (record?.siblings[0].payload ?? '')}`);
  };
  store.onCommitSent = (seq) => log.push(`sent ${seq}`);
  store.onCommitEnd = (seq) => log.push(`end ${seq}`);
});

function encoded(entry: RecordEntry, record: KeyRecord): Buffer {
  const scratch = new RecordScratch(bench.writers);
  const length = scratch.encode(record, entry.hash);
  return Buffer.from(scratch.buffer.subarray(0, length));
}

/** The payload on the disk; null: there is no row. */
function onDisk({ key, hash }: RecordEntry): string | null {
  let found: string | null = 'not answered';
  bench.engine.getMany([dataKey(0, 0, hash, key)], (_error, [row]) => {
    const record = row === undefined ? null : decodeRecord(hash, bench.writers, row, 0, row.length);
    found = record === CORRUPT ? 'corrupt' : (record?.siblings[0].payload ?? null);
  });
  bench.settle();
  return found;
}

describe('more than may be handed over in a turn', () => {
  let a: RecordEntry;
  let b: RecordEntry;
  let c: RecordEntry;

  beforeEach(() => {
    bench.turnBytes = 1;
    [a, b, c] = ['a', 'b', 'c'].map((key) => bench.pinLoaded(key));
    for (const entry of [a, b, c]) bench.store.put(entry, bench.record('1'));
  });

  it('follows in the next turns, and is one group and one batch all the same', () => {
    bench.store.putRow(metaKey('fact'), Buffer.from('true'));
    bench.endTurn();
    expect(log).toEqual(['begin 1', 'a=1']);
    bench.endTurn();
    expect(log.slice(2)).toEqual(['b=1']);
    expect([bench.batches.length, bench.store.idle]).toEqual([0, false]);
    bench.endTurn();
    expect(log.slice(3)).toEqual(['c=1', 'sent 1']);
    expect(bench.batches).toEqual([{ rows: 4, sync: false }]);
    bench.settle();
    expect([log.at(-1), bench.store.committedSeq, bench.store.idle]).toEqual(['end 1', 1, true]);
  });

  it('weighs on back-pressure until it is handed over', () => {
    const weights: number[] = [];
    for (let turn = 0; turn < 3; turn++) {
      weights.push(bench.store.gatheringBytes);
      bench.endTurn();
    }
    expect([...weights, bench.store.gatheringBytes]).toEqual([6, 4, 2, 0]);
  });

  it('is handed over as it was when it is put again before its turn; the new record goes with the next group', () => {
    bench.endTurn();
    bench.store.put(c, bench.record('2', 2));
    bench.store.put(c, bench.record('3', 3));
    expect(log.slice(2)).toEqual(['c=1']);
    expect([bench.seen('c'), c.dirtySeq]).toEqual(['3', 2]);
    bench.endTurn();
    bench.endTurn();
    expect(log.slice(3)).toEqual(['b=1', 'sent 1']);
    bench.answer();
    expect([onDisk(c), c.pins]).toEqual(['3', 1]);
    expect(log.slice(5)).toEqual(['end 1', 'begin 2', 'c=3', 'sent 2', 'end 2']);
  });

  it('takes rows about its records with it, and no others', () => {
    const { store } = bench;
    const told = store.onCommitRecord;
    store.onCommitRecord = (entry, bytes, length) => {
      told(entry, bytes, length);
      expect(store.putRow(metaKey(`about ${entry.key}`), Buffer.from('true'))).toBe(entry.dirtySeq);
    };
    bench.endTurn();
    expect(store.putRow(metaKey('other'), Buffer.from('true'))).toBe(2);
    store.put(b, bench.record('2', 2));
    bench.settle();
    expect(bench.batches.map(({ rows }) => rows)).toEqual([6, 3]);
  });

  it('fails as a whole: what was put again meanwhile stays, the disk is asked for the rest', () => {
    bench.endTurn();
    bench.store.put(b, bench.record('2', 2));
    bench.writeFailure = new Error('disk full');
    bench.endTurn();
    bench.writeFailure = null;
    bench.settle();
    expect(['a', 'b', 'c'].map((key) => bench.seen(key))).toEqual([null, '2', null]);
    expect(onDisk(b)).toBe('2');
  });
});

describe('a record that came encoded', () => {
  const AS_IT_CAME = 'as it came';
  let entry: RecordEntry;
  const came = (payload = AS_IT_CAME): Buffer => encoded(entry, bench.record(payload));

  beforeEach(() => {
    entry = bench.pinLoaded('k');
  });

  it('is stored as it came, in the same batch as the others, and not encoded again', () => {
    const other = bench.pinLoaded('other');
    bench.store.put(entry, bench.record('the same'), came());
    bench.store.put(other, bench.record('v'));
    bench.settle();
    expect(log).toEqual(['begin 1', 'k=', 'other=v', 'sent 1', 'end 1']);
    expect(bench.batches).toEqual([{ rows: 2, sync: false }]);
    expect(onDisk(entry)).toBe(AS_IT_CAME);
  });

  it('has its rows in the indexes', () => {
    for (const record of [bench.record('expires', 1, 5000), bench.record(null, 2)]) {
      bench.store.put(entry, record, encoded(entry, record));
      bench.settle();
    }
    expect(bench.batches.map(({ rows }) => rows)).toEqual([2, 2]);
  });

  it.each([
    ['by one made here', undefined],
    ['by another that came: many of one key are one row more, not many', 'came'],
  ])('is replaced %s in the same group', (_by, how) => {
    bench.store.put(entry, bench.record('1'), came());
    for (const payload of ['2', '3', '4'])
      bench.store.put(entry, bench.record(payload), how === undefined ? undefined : came());
    bench.settle();
    expect(bench.batches).toEqual([{ rows: 2, sync: false }]);
    expect(onDisk(entry)).toBe('4');
  });

  it('is encoded for whom else it is to be sent to', () => {
    entry.replicate = {};
    bench.store.put(entry, bench.record('v'), came('v'));
    bench.endTurn();
    expect(log).toEqual(['begin 1', 'k=v', 'sent 1']);
  });

  it('is in memory only once when it is long', () => {
    const long = 'x'.repeat(20_000);
    bench.store.put(entry, bench.record(long), came('y'.repeat(20_000)));
    bench.settle();
    expect(onDisk(entry)).toBe(long);
  });

  it('does not outlive what is flushed before it is written', () => {
    const marked = new StoreBench((_db, record) => (isFlushed ? null : record));
    let isFlushed = false;
    bench = marked;
    entry = bench.pinLoaded('k');
    bench.store.put(entry, bench.record('v'), came());
    isFlushed = true;
    bench.store.readmit(0);
    bench.settle();
    expect(onDisk(entry)).toBe(null);
  });
});
