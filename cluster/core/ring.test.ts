import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SLOTS } from '../../storage/key-layout.js';
import { buildRing, LISTED, type Ring, type RingMember } from './ring.js';
import { slotPlace } from './ring-places.js';

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

describe('homes in racks', () => {
  /** Racks of two, three and four members. */
  const uneven = ['a', 'a', 'b', 'b', 'b', 'c', 'c', 'c', 'c'];
  const known = members(uneven.length).map((member, i) => ({ ...member, rack: uneven[i] }));

  it('are in three racks where there are three: a rack that is lost leaves two of three replicas of every slot', () => {
    const { preference } = buildRing(known, VNODES, HOMES);
    const kinds = new Set(
      preference.map((homes) =>
        Array.from(homes, (member) => uneven[member])
          .sort()
          .join(),
      ),
    );
    expect([...kinds]).toEqual(['a,b,c']);
  });
});

describe('large clusters', () => {
  it('have shorter lists that name nobody twice', () => {
    const { preference } = buildRing(members(LISTED + 20), 16);
    expect(new Set(preference.map((list) => new Set(list).size))).toEqual(new Set([LISTED]));
  });

  it('have lists that begin as they would if they named all', () => {
    const many = members(LISTED + 20, 5);
    const whole = buildRing(many, 16, many.length).preference;
    const begun = buildRing(many, 16).preference.map((list) => list.join());
    expect(begun).toEqual(whole.map((list) => list.subarray(0, LISTED).join()));
  });
});

describe('one change', () => {
  const weight = fc.constantFrom(0.5, 1, 2);
  const rack = fc.constantFrom('', 'a', 'b', 'c', 'd');
  const cluster = fc
    .array(fc.record({ rack, weight }), { minLength: 2, maxLength: 10 })
    .map((all) => all.map((one, i) => ({ ...one, name: `node${i}`, tokens: `node${i}` })));
  const replicas = fc.integer({ min: 1, max: 5 });

  /** Who went and who came, of slots whose homes differ: each different answer once. */
  function changes(before: readonly RingMember[], after: readonly RingMember[], n: number) {
    const [was, is] = [before, after].map((all) => buildRing(all, 8, n).preference);
    const found = new Map<string, { out: string[]; in: string[] }>();
    for (let slot = 0; slot < SLOTS; slot++) {
      const [old, now] = [
        Array.from(was[slot], (i) => before[i].name),
        Array.from(is[slot], (i) => after[i].name),
      ];
      const change = {
        out: old.filter((name) => !now.includes(name)),
        in: now.filter((name) => !old.includes(name)),
      };
      if (change.out.length + change.in.length > 0) found.set(`${change.out}>${change.in}`, change);
    }
    return [...found.values()];
  }

  it('of a member that joins puts it in and at most one out, and one that leaves the other way round', () => {
    fc.assert(
      fc.property(cluster, replicas, (all, n) => {
        const [newcomer, ...others] = all;
        const out = others.length < n ? 0 : 1;
        for (const change of changes(others, all, n)) {
          expect(change.in).toEqual([newcomer.name]);
          expect(change.out).toHaveLength(out);
        }
        for (const change of changes(all, others, n)) {
          expect(change.out).toEqual([newcomer.name]);
          expect(change.in).toHaveLength(out);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('of weight puts the member in or out, and at most one other the other way', () => {
    fc.assert(
      fc.property(cluster, replicas, ([first, ...others], n) => {
        const [light, heavy] = [0.5, 3].map((weight) => [{ ...first, weight }, ...others]);
        for (const change of changes(light, heavy, n)) {
          expect(change.in).toEqual([first.name]);
          expect(change.out).toHaveLength(1);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('of rack changes at most one home for one', () => {
    fc.assert(
      fc.property(cluster, replicas, rack, ([first, ...others], n, newRack) => {
        for (const change of changes([first, ...others], [{ ...first, rack: newRack }, ...others], n)) {
          expect(change.in.length).toBeLessThanOrEqual(1);
          expect(change.out).toHaveLength(change.in.length);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('leaves the order of all others as it is where there are no racks', () => {
    const before = buildRing(members(19), VNODES);
    const after = buildRing(members(20), VNODES);
    const others = after.preference.map((list) => list.filter((member) => member !== 19).join());
    expect(others).toEqual(before.preference.map((list) => list.join()));
  });
});

it('a member under the name of a lost one takes exactly its place', () => {
  const lost = members(5);
  const replaced = [...lost.slice(0, 2), ...lost.slice(3), { ...lost[2] }];
  expect(byName(buildRing(replaced, VNODES), replaced)).toEqual(byName(buildRing(lost, VNODES), lost));
});

it('slots have the places they always had: nodes of all versions must agree', () => {
  expect([0, 1, 8191, 16383].map(slotPlace)).toEqual([3530670207, 2484513939, 2748132591, 2793742807]);
});
