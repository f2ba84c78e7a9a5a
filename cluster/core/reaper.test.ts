import { beforeEach, describe, expect, it } from 'vitest';
import { dataKeyFrom, parseTombstoneKey, SLOTS, tombstoneRange } from '../../storage/key-layout.js';
import { afterReaping } from '../../storage/reapable.js';
import { type KeyRecord, STRING, TOMBSTONE } from '../../storage/record.js';
import { StoreBench } from '../../storage/record-store.test-support.js';
import { writerId } from '../../storage/writers.js';
import { Message } from '../messages.js';
import { FrameReader } from '../transport/frame-reader.js';
import { FrameWriter } from '../transport/frame-writer.js';
import type { Transport } from '../transport.js';
import { applyRecord } from './apply.js';
import { ringOf, topologyIn } from './elastic/rings.test-support.js';
import { hlcFromMs } from './hlc.js';
import { Reaper, tombstoneSince } from './reaper.js';
import { Topology } from './topology.js';
import { membersOf } from './topology.test-support.js';
import { digestA, digestB, merge, sameRecord } from './version.js';

const HOUR = 3_600_000;
const GRACE = 72 * HOUR;
/** Hybrid clocks begin in 2020: readings of the tests are small, and old. */
const START = Date.UTC(2021, 0, 1);
const SECOND = 1000;

interface Heard {
  readonly peer: number;
  readonly request: number;
  readonly drop: boolean;
  readonly keys: readonly string[];
}

/** Node 0 of five, three replicas; what the others say is the test's. */
class ReapBench {
  readonly disk = new StoreBench();
  readonly store = this.disk.store;
  topology: Topology;
  readonly reaper: Reaper;
  /** A slot that node 0 coordinates, one it is another home of, and one it is no home of. */
  readonly own: number;
  readonly second: number;
  readonly foreign: number;
  readonly deaf = new Set<number>();
  now = START;
  private readonly frames = new Map<number, FrameWriter>();
  private readonly other = this.disk.writers.index(writerId('b'.repeat(32), 0));

  constructor(members = 5) {
    const list = membersOf(members);
    this.topology = new Topology(list, 0, 3, 8);
    for (let peer = 1; peer < members; peer++) this.topology.setAlive(peer, true);
    this.own = this.topology.firstLive.indexOf(0);
    this.second = this.topology.isHome.findIndex(
      (home, slot) => home === 1 && this.topology.firstLive[slot] !== 0,
    );
    this.foreign = this.topology.isHome.indexOf(0);
    const transport = {
      writer: (peer: number) => (this.deaf.has(peer) ? undefined : this.frame(peer)),
    } as unknown as Transport;
    this.disk.now = tombstoneSince(START, GRACE);
    this.reaper = new Reaper(this.store, () => this.topology, transport, {
      graceMs: () => GRACE,
      requestTimeout: () => 2 * SECOND,
      firstRequest: 1,
    });
  }

  record(payload: string | null, hlc: number, writer = this.other): KeyRecord {
    const type = payload === null ? TOMBSTONE : STRING;
    const version = { writer, hlc, type, expireAt: 0, payload: payload ?? '' } as const;
    return { context: [writer, hlc], siblings: [version] };
  }

  /** A value whose context tells of `bygone` writers more. */
  long(hlc: number, bygone: number): KeyRecord {
    const writers = Array.from({ length: bygone }, (_, i) =>
      this.disk.writers.index(writerId('c'.repeat(32), i)),
    );
    const { context, siblings } = this.record('kept', hlc);
    return { context: [...context, ...writers.flatMap((writer, i) => [writer, i + 1])], siblings };
  }

  /** Puts a record on the disk of node 0. */
  put(key: string, record: KeyRecord | null, slot = this.own): void {
    const entry = this.store.pin(0, slot, key);
    if (entry.record === undefined) this.store.load(entry, { loaded: () => {} });
    this.disk.settle();
    this.store.put(entry, record);
    this.disk.settle();
    this.store.unpin(entry);
  }

