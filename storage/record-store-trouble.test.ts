import { beforeEach, describe, expect, it } from 'vitest';
import { dataKey, parseDataKey } from './key-layout.js';
import { CORRUPT, encodedBytes, encodeRecord, makeRecord } from './record.js';
import { RecordEntry } from './record-cache.js';
import { StoreBench } from './record-store.test-support.js';

let bench: StoreBench;
beforeEach(() => {
  bench = new StoreBench();
});

describe('a commit that fails', () => {
  beforeEach(() => {
    bench.put('k', 'kept');
    bench.settle();
    bench.writeFailure = new Error('the disk is full');
  });

  it('is forgotten: the disk is asked again', () => {
    const [known, fresh] = [bench.pinLoaded('k'), bench.pinLoaded('new')];
    bench.store.put(known, bench.record('lost', 2));
    bench.store.put(fresh, bench.record('lost'));
    expect([bench.seen('k'), bench.seen('new')]).toEqual(['lost', 'lost']);
    bench.settle();
    expect(bench.read('k')).toBe('kept');
    expect(bench.read('new')).toBeNull();
  });

  it('is told to those who wait for the group, and counts as over', () => {
    const ends: (string | undefined)[] = [];
    bench.store.onCommitEnd = (_seq, error) => ends.push(error?.message);
    bench.put('k', 'lost', 2);
    let settled = false;
    bench.store.whenSettled(() => {
      settled = true;
    });
    bench.settle();
    expect(ends).toEqual(['the disk is full']);
    expect(settled).toBe(true);
    expect(bench.store.committedSeq).toBe(bench.store.currentSeq - 1);
    expect(bench.store.counters.failedCommits).toBe(1);
  });

  it('leaves its error until a write succeeds', () => {
    bench.put('k', 'lost', 2);
    bench.settle();
    expect(bench.store.writeError?.message).toBe('the disk is full');
    bench.writeFailure = null;
    bench.put('k', 'well', 3);
    bench.settle();
    expect(bench.store.writeError).toBeNull();
    expect(bench.read('k')).toBe('well');
  });

  it('does not take with it what was put over it meanwhile', () => {
    const entry = bench.pinLoaded('k');
    bench.store.put(entry, bench.record('lost', 2));
    bench.endTurn();
    bench.writeFailure = null;
    bench.store.put(entry, bench.record('later', 3));
    bench.settle();
    bench.store.unpin(entry);
    expect(bench.seen('k')).toBe('later');
    bench.cacheBytes = 0;
    for (let i = 0; i < 3; i++) bench.read(`other${i}`);
    expect(bench.seen('k')).toBeUndefined();
    expect(bench.read('k')).toBe('later');
  });

  it.each([
    ['a new key', 'new', 'lost'],
    ['a removal', 'k', null],
    ['a new value', 'k', 'lost'],
  ])('is not counted: %s', (_, key, payload) => {
    bench.put(key, payload, 2, payload === null ? 0 : 99);
    bench.settle();
    expect([bench.counts.total(0), bench.counts.slot(0, 0), bench.counts.withExpiry(0)]).toEqual([1, 1, 0]);
  });

  it('is not counted either when something is put over it before the disk was asked', () => {
    const entry = bench.pinLoaded('new');
    bench.store.put(entry, bench.record('lost'));
    bench.endTurn();
    bench.answer();
    bench.writeFailure = null;
    bench.store.put(entry, bench.record('from a replica', 2));
    bench.settle();
    expect([bench.counts.total(0), bench.read('new')]).toEqual([2, 'from a replica']);
  });
});

describe('a row that is damaged on disk', () => {
  let told: [key: string, bytes: string | undefined][];
  beforeEach(async () => {
    told = [];
    bench.store.onCorrupt = ({ key }, bytes) => told.push([key, bytes?.latin1Slice()]);
    const { hash } = new RecordEntry(0, 0, 'k');
    await new Promise<void>((resolve) => {
      const batch = bench.engine.batch();
      batch.put(dataKey(0, 0, hash, 'k'), Buffer.from('\x01nonsense, but long enough'));
      batch.write(false, () => resolve());
      bench.answer();
    });
  });

  it('is reported and reads as an error, not as an absent key', () => {
    const entry = bench.pinLoaded('k');
    expect(told).toEqual([['k', '\x01nonsense, but long enough']]);
    expect(entry.loadFailure).toMatch(/^ERR the stored value of this key is damaged/);
    expect(bench.seen('k')).toBeUndefined();
    expect(bench.store.counters.corrupt).toBe(1);
  });

  it('is healed by whatever overwrites it', () => {
    bench.put('k', 'from a replica');
    bench.settle();
    expect(bench.store.peek(0, 'k')?.loadFailure).toBeNull();
    expect(bench.read('k')).toBe('from a replica');
  });

  it('is healed by the word of the others that there is no record', () => {
    const entry = bench.pinLoaded('k');
    bench.store.adoptAbsence(entry);
    expect(entry.loadFailure).toBeNull();
    expect(bench.seen('k')).toBeNull();
    bench.settle();
    expect(bench.engine.stats().details['rows']).toBe(0);
  });

  it('is CORRUPT to an iterator, and so is one whose key is damaged; both are reported', () => {
    const { hash } = new RecordEntry(0, 0, 'k');
    expect(bench.store.decodeRow({ slot: 0, db: 0, hash, key: 'k' }, Buffer.from('nonsense'))).toBe(CORRUPT);
    const record = bench.record('whole');
    const whole = Buffer.alloc(encodedBytes(record));
    encodeRecord(record, hash, bench.writers, whole);
    expect(bench.store.decodeRow({ slot: 0, db: 0, hash, key: 'k' }, whole)).toEqual(
      makeRecord(record.context, record.siblings),
    );
    expect(bench.store.decodeRow({ slot: 0, db: 0, hash, key: 'K' }, whole)).toBe(CORRUPT);
    expect(told.map(([key]) => key)).toEqual(['k', 'K']);
  });
});

