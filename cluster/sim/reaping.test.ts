import { beforeEach, describe, expect, it } from 'vitest';
import { dataKeyFrom, parseDataKey, SLOTS, tombstoneRange } from '../../storage/key-layout.js';
import { type KeyRecord, STRING } from '../../storage/record.js';
import { RecordScratch } from '../../storage/record-scratch.js';
import { fnv1a } from '../../storage/writers.js';
import { hlcToMs } from '../core/hlc.js';
import { ALL } from '../core/levels.js';
import { slotOf } from '../core/slot.js';
import { FrameReader } from '../transport/frame-reader.js';
import { FrameWriter } from '../transport/frame-writer.js';
import type { SimNode } from './sim-node.js';
import { SimWorld } from './sim-world.js';

/** Whole clusters whose deleted keys are forgotten, and what old messages make of them (riak_kv#1094, the doomstone). */

const KEY = 'plate';
const SLOT = slotOf(KEY);
const GRACE_MS = 20_000;
/** Longer than the grace, its part in the index, the pause between two walks, and the answers. */
const REAPED_MS = GRACE_MS * 1.5;

let world: SimWorld;
beforeEach(() => {
  // Without hints and repair: what a node has missed it must not be told by others than those under test.
  world = new SimWorld('reaping', 4, { gcGraceMs: GRACE_MS, maxHintsBytes: 0, repairIntervalSeconds: 0 });
  world.form();
});

const done = (kind: 'set' | 'del', value = ''): void => {
  const { failure } = world.ask(world.nodes[0], { kind, keys: [KEY], value, level: ALL });
  expect(failure).toBe(null);
};

/** Everything a client sees at any node, reading from all replicas: the newest first. */
function seen(): (string | null)[][] {
  return world.nodes.map((node) => {
    const { failure, sights } = world.ask(node, { kind: 'get', keys: [KEY], level: ALL });
    expect(failure).toBe(null);
    return sights[0].siblings.map(({ value }) => value);
  });
}

/** Names of the nodes that have a row of the key. */
function holders(rangeOf: 'data' | 'index' = 'data'): string[] {
  const range =
    rangeOf === 'data'
      ? { from: dataKeyFrom(0), to: dataKeyFrom(SLOTS) }
      : tombstoneRange(Number.MAX_SAFE_INTEGER);
  const found: string[] = [];
  let left = world.nodes.length;
  for (const { life, address } of world.nodes) {
    const iterator = life!.store.iterate(range);
    iterator.next(100, (_, rows) => {
      if (rows.some(({ key }) => parseDataKey(key, rangeOf === 'data' ? 0 : 9).key === KEY))
        found.push(address);
      iterator.close(() => left--);
    });
  }
  expect(world.runUntil(() => left === 0)).toBe(true);
  return found.sort();
}

function homes(): SimNode[] {
  const { topology } = world.nodes[0].life!.node;
  return [...topology.homes(SLOT)].map((member) => {
    const { busAddress } = topology.members[member];
    return world.nodes.find((node) => node.address === busAddress)!;
  });
}

/** What this node has of the key now, and may still be on its way somewhere: as the body of a `Repair`. */
function message(node: SimNode): Buffer {
  const { store } = node.life!;
  const record = store.peek(0, KEY)!.record as KeyRecord;
  const scratch = new RecordScratch(store.writers);
  const writer = new FrameWriter(1 << 20);
  writer.begin();
  writer.u8(0);
  writer.u16(SLOT);
  writer.latin1(KEY);
  const length = scratch.encode(record, fnv1a(KEY));
  writer.bytes(scratch.buffer, 0, length);
  writer.end();
  return Buffer.from(writer.take().subarray(4));
}

function comesLate(late: Buffer, node: SimNode): void {
  expect(node.life!.node.replica.onRepair(new FrameReader().reset(late, 0, late.length))).toBe(true);
  world.runFor(1000);
}

