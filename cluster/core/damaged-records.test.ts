import { beforeEach, describe, expect, it } from 'vitest';
import { dataKeyFrom, parseDataKey, SLOTS } from '../../storage/key-layout.js';
import { fnv1a } from '../../storage/writers.js';
import { Message } from '../messages.js';
import { CoreBench, type TestOperation } from './coordinator.test-support.js';

const LATER_MS = 10_000;
let bench: CoreBench;
beforeEach(() => {
  bench = new CoreBench();
});

function tick(): void {
  bench.damaged.tick(bench.now, bench.now);
  bench.disk.settle();
}

/** A key with a damaged record, which somebody has met. */
function damagedKey(key = 'k'): void {
  bench.onDisk(key, bench.record('lost', 1));
  bench.damage(key);
  expect(bench.load(key)).toBe(null);
}

/** Data rows, by key. */
function rows(): string[] {
  const found: string[] = [];
  const iterator = bench.store.iterate({ from: dataKeyFrom(0), to: dataKeyFrom(SLOTS) });
  iterator.next(1000, (_, all) => found.push(...all.map(({ key }) => parseDataKey(key).key)));
  bench.disk.settle();
  iterator.close(() => {});
  bench.disk.settle();
  return found;
}

const reads = (): number[] =>
  bench
    .sent()
    .filter(({ type }) => type === Message.Read)
    .map(({ peer }) => peer)
    .sort();

describe('a damaged record of a home replica', () => {
  it('is replaced by what the others have together', () => {
    damagedKey();
    tick();
    const [one, two] = [bench.record('one', 5), bench.record('two', 7)];
    for (let i = 0; i < 3; i++) bench.answerReads({ 1: one, 2: two });
    bench.disk.settle();
    expect(bench.load('k')).toBe('two');
    expect(bench.damaged.counters).toEqual({ found: 1, repaired: 1 });
    expect(bench.damaged.open).toBe(0);
  });

  // Seeds 3001416 and 3004457 of `simulate -- --serial --minutes 0.4`: each waited for the other, and the key refused for ever.
  it('is replaced although a register waits to see what came of its round', () => {
    damagedKey();
    const entry = bench.store.pin(0, bench.slot, 'k');
    entry.unsettled = true;
    tick();
    for (let i = 0; i < 3; i++) bench.answerReads({ 1: bench.record('one', 5), 2: bench.record('two', 7) });
    bench.disk.settle();
    expect([bench.load('k'), bench.damaged.open]).toEqual(['two', 0]);
  });

  it('stays when it was only misread: nobody else may have it', () => {
    bench.onDisk('k', bench.record('own', 9));
    bench.store.onCorrupt({ db: 0, slot: bench.slot, hash: fnv1a('k'), key: 'k' }, null);
    tick();
    for (let i = 0; i < 4; i++) {
      bench.answerReads({ 1: bench.record('older', 5), 2: null });
      bench.disk.settle();
    }
    expect([bench.load('k'), bench.damaged.open]).toEqual(['own', 0]);
  });

  it('is removed when none of them has any', () => {
    damagedKey();
    tick();
    for (let i = 0; i < 3; i++) bench.answerReads({ 1: null, 2: null });
    bench.disk.settle();
    expect([rows(), bench.damaged.open]).toEqual([[], 0]);
  });

  it('stays damaged while one of them is away: it may be the one that knows', () => {
    damagedKey();
    bench.topology.setAlive(2, false);
    tick();
    expect(reads()).toEqual([]);
    bench.topology.setAlive(2, true);
    tick();
    expect(reads()).toContain(2);
  });

  it('stays damaged when one of them does not answer, and is tried again', () => {
    damagedKey();
    tick();
    bench.answerReads({ 1: bench.record('one', 5) });
    bench.now += LATER_MS;
    bench.coordinator.tick();
    bench.disk.settle();
    expect([bench.load('k'), bench.damaged.open]).toEqual([null, 1]);
    bench.sent();
    tick();
    expect(reads()).toEqual([]);
    bench.now += LATER_MS;
    tick();
    for (let i = 0; i < 3; i++) bench.answerReads({ 1: bench.record('one', 5), 2: null });
    bench.disk.settle();
    expect(bench.load('k')).toBe('one');
  });

  it('is asked about all the same when less than there was has been put over it', () => {
    damagedKey();
    bench.write(1, 7, 'k', bench.record('part', 5));
    bench.disk.settle();
    tick();
    for (let i = 0; i < 3; i++) bench.answerReads({ 1: bench.record('part', 5), 2: bench.record('more', 7) });
    bench.disk.settle();
    expect(bench.load('k')).toBe('more');
  });

  it('is not taken from one other replica by a read that asked only one', () => {
    damagedKey();
    const read = bench.begin('k', null, 1);
    bench.disk.settle();
    bench.answerReads({ 1: bench.record('old', 1), 2: bench.record('old', 1) });
    expect(read).toMatchObject({ found: ['old'], ends: [null] });
    expect(bench.load('k')).toBe(null);
  });

  it('is no error for a client as long as anybody else has the key', () => {
    damagedKey('a');
    damagedKey('b');
    const read = bench.begin('a', null, 1, 'b', 'a', 'c');
    bench.disk.settle();
    for (let i = 0; i < 3; i++) bench.answerReads({ 1: bench.record('old', 1), 2: bench.record('old', 1) });
    expect(read).toMatchObject({ found: ['old'], ends: [null] });
  });

  it('that only an iterator met is written again from the cache', () => {
    bench.inCache('k', bench.record('good', 2));
    bench.damage('k');
    const iterator = bench.store.iterate({ from: dataKeyFrom(0), to: dataKeyFrom(SLOTS) });
    iterator.next(9, (_, all) => {
      for (const { key, value } of all) bench.store.decodeRow(parseDataKey(key), value);
    });
    bench.disk.settle();
    expect(bench.damaged.counters.found).toBe(1);
    tick();
    for (let i = 0; i < 3; i++) bench.answerReads({ 1: null, 2: null });
    bench.disk.settle();
    bench.onDisk('other', bench.record('x', 1));
    bench.disk.cacheBytes = 0;
    bench.store.unpin(bench.store.pin(0, bench.slot, 'k'));
    expect([bench.load('k'), bench.damaged.open]).toEqual(['good', 0]);
  });

  it('is counted and quarantined once, however often it is read', () => {
    damagedKey();
    for (let i = 0; i < 5; i++) bench.load('k');
    expect(bench.damaged.counters.found).toBe(1);
  });
});

