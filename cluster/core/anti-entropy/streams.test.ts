import { beforeEach, describe, expect, it } from 'vitest';
import { Message } from '../../messages.js';
import { Topology } from '../topology.js';
import { membersOf } from '../topology.test-support.js';
import type { StreamEnd } from './anti-entropy.js';
import { ReplicaBench, ReplicaRing } from './replicas.test-support.js';
import type { Way } from './session.js';

/** Three nodes, two replicas: to the third comes a slot of the first two. */
let ring: ReplicaRing;
let slots: number[];
const ends: StreamEnd[] = [];

beforeEach(() => {
  const topologies = [0, 1, 2].map((self) => new Topology(membersOf(3), self, 2, 8));
  ring = new ReplicaRing(topologies.map((topology, self) => new ReplicaBench(self, topology)));
  for (const { topology } of ring.nodes) for (const peer of [0, 1, 2]) topology.setAlive(peer, true);
  slots = Array.from({ length: 16384 }, (_, slot) => slot).filter(
    (slot) => !topologies[0].homes(slot).includes(2),
  );
  ends.length = 0;
});

function stream(from: number, to: number, some: readonly number[], way: Way = 'pull'): boolean {
  return ring.nodes[from].repair.streamWith(to, some, way, (end) => ends.push(end));
}