it('a deleted key is gone from every disk after the grace, not before, and so is its index', () => {
  done('set', 'one');
  expect(holders()).toHaveLength(3);
  done('del');
  world.runFor(GRACE_MS - 2000);
  expect([holders().length, holders('index').length]).toEqual([3, 3]);
  world.runFor(REAPED_MS - GRACE_MS + 2000);
  expect([holders(), holders('index')]).toEqual([[], []]);
  expect(seen()).toEqual([[], [], [], []]);
});

// Swarm seed 101147.
it('the grace is not cut short by a clock that was behind for a moment', () => {
  done('set', 'one');
  const [first] = homes();
  first.skewMs = -GRACE_MS / 2;
  done('del');
  first.skewMs = 0;
  world.runFor(GRACE_MS - 2000);
  expect(holders()).toHaveLength(3);
  world.runFor(REAPED_MS - GRACE_MS + 2000);
  expect(holders()).toEqual([]);
});

it('while a node is down it is kept, however long; the node learns of it when it is back', () => {
  done('set', 'one');
  const [first, , third] = homes();
  third.crash();
  world.runFor(5000);
  expect(world.ask(first, { kind: 'del', keys: [KEY] }).failure).toBe(null);
  world.runFor(GRACE_MS * 5);
  expect(first.life!.store.peek(0, KEY)?.record).toBeTruthy();
  third.start();
  expect(world.runUntil(() => world.whole)).toBe(true);
  // Its old value holds the tombstone in place until a hint or a read has brought it; then it may go at any time.
  world.runFor(REAPED_MS);
  expect(
    seen()
      .flat()
      .filter((value) => value !== null),
  ).toEqual([]);
  world.runFor(GRACE_MS + REAPED_MS);
  expect(holders()).toEqual([]);
  expect(seen()).toEqual([[], [], [], []]);
});

describe('after a key was forgotten and written again', () => {
  let oldValue: Buffer;
  let oldTombstone: Buffer;

  beforeEach(() => {
    done('set', 'old');
    oldValue = message(homes()[0]);
    done('del');
    oldTombstone = message(homes()[1]);
    world.runFor(REAPED_MS);
    expect(holders()).toEqual([]);
    done('set', 'new');
  });

  it.each([
    ['the old tombstone', () => oldTombstone],
    ['the old value', () => oldValue],
  ])('%s that comes late does not hide the new value, at whatever replica it comes', (_, late) => {
    for (const node of homes()) {
      comesLate(late(), node);
      for (const values of seen()) expect(values[0]).toBe('new');
    }
    done('set', 'newer');
    expect(seen()).toEqual([['newer'], ['newer'], ['newer'], ['newer']]);
    done('del');
    for (const values of seen()) expect(values).toEqual([null]);
    world.runFor(REAPED_MS);
    expect(holders()).toEqual([]);
  });

  it('nor does it hide one that another writer made, while the first was away', () => {
    const [first, second] = homes();
    comesLate(oldTombstone, second);
    first.crash();
    world.runFor(5000);
    expect(world.ask(second, { kind: 'set', keys: [KEY], value: 'newest' }).failure).toBe(null);
    first.start();
    world.runFor(8000);
    for (const values of seen()) expect(values).toEqual(['newest']);
  });
});