  has(key: string, slot = this.own): string | null | undefined {
    const record = this.recordOf(key, slot);
    return record === null ? null : (record?.siblings[0].payload ?? undefined);
  }

  recordOf(key: string, slot = this.own): KeyRecord | null | undefined {
    const entry = this.store.pin(0, slot, key);
    if (entry.record === undefined) this.store.load(entry, { loaded: () => {} });
    this.disk.settle();
    const { record } = entry;
    this.store.unpin(entry);
    return record;
  }

  /** Time passes; the reaper looks. */
  pass(ms: number): void {
    this.now += ms;
    this.disk.now = tombstoneSince(this.now, GRACE);
    this.reaper.tick(this.now, this.now - START);
    this.disk.settle();
  }

  /** What the reaper has sent since the last call. */
  heard(): Heard[] {
    const all: Heard[] = [];
    for (const [peer, body] of this.messages(Message.ReapAsk)) {
      const request = body.u32();
      const drop = body.u8() === 1;
      const keys: string[] = [];
      for (let left = body.u16(); left > 0; left--) {
        body.u8();
        body.u16();
        keys.push(body.latin1());
        body.bytes(8);
      }
      expect(body.finished).toBe(true);
      all.push({ peer, request, drop, keys });
    }
    return all;
  }

  /** Peers answer what they were sent: yes, but for the keys named. */
  answer(heard: readonly Heard[], no: Readonly<Record<number, readonly string[]>> = {}): void {
    for (const { peer, request, keys } of heard) {
      const message = new FrameWriter(1 << 20);
      message.begin();
      message.u32(request);
      message.u16(keys.length);
      for (const key of keys) message.u8(no[peer]?.includes(key) ? 0 : 1);
      message.end();
      const bytes = message.take();
      const body = new FrameReader().reset(bytes, 4, bytes.length);
      expect(this.reaper.onMessage(Message.ReapAnswer, peer, body)).toBe(true);
    }
    this.disk.settle();
  }

  /** A peer asks node 0 about a tombstone; what node 0 says. */
  asked(key: string, slot: number, about: KeyRecord, drop = false): boolean {
    const message = new FrameWriter(1 << 20);
    message.begin();
    message.u32(77);
    message.u8(drop ? 1 : 0);
    message.u16(1);
    message.u8(0);
    message.u16(slot);
    message.latin1(key);
    message.u32(digestA(about, this.disk.writers));
    message.u32(digestB(about, this.disk.writers));
    message.end();
    const bytes = message.take();
    const body = new FrameReader().reset(bytes, 4, bytes.length);
    expect(this.reaper.onMessage(Message.ReapAsk, 1, body)).toBe(true);
    this.disk.settle();
    const [[peer, answer]] = this.messages(Message.ReapAnswer);
    expect([peer, answer.u32(), answer.u16()]).toEqual([1, 77, 1]);
    return answer.u8() === 1;
  }

  /** The keys the tombstone index names. */
  indexed(): string[] {
    const keys: string[] = [];
    const iterator = this.store.iterate(tombstoneRange(Number.MAX_SAFE_INTEGER));
    iterator.next(1000, (_, rows) => keys.push(...rows.map((row) => parseTombstoneKey(row.key).key)));
    this.disk.settle();
    iterator.close(() => {});
    this.disk.settle();
    return keys;
  }

  rows(): number {
    let count = 0;
    const iterator = this.store.iterate({ from: dataKeyFrom(0), to: dataKeyFrom(SLOTS) });
    iterator.next(1000, (_, rows) => {
      count = rows.length;
    });
    this.disk.settle();
    iterator.close(() => {});
    this.disk.settle();
    return count;
  }

  private messages(type: number): [peer: number, body: FrameReader][] {
    const found: [number, FrameReader][] = [];
    for (const [peer, frame] of this.frames) {
      const bytes = frame.take();
      for (let at = 0; at < bytes.length; ) {
        const end = at + 4 + bytes.readUInt32BE(at);
        const body = new FrameReader().reset(bytes, at + 4, end);
        if (body.u8() === type) found.push([peer, body]);
        at = end;
      }
    }
    return found;
  }

