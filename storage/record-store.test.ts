import { beforeEach, describe, expect, it } from 'vitest';
import { expiryRange, metaKey } from './key-layout.js';
import { CORRUPT, decodeRecord } from './record.js';
import type { RecordEntry } from './record-cache.js';
import { StoreBench } from './record-store.test-support.js';

let bench: StoreBench;
beforeEach(() => {
  bench = new StoreBench();
});

describe('a put', () => {
  it('is seen at once, before anything is written', () => {
    const entry = bench.pinLoaded('k');
    bench.store.put(entry, bench.record('v'));
    expect(bench.seen('k')).toBe('v');
    expect(bench.batches).toEqual([]);
  });

  it('goes to disk at the end of the turn, with all others of the turn, one row per key', () => {
    bench.put('a', '0');
    bench.settle();
    bench.put('b', '0');
    bench.settle();
    bench.batches.length = 0;
    for (const value of ['1', '2', '3']) {
      bench.put('a', value);
      bench.put('b', value);
    }
    bench.settle();
    expect(bench.batches).toEqual([{ rows: 2, sync: false }]);
    expect(bench.store.counters.committedRecords).toBe(4);
  });

  it('gathers while an earlier group is being written: one write at a time', () => {
    const [a, b] = [bench.pinLoaded('a'), bench.pinLoaded('b')];
    bench.store.put(a, bench.record('1'));
    bench.endTurn();
    bench.store.put(a, bench.record('2', 2));
    bench.store.put(b, bench.record('2'));
    bench.endTurn();
    expect(bench.batches).toHaveLength(1);
    expect([bench.store.committedSeq, bench.store.idle]).toEqual([0, false]);
    expect([a.dirtySeq, b.dirtySeq]).toEqual([2, 2]);

    bench.answer();
    expect(bench.store.committedSeq).toBe(1);
    bench.endTurn();
    expect(bench.batches).toEqual([
      { rows: 1, sync: false },
      { rows: 2, sync: false },
    ]);
    bench.answer();
    expect([bench.store.committedSeq, bench.store.idle]).toEqual([2, true]);
  });

  it('is synced with its group under appendfsync always, and only then', () => {
    bench.syncMode = 'always';
    bench.put('a', '1');
    bench.settle();
    bench.syncMode = 'no';
    bench.put('a', '2');
    bench.settle();
    expect(bench.batches.map(({ sync }) => sync)).toEqual([true, false]);
  });

  it('weighs on back-pressure until it is handed to the engine', () => {
    const entry = bench.pinLoaded('key');
    bench.store.put(entry, bench.record('value'));
    expect(bench.store.gatheringBytes).toBe(8);
    bench.endTurn();
    expect(bench.store.gatheringBytes).toBe(0);
  });

  it('of nothing deletes the row; one with an expiry is indexed by it', async () => {
    bench.put('gone', 'v');
    bench.put('dies', 'v', 1, 5000);
    bench.settle();
    const gone = bench.pinLoaded('gone');
    bench.store.put(gone, null);
    bench.settle();
    const iterator = bench.store.iterate(expiryRange(5000));
    const rows = new Promise((resolve) => iterator.next(9, (_, entries) => resolve(entries.length)));
    bench.settle();
    expect(await rows).toBe(1);
    // One data row and its index row.
    expect(bench.engine.stats().details).toEqual({ rows: 2 });
  });
});

it('a commit is told in order: begin, each record as it is encoded, sent, end', () => {
  const log: string[] = [];
  const { store } = bench;
  store.onCommitBegin = (seq) => log.push(`begin ${seq}`);
  store.onCommitRecord = (entry, bytes, length) => {
    const record = decodeRecord(entry.hash, bench.writers, bytes, 0, length);
    log.push(`${entry.key}=${record === CORRUPT ? 'corrupt' : record.siblings[0].payload}`);
  };
  store.onCommitSent = (seq) => log.push(`sent ${seq}, ${bench.batches.length} written`);
  store.onCommitEnd = (seq, error) => log.push(`end ${seq} ${error} committed ${store.committedSeq}`);
  const [a, b] = [bench.pinLoaded('a'), bench.pinLoaded('b')];
  store.put(a, bench.record('1'));
  store.put(b, bench.record('x'.repeat(3)));
  store.put(a, bench.record('2'));
  bench.settle();
  expect(log).toEqual(['begin 1', 'a=2', 'b=xxx', 'sent 1, 0 written', 'end 1 null committed 1']);
});