describe('a stream', () => {
  it('brings a node slots of which it is no home, and those only', () => {
    for (let i = 0; i < 300; i++) ring.nodes[0].put(slots[i % 3], `key${i}`, 'x'.repeat(100));
    expect(stream(2, 0, slots.slice(0, 2))).toBe(true);
    ring.pass(500);
    expect(ends).toEqual([{ failure: null, keysDiffering: 200 }]);
    expect([0, 1, 2].map((i) => ring.nodes[2].keys(slots[i]))).toEqual([100, 100, 0]);
    expect(ring.nodes[2].repair.streamed.received).toBeGreaterThan(200 * 100);
    expect(ring.nodes[0].repair.streamed.sent).toBeGreaterThan(200 * 100);
  });

  it('counts the keys that were new, and apart from them those it had another record of', () => {
    for (let i = 0; i < 30; i++) ring.nodes[0].put(slots[0], `key${i}`, 'x');
    stream(2, 0, [slots[0]]);
    ring.pass(500);
    expect(ring.nodes[2].repair.streamedKeys).toEqual({ added: 30, renewed: 0 });
    for (let i = 0; i < 7; i++) ring.nodes[0].put(slots[0], `key${i}`, 'y', 2);
    stream(2, 0, [slots[0]]);
    ring.pass(500);
    expect(ring.nodes[2].repair.streamedKeys).toEqual({ added: 30, renewed: 7 });
    expect(ring.nodes[0].repair.streamedKeys).toEqual({ added: 0, renewed: 0 });
  });

  it('is one at a time, and none before the trees are known', () => {
    expect(stream(2, 0, [slots[0]])).toBe(true);
    expect(stream(2, 1, [slots[0]])).toBe(false);
    ring.deliver();
    expect(stream(2, 1, [slots[0]])).toBe(true);
  });

  it('pushes only, if it is to: what the home lacks is in its log, and nothing came for it', () => {
    ring.nodes[2].put(slots[0], 'ours', '1');
    ring.nodes[2].put(slots[0], 'old', '1');
    ring.nodes[0].put(slots[0], 'old', '2', 2);
    ring.nodes[0].put(slots[0], 'theirs', '1');
    stream(2, 0, [slots[0]], 'push');
    ring.pass(500);
    expect(ends.map(({ failure }) => failure)).toEqual([null]);
    expect(ring.nodes[0].get(slots[0], 'ours')).toBe('1');
    expect(ring.nodes[0].get(slots[0], 'old')).toBe('2');
    expect(ring.nodes[2].get(slots[0], 'theirs')).toBeUndefined();
    expect(ring.nodes[2].get(slots[0], 'old')).toBe('1');
  });

  it('pulls only, if it is to: a home is sent nothing', () => {
    ring.nodes[2].put(slots[0], 'ours', '1');
    ring.nodes[2].put(slots[0], 'new', '2', 2);
    ring.nodes[0].put(slots[0], 'new', '1');
    ring.nodes[0].put(slots[0], 'theirs', '1');
    stream(2, 0, [slots[0]], 'pull');
    ring.pass(500);
    expect(ends).toEqual([{ failure: null, keysDiffering: 2 }]);
    expect([ring.nodes[2].get(slots[0], 'theirs'), ring.nodes[2].get(slots[0], 'new')]).toEqual(['1', '2']);
    expect([ring.nodes[0].get(slots[0], 'ours'), ring.nodes[0].get(slots[0], 'new')]).toEqual([
      undefined,
      '1',
    ]);
  });

  it('fetches without lists where there is little, once it knows how long records are', () => {
    let lists = 0;
    ring.lost = (_from, _to, type) => type === Message.RangeList && lists++ < 0;
    const fill = (payload: string, at: number): void => {
      for (let i = 0; i < 200; i++) ring.nodes[0].put(slots[i % 2], `key${i}`, payload, at);
    };
    fill('1', 1);
    stream(2, 0, slots.slice(0, 2), 'pull');
    ring.pass(500);
    // Some of what is there is new.
    ring.nodes[0].put(slots[0], 'key0', '2', 2);
    stream(2, 0, slots.slice(0, 2), 'pull');
    ring.pass(500);
    expect(ends).toEqual([200, 1].map((keysDiffering) => ({ failure: null, keysDiffering })));
    expect([lists, ring.nodes[2].get(slots[0], 'key0')]).toEqual([0, '2']);
    // As much in bytes as pays for lists.
    fill('x'.repeat(5000), 3);
    stream(2, 0, slots.slice(0, 2), 'pull');
    ring.pass(500);
    ring.nodes[0].put(slots[0], 'key0', '4', 4);
    lists = 0;
    stream(2, 0, slots.slice(0, 2), 'pull');
    ring.pass(500);
    expect([lists, ring.nodes[2].get(slots[0], 'key0')]).toEqual([1, '4']);
  });

  it('goes on beside a repair with the same peer', () => {
    const shared = ring.nodes[2].topology.isHome.indexOf(1);
    const peer = ring.nodes[2].topology.homes(shared).find((home) => home !== 2)!;
    ring.nodes[peer].put(shared, 'a', '1');
    const foreign = slots.find((slot) => ring.nodes[2].topology.homes(slot).includes(peer))!;
    ring.nodes[peer].put(foreign, 'b', '2');
    const failures: (readonly string[])[] = [];
    ring.nodes[2].repair.repair(shared, (failed) => failures.push(failed));
    stream(2, peer, [foreign]);
    ring.pass(1000);
    expect([ring.nodes[2].get(shared, 'a'), ring.nodes[2].get(foreign, 'b')]).toEqual(['1', '2']);
    expect(failures).toEqual([[]]);
  });

  it('ends with a word when the home has become none', () => {
    const foreign = ring.nodes[2].topology.isHome.indexOf(1);
    const stranger = [0, 1].find((node) => !ring.nodes[2].topology.homes(foreign).includes(node))!;
    ring.nodes[2].put(foreign, 'a', '1');
    stream(2, stranger, [foreign], 'push');
    ring.pass(500);
    expect(ends.map(({ failure }) => failure)).toEqual(['1 keys could not be repaired']);
    expect(ring.nodes[stranger].keys(foreign)).toBe(0);
    ring.nodes[stranger].put(foreign, 'b', '1');
    stream(2, stranger, [foreign]);
    ring.pass(500);
    expect(ends[1].failure).toBe('the peer has no time for it');
  });

  it.each([
    ['the sender', 0],
    ['the receiver', 2],
  ])('obeys the throttle of %s', (_, slow) => {
    ring.nodes[slow].streamThrottle = 100_000;
    for (let i = 0; i < 400; i++) ring.nodes[0].put(slots[i % 40], `key${i}`, 'x'.repeat(1000));
    stream(2, 0, slots.slice(0, 40));
    ring.pass(1000);
    const { sent, received } = ring.nodes[slow].repair.streamed;
    const streamedBytes = sent + received;
    expect(streamedBytes).toBeGreaterThan(60_000);
    // What is under way when the bound is met still comes: ranges under way at once, of 10 keys each.
    expect(streamedBytes).toBeLessThan(100_000 + 16 * 11_000);
    expect(ends).toEqual([]);
    ring.pass(5000);
    expect(ends).toEqual([{ failure: null, keysDiffering: 400 }]);
  });

  it('breaks off when the ring changes, and says so', () => {
    ring.nodes[0].put(slots[0], 'a', '1');
    stream(2, 0, [slots[0]]);
    ring.nodes[2].repair.ringChanged();
    expect(ends.map(({ failure }) => failure)).toEqual(['the ring has changed']);
    ring.deliver();
    expect(stream(2, 0, [slots[0]])).toBe(true);
  });

  it('breaks off when the peer falls silent, and what came stays', () => {
    for (let i = 0; i < 20; i++) ring.nodes[0].put(slots[i], `key${i}`, '1');
    stream(2, 0, slots.slice(0, 20));
    let records = 0;
    ring.lost = (_from, _to, type) => type === Message.RepairRecord && ++records > 10;
    ring.pass(15_000);
    expect(ends).toHaveLength(1);
    ring.lost = () => false;
    const came = slots.slice(0, 20).filter((slot) => ring.nodes[2].keys(slot) === 1).length;
    expect(came).toBe(10);
    stream(2, 0, slots.slice(0, 20));
    ring.pass(500);
    expect(ends[1]).toEqual({ failure: null, keysDiffering: 10 });
  });
});

describe('the ring has changed', () => {
  it('and a repair that was asked for begins anew', () => {
    const { repair, topology } = ring.nodes[2];
    const shared = topology.isHome.indexOf(1);
    const peer = topology.homes(shared).find((home) => home !== 2)!;
    ring.nodes[peer].put(shared, 'a', '1');
    const failures: (readonly string[])[] = [];
    repair.repair(shared, (failed) => failures.push(failed));
    repair.ringChanged();
    ring.pass(3000);
    expect(failures).toEqual([[]]);
    expect(ring.nodes[2].get(shared, 'a')).toBe('1');
  });
});
