import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SLOTS } from '../../storage/key-layout.js';
import { buildRing, type Ring, type RingMember, slotPlace } from './ring.js';

const VNODES = 256;
const HOMES = 3;

function members(count: number, racks = 0): RingMember[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `10.0.0.${i}:7000`,
    tokens: `10.0.0.${i}:7000`,
    rack: racks === 0 ? '' : `rack-${i % racks}`,
    weight: 1,
  }));
}

/** The slots' lists by name, which all nodes share, instead of by index, which is each node's own. */
const byName = (ring: Ring, of: readonly RingMember[]) =>
  ring.preference.map((list) => [...list].map((index) => of[index].name).join(' '));

/** How many of `slots` times `depth` places each member holds, as a share of the even share. */
function loads(ring: Ring, count: number, depth: number): number[] {
  const held: number[] = Array(count).fill(0);
  for (const list of ring.preference) for (const member of list.subarray(0, depth)) held[member]++;
  return held.map((places) => places / ((SLOTS * depth) / count));
}

describe('preference lists', () => {
  it.each([1, 2, 3, 7, 50])('of %i members name each of them once', (count) => {
    const { preference } = buildRing(members(count), VNODES);
    expect(preference).toHaveLength(SLOTS);
    for (const list of preference)
      expect([...list].sort((a, b) => a - b)).toEqual(members(count).map((_, i) => i));
  });

  it('of no members are empty', () => {
    expect(buildRing([], VNODES).preference.every((list) => list.length === 0)).toBe(true);
  });

  it('name every rack before any rack a second time', () => {
    const racks = 4;
    const { preference } = buildRing(members(10, racks), VNODES);
    for (const list of preference)
      expect(new Set([...list.subarray(0, racks)].map((member) => member % racks)).size).toBe(racks);
  });

  it('spread over racks of unequal size too', () => {
    const lonely = members(5, 1).map((member, i) => (i === 4 ? { ...member, rack: 'other' } : member));
    const { preference } = buildRing(lonely, VNODES);
    expect(preference.every((list) => list[0] === 4 || list[1] === 4)).toBe(true);
  });

  it('are the same whatever the order in which a node knows the members', () => {
    const known = members(9, 3);
    const expected = byName(buildRing(known, VNODES), known);
    fc.assert(
      fc.property(fc.shuffledSubarray(known, { minLength: known.length }), (shuffled) => {
        expect(byName(buildRing(shuffled, VNODES), shuffled)).toEqual(expected);
      }),
      { numRuns: 10 },
    );
  });
});

describe('balance', () => {
  it.each([3, 5, 10, 20, 50])(
    'of %i members deviates by less than a seventh as home replicas, a quarter as first',
    (count) => {
      const ring = buildRing(members(count), VNODES);
      for (const load of loads(ring, count, HOMES)) expect(Math.abs(load - 1)).toBeLessThan(1 / 7);
      for (const load of loads(ring, count, 1)) expect(Math.abs(load - 1)).toBeLessThan(1 / 4);
    },
  );

  it('follows the weights', () => {
    const uneven = members(6).map((member, i) => ({ ...member, weight: i === 0 ? 2 : 1 }));
    const [heavy] = loads(buildRing(uneven, VNODES), 6, 1);
    expect(heavy).toBeGreaterThan((2 / 7) * 6 * 0.8);
    expect(heavy).toBeLessThan((2 / 7) * 6 * 1.2);
  });
});

describe('when a node joins', () => {
  it.each([4, 10, 20])(
    'as the %ith, it takes about its share of the first places and nobody else gains any',
    (count) => {
      const before = buildRing(members(count - 1), VNODES);
      const after = buildRing(members(count), VNODES);
      let moved = 0;
      for (let slot = 0; slot < SLOTS; slot++) {
        const [was, is] = [before.preference[slot], after.preference[slot]];
        if (was[0] !== is[0]) moved++;
        // Without the newcomer every list is what it was: nothing moves between the old nodes.
        expect([...is].filter((member) => member !== count - 1)).toEqual([...was]);
      }
      expect(moved / SLOTS).toBeGreaterThan(0.75 / count);
      expect(moved / SLOTS).toBeLessThan(1.25 / count);
    },
  );
});

it('a member under the name of a lost one takes exactly its place', () => {
  const lost = members(5);
  const replaced = [...lost.slice(0, 2), ...lost.slice(3), { ...lost[2] }];
  expect(byName(buildRing(replaced, VNODES), replaced)).toEqual(byName(buildRing(lost, VNODES), lost));
});

it('slots have the places they always had: nodes of all versions must agree', () => {
  expect([0, 1, 8191, 16383].map(slotPlace)).toEqual([3530670207, 2484513939, 2748132591, 2793742807]);
});