describe('rows the engine itself cannot read', () => {
  const damaged = new Set(['k3', 'k17']);
  let told: string[];
  beforeEach(() => {
    told = [];
    bench.store.onCorrupt = ({ key }, bytes) => told.push(`${key} ${bytes}`);
    for (let i = 0; i < 20; i++) bench.put(`k${i}`, `v${i}`);
    bench.settle();
    bench.cacheBytes = 0;
    for (let i = 0; i < 3; i++) bench.store.unpin(bench.store.pin(0, 0, `other${i}`));
    bench.cacheBytes = 1 << 20;
    bench.readFailure = (keys) =>
      keys.some((key) => damaged.has(parseDataKey(key).key))
        ? new Error('Corruption: block checksum mismatch')
        : null;
  });

  it('are damaged, and those that were read with them are not', () => {
    const entries = Array.from({ length: 20 }, (_, i) => bench.store.pin(0, 0, `k${i}`));
    for (const entry of entries) bench.store.load(entry, { loaded: () => {} });
    bench.settle();
    const found = entries.map(({ record, corrupt }) => (corrupt ? 'damaged' : record?.siblings[0].payload));
    expect(found).toEqual(entries.map(({ key }) => (damaged.has(key) ? 'damaged' : key.replace('k', 'v'))));
    expect(told.sort()).toEqual(['k17 null', 'k3 null']);
  });

  it('are healed when they are written over', () => {
    const healed: string[] = [];
    bench.store.onHealed = ({ key }) => healed.push(key);
    bench.put('k3', 'new', 2);
    bench.put('k4', 'new', 2);
    expect([bench.seen('k3'), healed]).toEqual(['new', ['k3']]);
  });
});

describe('the cache', () => {
  const value = 'x'.repeat(1000);

  it('stays within its bound in bytes, and evicted records come back from disk', () => {
    bench.cacheBytes = 50_000;
    for (let i = 0; i < 500; i++) {
      bench.put(`k${i}`, value + i);
      bench.settle();
      expect(bench.store.cachedBytes).toBeLessThan(bench.cacheBytes + 2000);
    }
    expect(bench.store.cachedRecords).toBeGreaterThan(20);
    for (let i = 0; i < 500; i++) expect(bench.read(`k${i}`)).toBe(value + i);
    expect(bench.store.cachedBytes).toBeLessThan(bench.cacheBytes + 2000);
  });

  it('keeps what is in use or not yet written over any bound, and gives it up afterwards', () => {
    bench.cacheBytes = 0;
    const used = bench.pinLoaded('used');
    const entry = bench.pinLoaded('dirty');
    bench.store.put(entry, bench.record(value));
    bench.store.unpin(entry);
    for (let i = 0; i < 5; i++) bench.store.unpin(bench.store.pin(0, 0, `other${i}`));
    expect([bench.seen('used'), bench.seen('dirty')]).toEqual([null, value]);
    bench.settle();
    bench.store.unpin(used);
    for (let i = 0; i < 5; i++) bench.read(`other${i}`);
    expect([bench.seen('used'), bench.seen('dirty')]).toEqual([undefined, undefined]);
  });

  it('keeps what is read again and again rather than what was read once', () => {
    bench.cacheBytes = 20_000;
    bench.put('hot', value);
    for (let i = 0; i < 200; i++) {
      bench.put(`once${i}`, value);
      bench.settle();
      expect(bench.seen('hot')).toBe(value);
    }
  });

  it('counts bytes exactly: what is evicted leaves nothing behind', () => {
    for (let i = 0; i < 20; i++) {
      bench.put(`k${i}`, value);
      bench.put(`k${i}`, 'short', 2);
    }
    bench.settle();
    bench.cacheBytes = 0;
    for (let i = 0; i < 3; i++) bench.store.unpin(bench.store.pin(0, 0, 'last'));
    const fresh = new StoreBench();
    fresh.store.pin(0, 0, 'last');
    expect(bench.store.cachedRecords).toBe(1);
    expect(bench.store.cachedBytes).toBe(fresh.store.cachedBytes);
  });
});