describe('a load', () => {
  it('finds what was written, and absence; its waiter is told later, never at once', () => {
    bench.cacheBytes = 0;
    bench.put('k', 'v');
    bench.settle();
    bench.put('other', '');
    bench.settle();
    const told: string[] = [];
    const waiter = { loaded: (entry: RecordEntry) => told.push(`${entry.key} ${entry.loadFailure}`) };
    const { store } = bench;
    for (const key of ['k', 'k', 'missing']) store.load(store.pin(0, 0, key), waiter);
    bench.endTurn();
    expect(told).toEqual([]);
    bench.answer();
    expect(told).toEqual(['k null', 'k null', 'missing null']);
    expect([bench.seen('k'), bench.seen('missing')]).toEqual(['v', null]);
  });

  it('shares one multi-get with all others of the turn, and one row with others of its key', () => {
    const { store } = bench;
    let told = 0;
    for (const key of ['a', 'b', 'a', 'c']) store.load(store.pin(0, 0, key), { loaded: () => told++ });
    bench.settle();
    expect(bench.reads).toEqual([3]);
    expect(told).toBe(4);
  });

  it('bounds a multi-get, and gets to all the same', () => {
    const { store } = bench;
    let told = 0;
    for (let i = 0; i < 1200; i++) store.load(store.pin(0, 0, `k${i}`), { loaded: () => told++ });
    bench.settle();
    expect(bench.reads).toEqual([512, 512, 176]);
    expect(told).toBe(1200);
  });

  it('that fails says why, once, and can be tried again', () => {
    bench.readFailure = new Error('bad sector');
    const { store } = bench;
    const entry = store.pin(0, 0, 'k');
    const failures: (string | null)[] = [];
    const waiter = { loaded: () => failures.push(entry.loadFailure) };
    store.load(entry, waiter);
    bench.settle();
    expect(bench.seen('k')).toBeUndefined();
    bench.readFailure = null;
    store.load(entry, waiter);
    bench.settle();
    expect(failures).toEqual(['ERR read failed: bad sector', null]);
    expect(bench.seen('k')).toBeNull();
  });

  it('shows what is left of a record after a flush', () => {
    let flushed = false;
    bench = new StoreBench((_db, record) => (flushed ? null : record));
    bench.put('k', 'v');
    bench.settle();
    expect(bench.read('k')).toBe('v');
    flushed = true;
    bench.store.readmit(1);
    expect(bench.read('k')).toBe('v');
    bench.store.readmit(0);
    expect(bench.read('k')).toBeNull();
  });
});

describe('whenSettled', () => {
  it('runs at once on an idle store, else when all that was put is in the log, and not later', () => {
    const { store } = bench;
    const log: string[] = [];
    store.whenSettled(() => log.push('idle'));
    expect(log).toEqual(['idle']);
    const entry = bench.pinLoaded('k');
    store.put(entry, bench.record('1'));
    bench.endTurn();
    store.whenSettled(() => log.push('first'));
    store.put(entry, bench.record('2'));
    store.whenSettled(() => log.push('second'));
    bench.answer();
    expect(log).toEqual(['idle', 'first']);
    bench.settle();
    expect(log).toEqual(['idle', 'first', 'second']);
  });

  it('waits for rows of the node too', () => {
    let row: Buffer | undefined;
    expect(bench.store.putRow(metaKey('fact'), Buffer.from('true'))).toBe(bench.store.currentSeq);
    bench.store.whenSettled(() => bench.engine.getMany([metaKey('fact')], (_, [value]) => (row = value)));
    expect(row).toBeUndefined();
    bench.settle();
    expect(row?.toString()).toBe('true');
  });
});

describe('sync', () => {
  const synced = () => bench.batches.filter(({ sync }) => sync).length;

  it('syncs what was written since the last time, and nothing when there is nothing', () => {
    bench.store.sync(() => {});
    expect(synced()).toBe(0);
    bench.put('k', 'v');
    bench.settle();
    for (let i = 0; i < 2; i++) {
      bench.store.sync(() => {});
      bench.settle();
    }
    expect(synced()).toBe(1);
  });

  it('is not the last word on a group that was still being written when it was asked for', () => {
    bench.put('k', 'v');
    bench.endTurn();
    bench.store.sync(() => {});
    bench.settle();
    const before = synced();
    bench.store.sync(() => {});
    bench.settle();
    expect(synced()).toBe(before + 1);
  });

  it('that failed is tried again by the next', () => {
    bench.put('k', 'v');
    bench.settle();
    bench.writeFailure = new Error('EIO');
    let failure: Error | null = null;
    bench.store.sync((error) => {
      failure = error;
    });
    bench.settle();
    expect(failure).toBe(bench.writeFailure);
    bench.writeFailure = null;
    bench.store.sync((error) => {
      failure = error;
    });
    bench.settle();
    expect(failure).toBeNull();
    expect(synced()).toBe(2);
  });
});

describe('the seal', () => {
  let sealed: boolean;
  beforeEach(() => {
    sealed = false;
    bench.put('k', 'old');
    bench.settle();
  });
  const seal = () =>
    bench.store.seal(() => {
      sealed = true;
    });

  it('comes with the end of the turn when nothing is under way', () => {
    seal();
    expect(sealed).toBe(false);
    bench.endTurn();
    expect(sealed).toBe(true);
  });

  it('waits for what is read, for what is put because of that, and for what is written', () => {
    const entry = bench.store.pin(0, 0, 'other');
    bench.store.load(entry, { loaded: () => bench.store.put(entry, bench.record('v')) });
    seal();
    bench.endTurn();
    bench.answer();
    bench.endTurn();
    expect([bench.batches.length, sealed]).toEqual([2, false]);
    bench.settle();
    expect([bench.store.idle, sealed]).toEqual([true, true]);
    expect(bench.store.aheadOfDisk).toEqual([]);
  });

  it('waits for what the disk is asked again after a failed write', () => {
    bench.writeFailure = new Error('the disk is full');
    bench.put('k', 'lost', 2);
    bench.endTurn();
    seal();
    bench.answer();
    bench.endTurn();
    expect(sealed).toBe(false);
    bench.settle();
    expect([bench.seen('k'), sealed]).toEqual(['old', true]);
  });

  it('lets nothing more be read or written', () => {
    seal();
    bench.settle();
    const [reads, writes] = [bench.reads.length, bench.batches.length];
    bench.putNow('k', 'new', 2);
    bench.store.putRow(metaKey('fact'), Buffer.from('true'));
    let loaded = false;
    bench.store.load(bench.store.pin(0, 0, 'other'), { loaded: () => (loaded = true) });
    bench.settle();
    expect([bench.reads.length, bench.batches.length, loaded]).toEqual([reads, writes, false]);
  });
});
