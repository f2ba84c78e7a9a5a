import { describe, expect, it } from 'vitest';
import { Message } from '../../messages.js';
import { DutyRing } from './duties.test-support.js';
import { slotsIn } from './duty.js';
import { ringOf } from './rings.test-support.js';

/** Member 3 joins members 0, 1 and 2; what it is to get. */
function joining(): { ring: DutyRing; slots: number[] } {
  const ring = new DutyRing(ringOf('copying', [0, 1, 2], [0, 1, 2, 3]), 4);
  const { topology } = ring.nodes[3];
  return { ring, slots: slotsIn(topology.gainedBy(3)) };
}

function writeAll(ring: DutyRing, slots: readonly number[], key: string, at: number): void {
  for (const node of ring.nodes.slice(0, 3)) node.putAll(slots, key, 'x'.repeat(50), at);
}

/** So many keys of each of these slots, at all homes. */
function fill(ring: DutyRing, slots: readonly number[], keys = 1): void {
  for (let i = 0; i < keys; i++) writeAll(ring, slots, `key${i}`, 1);
}

describe('slots that come to a node', () => {
  it('are copied ahead, and no others', () => {
    const { ring, slots } = joining();
    const others = slotsIn(ring.nodes[0].topology.isHome).filter((slot) => !slots.includes(slot));
    fill(ring, slots.slice(0, 40), 3);
    fill(ring, others.slice(0, 5));
    const { duties } = ring.nodes[3];
    expect(duties.facts()).toMatchObject({ epoch: 2, done: false, left: slots.length, total: slots.length });
    ring.pass(6000);
    for (const slot of slots.slice(0, 40)) expect(ring.nodes[3].keys(slot)).toBe(3);
    for (const slot of others.slice(0, 5)) expect(ring.nodes[3].keys(slot)).toBe(0);
    expect(duties.facts()).toMatchObject({ epoch: 2, done: true, left: 0, total: slots.length });
    expect(duties.facts()!.bytes).toBeGreaterThan(120 * 50);
    // Who has nothing to do says so.
    expect(ring.nodes[0].duties.facts()).toEqual({ epoch: 2, done: true, left: 0, total: 0, bytes: 0 });
  });

  it('come from the fullest home, some at a time, so that all help', () => {
    const ring = new DutyRing(ringOf('copying', [0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5]), 6);
    const { topology, streams } = ring.nodes[5];
    const todo = new Set(slotsIn(topology.gainedBy(5)));
    ring.pass(8000);
    expect(ring.nodes[5].duties.facts()!.done).toBe(true);
    for (const { peer, slots } of streams) {
      const counts = [0, 1, 2, 3, 4].map(
        (home) => [...todo].filter((slot) => topology.sources(slot).includes(home)).length,
      );
      expect(counts[peer]).toBe(Math.max(...counts));
      expect(slots.length).toBeLessThanOrEqual(256);
      for (const slot of slots) {
        expect(topology.sources(slot)).toContain(peer);
        expect(todo.delete(slot)).toBe(true);
      }
    }
    expect(todo.size).toBe(0);
    expect(new Set(streams.map(({ peer }) => peer)).size).toBeGreaterThan(2);
  });

  it('come from those that are up, and wait for a home if there is none', () => {
    const { ring, slots } = joining();
    fill(ring, slots.slice(0, 4));
    ring.down(0, 1);
    ring.pass(6000);
    expect(new Set(ring.nodes[3].streams.map(({ peer }) => peer))).toEqual(new Set([2]));
    expect(ring.nodes[3].duties.facts()!.done).toBe(true);
    const other = joining();
    other.ring.down(0, 1, 2);
    other.ring.pass(3000);
    expect(other.ring.nodes[3].duties.facts()).toMatchObject({ done: false, left: other.slots.length });
    other.ring.up(1);
    other.ring.pass(6000);
    expect(other.ring.nodes[3].duties.facts()!.done).toBe(true);
  });

  it('are asked for again of a peer that fell silent', () => {
    const { ring, slots } = joining();
    fill(ring, slots.slice(0, 4));
    ring.lost = (_from, to) => to === 3;
    ring.pass(2000);
    ring.lost = () => false;
    expect(ring.nodes[3].duties.facts()!.done).toBe(false);
    ring.pass(20_000);
    expect(ring.nodes[3].duties.facts()!.done).toBe(true);
    for (const slot of slots.slice(0, 4)) expect(ring.nodes[3].keys(slot)).toBe(1);
  });
});