  private frame(peer: number): FrameWriter {
    let frame = this.frames.get(peer);
    if (frame === undefined) {
      frame = new FrameWriter(1 << 20);
      this.frames.set(peer, frame);
    }
    return frame;
  }
}

let bench: ReapBench;
beforeEach(() => {
  bench = new ReapBench();
});

/** A part of the grace period more than the grace period: a tombstone made now is due then. */
const DUE = GRACE + HOUR;
const everybody = [1, 2, 3, 4];
const otherHomes = (): number[] => [...bench.topology.homes(bench.own)].filter((peer) => peer !== 0);
const peers = (heard: readonly Heard[]): number[] => heard.map(({ peer }) => peer).sort();

describe('the node that coordinates a deleted key', () => {
  const tombstone = (): KeyRecord => bench.record(null, 10);
  beforeEach(() => bench.put('k', tombstone()));

  it('asks nobody before the grace is over, then every member, and drops its copy when the other homes have dropped theirs', () => {
    bench.pass(GRACE - HOUR);
    expect(bench.heard()).toEqual([]);
    bench.pass(2 * HOUR);
    const asked = bench.heard();
    expect(peers(asked)).toEqual(everybody);
    expect(asked.every(({ drop, keys }) => !drop && keys.join() === 'k')).toBe(true);
    bench.answer(asked);
    const told = bench.heard();
    expect(peers(told)).toEqual(otherHomes().sort());
    expect(told.every(({ drop }) => drop)).toBe(true);
    bench.answer(told.slice(1));
    expect(bench.rows()).toBe(1);
    bench.answer(told.slice(0, 1));
    expect([bench.rows(), bench.indexed(), bench.reaper.counters.reaped]).toEqual([0, [], 1]);
  });

  it('keeps it when anybody says no, and asks again later', () => {
    bench.pass(DUE);
    bench.answer(bench.heard(), { 3: ['k'] });
    expect(bench.heard()).toEqual([]);
    expect([bench.rows(), bench.indexed()]).toEqual([1, ['k']]);
    bench.pass(HOUR);
    expect(peers(bench.heard())).toEqual(everybody);
  });

  it('keeps it when a home did not drop it: the others only hold less than they must', () => {
    bench.pass(DUE);
    bench.answer(bench.heard());
    bench.answer(bench.heard(), { [otherHomes()[0]]: ['k'] });
    expect([bench.rows(), bench.reaper.counters.reaped]).toEqual([1, 0]);
  });

  it('asks nobody while a member is down', () => {
    bench.topology.setAlive(4, false);
    bench.pass(DUE);
    expect(bench.heard()).toEqual([]);
    bench.topology.setAlive(4, true);
    bench.pass(SECOND);
    expect(peers(bench.heard())).toEqual(everybody);
  });

  it('asks nobody while slots move, nor for what it has asked before they began to', () => {
    bench.put('k', bench.record(null, 5));
    const stable = bench.topology;
    for (const phase of ['copying', 'joint', 'sealed', 'clearing'] as const) {
      bench.topology = topologyIn(ringOf(phase, [0, 1, 2, 3, 4], [0, 1, 2, 3]), 0, 5);
      bench.pass(GRACE);
      expect(bench.heard()).toEqual([]);
    }
    bench.topology = stable;
    bench.pass(HOUR);
    const heard = bench.heard();
    expect(heard).toHaveLength(4);
    bench.reaper.ringChanged();
    bench.answer(heard);
    expect([bench.heard(), bench.has('k')]).toEqual([[], '']);
  });

  it('asks the members of the ring, and not who is only known', () => {
    bench.topology = topologyIn(ringOf('stable', [0, 1, 2, 3], []), 0, 5);
    bench.put('k', bench.record(null, 5), bench.topology.firstLive.indexOf(0));
    bench.pass(GRACE + HOUR);
    expect(bench.heard().map(({ peer }) => peer)).toEqual([1, 2, 3]);
  });

  it('gives up when a member goes down in between, and does not count a late answer', () => {
    bench.pass(DUE);
    const asked = bench.heard();
    bench.answer(asked.slice(1));
    bench.reaper.peerDown();
    bench.answer(asked.slice(0, 1));
    expect(bench.heard()).toEqual([]);
    expect(bench.rows()).toBe(1);
  });

  it('gives up on who does not answer in time', () => {
    bench.pass(DUE);
    bench.answer(bench.heard().slice(1));
    bench.pass(2 * SECOND);
    bench.pass(HOUR);
    expect(peers(bench.heard())).toEqual(everybody);
  });

  it.each([
    ['asked', false],
    ['told to drop it', true],
  ])('keeps a key that is written while the others are being %s', (_, late) => {
    bench.pass(DUE);
    if (late) bench.answer(bench.heard());
    const heard = bench.heard();
    bench.put('k', bench.record('new', 99));
    bench.answer(heard);
    expect(bench.heard()).toEqual([]);
    expect([bench.has('k'), bench.reaper.counters.reaped]).toEqual(['new', 0]);
  });

  it('keeps a key whose new version is not in the log yet', () => {
    bench.pass(DUE);
    const asked = bench.heard();
    const entry = bench.store.pin(0, bench.own, 'k');
    bench.store.put(entry, tombstone());
    bench.answer(asked);
    bench.store.unpin(entry);
    expect(bench.heard()).toEqual([]);
    expect(bench.rows()).toBe(1);
  });

  it('asks nobody about a key that lives again, and forgets the row that led to it', () => {
    bench.put('k', bench.record('new', 99));
    bench.pass(DUE);
    expect(bench.heard()).toEqual([]);
    expect([bench.has('k'), bench.indexed()]).toEqual(['new', []]);
  });

  it('counts the grace anew for a key that was written and deleted again', () => {
    bench.pass(GRACE - HOUR);
    bench.put('k', bench.record('new', 20));
    bench.put('k', bench.record(null, 30));
    bench.pass(2 * HOUR);
    expect(bench.heard()).toEqual([]);
    bench.pass(GRACE);
    expect(peers(bench.heard())).toEqual(everybody);
  });

  it('waits for the grace by the reading of the tombstone too: the clock may have been behind when the index got its row', () => {
    bench.put('k', bench.record(null, hlcFromMs(START + 5 * HOUR)));
    bench.pass(GRACE + 2 * HOUR);
    expect(bench.heard()).toEqual([]);
    bench.pass(4 * HOUR);
    expect(peers(bench.heard())).toEqual(everybody);
  });

  it('leaves a row alone whose record the disk does not give', () => {
    bench.disk.cacheBytes = 0;
    for (let i = 0; i < 3; i++) bench.store.unpin(bench.store.pin(0, 0, `other${i}`));
    bench.disk.readFailure = new Error('EIO');
    bench.pass(DUE);
    bench.disk.readFailure = null;
    expect(bench.indexed()).toEqual(['k']);
  });

  it('is done with a node alone at once', () => {
    bench = new ReapBench(1);
    bench.put('k', bench.record(null, 10));
    bench.pass(DUE);
    expect([bench.rows(), bench.reaper.counters.reaped]).toEqual([0, 1]);
  });
});