it('what a context tells of lives that have ended is forgotten after the grace, unless a node is away that may hold what it is about', () => {
  const writersAt = ({ life }: SimNode): number =>
    (life!.store.peek(0, KEY)!.record as KeyRecord).context.length / 2;
  const contexts = (): number[] => homes().map(writersAt);
  const lives = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const [first] = homes();
      first.crash();
      first.start();
      expect(world.runUntil(() => world.whole)).toBe(true);
      expect(world.ask(first, { kind: 'set', keys: [KEY], value: `life ${i}`, level: ALL }).failure).toBe(
        null,
      );
    }
  };
  lives(6);
  for (const writers of contexts()) expect(writers).toBeGreaterThan(5);
  const late = message(homes()[1]);
  const [first, , third] = homes();
  third.crash();
  world.runFor(REAPED_MS * 2);
  expect(writersAt(first)).toBeGreaterThan(5);
  third.start();
  expect(world.runUntil(() => world.whole)).toBe(true);
  world.runFor(GRACE_MS + REAPED_MS);
  expect(contexts()).toEqual([1, 1, 1]);
  expect(seen()).toEqual([['life 5'], ['life 5'], ['life 5'], ['life 5']]);
  expect(holders('index')).toEqual([]);
  // The very record as it was before changes nothing but the context, which goes again.
  comesLate(late, homes()[2]);
  done('set', 'after');
  expect(seen()).toEqual([['after'], ['after'], ['after'], ['after']]);
});

it('a tombstone that comes late to a key that stayed deleted goes again', () => {
  done('set', 'old');
  done('del');
  const late = message(homes()[2]);
  world.runFor(REAPED_MS);
  comesLate(late, homes()[0]);
  expect(holders()).toHaveLength(1);
  expect(seen().every(([value]) => value === null || value === undefined)).toBe(true);
  world.runFor(REAPED_MS);
  expect(holders()).toEqual([]);
});

it('expired keys are forgotten on every replica as well, and repair brings none back', () => {
  const [first] = homes();
  const { store, node } = first.life!;
  done('set', 'for a while');
  const entry = store.peek(0, KEY)!;
  const record = entry.record as KeyRecord;
  const expireAt = hlcToMs(record.siblings[0].hlc) + 6000;
  const expiring = {
    context: record.context.map((part, i) => (i % 2 === 1 ? part + 1 : part)),
    siblings: [{ ...record.siblings[0], hlc: record.siblings[0].hlc + 1, expireAt, type: STRING } as const],
  };
  entry.pins++;
  store.put(entry, expiring);
  store.unpin(entry);
  const late = message(first);
  world.runFor(100);
  for (const home of homes().slice(1)) comesLate(late, home);
  expect(seen()[0]).toEqual(['for a while']);
  // One replica has swept and the others have not: what they tell each other must not differ.
  homes()[2].skewMs = -400;
  const { repairs } = node.coordinator.counters;
  for (let i = 0; i < 40; i++) {
    world.runFor(250);
    seen();
  }
  expect(node.coordinator.counters.repairs).toBe(repairs);
  expect(holders()).toHaveLength(3);
  world.runFor(REAPED_MS);
  expect([holders(), holders('index')]).toEqual([[], []]);
});

it('an old value with a stand-in that was away holds the tombstone in place until it has been handed over', () => {
  world = new SimWorld('reaping', 5, { gcGraceMs: GRACE_MS, sloppy: true, repairIntervalSeconds: 0 });
  world.form();
  const [first, , third] = homes();
  const set = (value: string): void =>
    void expect(world.ask(first, { kind: 'set', keys: [KEY], value }).failure).toBe(null);
  set('first');
  third.crash();
  world.runFor(8000);
  set('kept by another');
  world.runFor(1000);
  const standIn = world.nodes.find(
    ({ life }) => life?.store.peek(0, KEY) && life.node.topology.isHome[SLOT] === 0,
  )!;
  standIn.crash();
  third.start();
  world.runFor(8000);
  expect(world.ask(first, { kind: 'del', keys: [KEY], level: ALL }).failure).toBe(null);
  world.runFor(GRACE_MS * 5);
  for (const { life } of homes()) expect(life!.store.peek(0, KEY)?.record?.siblings).toHaveLength(1);
  standIn.start();
  expect(world.runUntil(() => world.whole)).toBe(true);
  world.runFor(5000);
  for (const values of seen()) expect(values).not.toContain('kept by another');
  world.runFor(REAPED_MS);
  expect([holders(), holders('index')]).toEqual([[], []]);
  expect(seen()).toEqual([[], [], [], [], []]);
});