describe('a copy that was interrupted', () => {
  const FILLED = 900;

  /** Messages with records to node 3. */
  function counting(ring: DutyRing): { records: number } {
    const count = { records: 0 };
    ring.lost = (_from, to, type) => {
      if (to === 3 && type === Message.RepairRecord) count.records++;
      return false;
    };
    return count;
  }

  it('by a restart of the receiver is gone on with: what came is not sent again', () => {
    const { ring, slots } = joining();
    const filled = slots.slice(0, FILLED);
    fill(ring, filled);
    const count = counting(ring);
    ring.nodes[3].streamThrottle = 20_000;
    while (count.records < FILLED / 3) ring.pass(50);
    const came = count.records;
    const had = filled.filter((slot) => ring.nodes[3].keys(slot) === 1).length;
    expect(had).toBeLessThan(FILLED);
    ring.restart(3);
    expect(ring.nodes[3].duties.facts()!.done).toBe(false);
    ring.pass(8000);
    expect(ring.nodes[3].duties.facts()!.done).toBe(true);
    expect(filled.every((slot) => ring.nodes[3].keys(slot) === 1)).toBe(true);
    expect(count.records - came).toBeLessThanOrEqual(FILLED - had);
  });

  it('by a restart of the sender is gone on with from the others, and from it', () => {
    const { ring, slots } = joining();
    const filled = slots.slice(0, FILLED);
    fill(ring, filled);
    const count = counting(ring);
    ring.nodes[3].streamThrottle = 20_000;
    while (count.records < FILLED / 3) ring.pass(50);
    ring.nodes[3].streamThrottle = 1 << 30;
    const { peer } = ring.nodes[3].streams.at(-1)!;
    ring.restart(peer);
    ring.pass(8000);
    expect(ring.nodes[3].duties.facts()!.done).toBe(true);
    expect(filled.every((slot) => ring.nodes[3].keys(slot) === 1)).toBe(true);
    // Only what was under way comes twice.
    expect(count.records).toBeLessThan(FILLED + 100);
  });
});

describe('while others go on writing', () => {
  /** Seconds each stream of the passes takes; keys are written at the end of these. Returns how many passes there were. */
  function passes(seconds: readonly number[], ...isWritten: readonly number[]): number {
    const { ring, slots } = joining();
    const busy = slots.slice(300, 1500);
    const [node] = ring.nodes.slice(3);
    const perPass = Math.ceil(slots.length / 256);
    let at = 1;
    writeAll(ring, busy, 'early', at);
    node.onStream = (number) => {
      if (number % perPass === 0 && isWritten.includes(number / perPass)) writeAll(ring, busy, 'late', ++at);
      node.elapsed += (seconds[Math.floor((number - 1) / perPass)] ?? 0) * 1000;
      node.duties.tick(0, node.elapsed);
    };
    for (let i = 0; i < 200 && !node.duties.facts()!.done; i++) ring.pass(50);
    expect(node.duties.facts()!.done).toBe(true);
    return Math.floor(node.streams.length / perPass);
  }

  it('a pass that was over soon is the only one: sealed does the rest', () => {
    expect(passes([1], 1)).toBe(1);
  });

  it('a long one is followed by others, as long as each takes much less time than the one before', () => {
    expect(passes([10, 4, 1], 1, 2, 3)).toBe(3);
    expect(passes([4, 3], 1, 2)).toBe(2);
  });

  it('one that finds little is the last', () => {
    expect(passes([10, 4], 1)).toBe(3);
    expect(passes([10, 4])).toBe(2);
  });
});

it('members that were to be taken in and no longer are stop, and those that still are begin anew', () => {
  const ring = new DutyRing(ringOf('copying', [0, 1, 2], [0, 1, 2, 3, 4]), 5);
  ring.pass(100);
  const next = ringOf('copying', [0, 1, 2], [0, 1, 2, 4]);
  ring.turn({ ...next, epoch: 3 });
  ring.nodes[3].streams.length = 0;
  const gained = slotsIn(ring.nodes[4].topology.gainedBy(4)).length;
  expect(ring.nodes[4].duties.facts()).toMatchObject({ epoch: 3, done: false, left: gained });
  ring.pass(6000);
  expect(ring.nodes[3].streams).toEqual([]);
  expect(ring.nodes[4].duties.facts()!.done).toBe(true);
});