it('a key of which two deletes have left nothing but their dots is forgotten like a deleted one', () => {
  bench.put('k', { ...bench.record(null, 10), siblings: [] });
  expect(bench.indexed()).toEqual(['k']);
  bench.pass(DUE);
  bench.answer(bench.heard());
  bench.answer(bench.heard());
  expect([bench.rows(), bench.indexed(), bench.reaper.counters.reaped]).toEqual([0, [], 1]);
});

describe('a context that tells of many writers without a version', () => {
  const contextOf = (slot?: number): number => bench.recordOf('k', slot)!.context.length / 2;

  it('is pruned when every member has agreed, by the other homes first', () => {
    bench.put('k', bench.long(10, 5));
    expect(bench.indexed()).toEqual(['k']);
    bench.pass(DUE);
    const asked = bench.heard();
    expect(peers(asked)).toEqual(everybody);
    bench.answer(asked);
    const told = bench.heard();
    expect(told.map(({ peer, drop }) => [peer, drop]).sort()).toEqual(
      otherHomes()
        .sort()
        .map((peer) => [peer, true]),
    );
    expect(contextOf()).toBe(6);
    bench.answer(told);
    expect([contextOf(), bench.has('k'), bench.indexed()]).toEqual([1, 'kept', []]);
    expect(bench.reaper.counters).toMatchObject({ pruned: 1, reaped: 0 });
  });

  it('is kept when anybody has another record of the key, or something of it and no business with it', () => {
    bench.put('k', bench.long(10, 5));
    bench.pass(DUE);
    bench.answer(bench.heard(), { 4: ['k'] });
    expect([contextOf(), bench.indexed()]).toEqual([6, ['k']]);
    expect(bench.heard()).toEqual([]);
  });

  it('is none of the index when it tells of few', () => {
    bench.put('k', bench.long(10, 4));
    expect(bench.indexed()).toEqual([]);
  });

  it('waits for the grace by the newest thing it tells of', () => {
    const { context, siblings } = bench.long(10, 4);
    const writer = bench.disk.writers.index(writerId('d'.repeat(32), 0));
    bench.put('k', { context: [...context, writer, hlcFromMs(START + 5 * HOUR)], siblings });
    bench.pass(GRACE + 2 * HOUR);
    expect(bench.heard()).toEqual([]);
    bench.pass(4 * HOUR);
    expect(peers(bench.heard())).toEqual(everybody);
  });

  it('is pruned by a replica that has the very record, as it is told', () => {
    bench.put('k', bench.long(10, 5), bench.second);
    expect(bench.asked('k', bench.second, bench.long(10, 6), true)).toBe(false);
    expect(bench.asked('k', bench.second, bench.long(10, 5))).toBe(true);
    expect(contextOf(bench.second)).toBe(6);
    expect(bench.asked('k', bench.second, bench.long(10, 5), true)).toBe(true);
    expect([contextOf(bench.second), bench.has('k', bench.second)]).toEqual([1, 'kept']);
  });

  it('is brought back whole by a replica that was not told', () => {
    const { writers } = bench.disk;
    const long = bench.long(10, 5);
    const pruned = afterReaping(long)!;
    expect(sameRecord(merge(pruned, long, writers), long)).toBe(true);
    expect(sameRecord(merge(long, pruned, writers), long)).toBe(true);
  });

  it('of several versions keeps what it tells of their writers', () => {
    const [a, b] = [
      bench.record('a', 30),
      bench.record('b', 20, bench.disk.writers.index(writerId('e'.repeat(32), 0))),
    ];
    const { context } = bench.long(40, 5);
    const record = { context: [...context, ...b.context], siblings: [...a.siblings, ...b.siblings] };
    expect(afterReaping(record)).toMatchObject({ context: [...context.slice(0, 2), ...b.context] });
    expect(afterReaping(record)!.siblings).toEqual(record.siblings);
  });
});