it('many are repaired, some at a time', () => {
  for (let i = 0; i < 200; i++) damagedKey(`k${i}`);
  for (let ticks = 0; ticks < 10; ticks++) {
    tick();
    for (let i = 0; i < 3; i++) {
      const sent = bench.sent();
      expect(sent.length).toBeLessThanOrEqual(64 * 3);
      bench.answer(sent, { 1: bench.record('well', 3), 2: bench.record('well', 3) });
    }
    bench.disk.settle();
  }
  expect(bench.damaged.counters).toEqual({ found: 200, repaired: 200 });
  expect(bench.lostSome).toBe(1);
  expect(bench.load('k133')).toBe('well');
});

describe('a damaged record of a node alone', () => {
  const failure = 'ERR the stored value of this key is damaged';
  beforeEach(() => {
    bench = new CoreBench(1);
    damagedKey();
  });

  const write = (value: string, overwrites: boolean): TestOperation => {
    const operation = overwrites ? bench.overwrite('k', value) : bench.begin('k', value);
    bench.disk.settle();
    return operation;
  };

  it('is an error for reads, and for writes that would have to know it', () => {
    const read = bench.begin('k', null);
    bench.disk.settle();
    expect(read.ends).toEqual([expect.stringContaining(failure)]);
    expect(write('x', false).ends).toEqual([expect.stringContaining(failure)]);
    tick();
    expect([rows(), bench.damaged.open]).toEqual([['k'], 1]);
  });

  it('may be overwritten, and is well from then on', () => {
    expect(write('new', true)).toMatchObject({ found: [''], ends: [null] });
    expect([bench.load('k'), bench.damaged.open, bench.damaged.counters.repaired]).toEqual(['new', 0, 1]);
    expect(write('er', false)).toMatchObject({ found: ['new'], ends: [null] });
  });

  it('stays what it is when what might overwrite it does not, and is never shown to others', () => {
    const operation = bench.overwrite('k', null);
    bench.disk.settle();
    expect(operation.ends).toEqual([null]);
    expect(bench.store.peek(0, 'k')).toBeUndefined();
    expect(bench.load('k')).toBe(null);
    expect(rows()).toEqual(['k']);
  });

  it('counts as a key until it is removed', () => {
    expect(bench.disk.counts.total(0)).toBe(1);
    write('new', true);
    expect(bench.disk.counts.total(0)).toBe(1);
  });
});

it('a damaged record of a cluster is not overwritten blindly: others may know more', () => {
  damagedKey();
  const operation = bench.overwrite('k', 'new');
  bench.topology.setAlive(1, false);
  bench.topology.setAlive(2, false);
  bench.coordinator.peerDown(1);
  bench.coordinator.peerDown(2);
  bench.disk.settle();
  expect(operation.ends).toEqual([expect.stringContaining('NOQUORUM')]);
});