it('many tombstones go in steps, those refused stay', () => {
  for (let i = 0; i < 600; i++) bench.put(`k${i}`, bench.record(null, 10 + i));
  bench.put('live', bench.record('yes', 5));
  let rounds = 0;
  for (bench.pass(DUE); rounds < 20; rounds++, bench.pass(50)) {
    const asked = bench.heard();
    for (const { keys } of asked) expect(keys.length).toBeLessThanOrEqual(256);
    bench.answer(asked, { 2: ['k17', 'k400'] });
    bench.answer(bench.heard());
  }
  expect([bench.rows(), bench.indexed().sort()]).toEqual([3, ['k17', 'k400']]);
});

it('a key that is deleted all the time has few rows in the index', () => {
  for (let i = 0; i < 1000; i++) {
    bench.pass(10 * SECOND);
    bench.put('k', bench.record('held', 2 * i + 1));
    bench.put('k', bench.record(null, 2 * i + 2));
  }
  expect(bench.indexed().length).toBeLessThanOrEqual(4);
  for (const grace of [SECOND, HOUR, GRACE]) {
    expect(tombstoneSince(START + 1, grace)).toBeGreaterThan(START);
    expect(tombstoneSince(START + 1, grace) - START).toBeLessThanOrEqual(grace / 8);
  }
});

describe('a replica that is asked', () => {
  const tombstone = (): KeyRecord => bench.record(null, 10);

  it('agrees as a home that has the very tombstone, or nothing', () => {
    bench.put('k', tombstone(), bench.second);
    expect(bench.asked('k', bench.second, tombstone())).toBe(true);
    expect(bench.asked('never seen', bench.second, tombstone())).toBe(true);
    expect(bench.rows()).toBe(1);
  });

  it.each([
    ['a value', () => bench.record('old', 5)],
    ['another tombstone', () => bench.record(null, 11)],
    [
      'the tombstone beside a value',
      () => ({ ...tombstone(), siblings: [...tombstone().siblings, ...bench.record('old', 5).siblings] }),
    ],
  ])('does not agree as a home that has %s, and drops nothing', (_, record) => {
    bench.put('k', record(), bench.second);
    expect(bench.asked('k', bench.second, tombstone())).toBe(false);
    expect(bench.asked('k', bench.second, tombstone(), true)).toBe(false);
    expect(bench.rows()).toBe(1);
  });

  it('does not agree while slots move, though it has nothing', () => {
    const tombstone = bench.record(null, 5);
    bench.topology = topologyIn(ringOf('copying', [0, 1, 2, 3, 4], [0, 1, 2, 3]), 0, 5);
    expect(bench.asked('nothing', bench.own, tombstone)).toBe(false);
  });

  it('does not agree as a stand-in that has anything of the key, even the very tombstone', () => {
    expect(bench.asked('k', bench.foreign, tombstone())).toBe(true);
    bench.put('k', bench.record('old', 5), bench.foreign);
    expect(bench.asked('k', bench.foreign, tombstone())).toBe(false);
    bench.put('k', tombstone(), bench.foreign);
    expect(bench.asked('k', bench.foreign, tombstone())).toBe(false);
  });

  it('does not agree when it cannot read its copy, or has not written it yet', () => {
    bench.disk.readFailure = new Error('EIO');
    expect(bench.asked('k', bench.second, tombstone())).toBe(false);
    bench.disk.readFailure = null;
    bench.disk.writeFailure = new Error('the disk is full');
    bench.put('k', tombstone(), bench.second);
    bench.disk.writeFailure = null;
    const entry = bench.store.pin(0, bench.second, 'k');
    applyRecord(bench.store, entry, tombstone());
    const before = bench.disk.batches.length;
    expect(bench.asked('k', bench.second, tombstone())).toBe(false);
    expect(bench.asked('k', bench.second, tombstone())).toBe(true);
    expect(bench.disk.batches.slice(before).some(({ sync }) => sync)).toBe(true);
  });

  it('drops it when it is told to and says so once that is in the log', () => {
    bench.put('k', tombstone(), bench.second);
    expect(bench.asked('k', bench.second, tombstone(), true)).toBe(true);
    expect([bench.rows(), bench.has('k', bench.second)]).toEqual([0, null]);
  });

  it('does not say so when that failed', () => {
    bench.put('k', tombstone(), bench.second);
    bench.disk.writeFailure = new Error('the disk is full');
    expect(bench.asked('k', bench.second, tombstone(), true)).toBe(false);
    bench.disk.writeFailure = null;
    expect(bench.has('k', bench.second)).toBe('');
  });

  it('forgets its own row of the index once it is due', () => {
    bench.put('k', tombstone(), bench.second);
    bench.asked('k', bench.second, tombstone(), true);
    expect(bench.indexed()).toEqual(['k']);
    bench.pass(DUE);
    expect([bench.heard(), bench.indexed()]).toEqual([[], []]);
  });
});
