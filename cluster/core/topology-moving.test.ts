import { describe, expect, it } from 'vitest';
import { SLOTS } from '../../storage/key-layout.js';
import { advanced, changed, firstRing, type RingState, rolledBack } from './elastic/ring-state.js';
import { ALL, QUORUM } from './levels.js';
import { Topology } from './topology.js';
import { membersOf } from './topology.test-support.js';

const VNODES = 16;

/** The states of the ring on the way from the first `from` of some members to the first `to`; `gone`: those who go are lost. */
function statesOf(
  from: number,
  to: number,
  gone = false,
): { all: ReturnType<typeof membersOf>; rings: RingState[] } {
  const all = membersOf(Math.max(from, to));
  const rings: RingState[] = [firstRing(all.slice(0, from))];
  const names = gone ? all.slice(to, from).map(({ name }) => name) : [];
  rings.push(changed(rings[0], all.slice(0, to), names)!);
  for (let next = advanced(rings[1]); next !== null; next = advanced(next)) rings.push(next);
  return { all, rings };
}

function topologiesOf(from: number, to: number, self = 0, gone = false): Topology[] {
  const { all, rings } = statesOf(from, to, gone);
  const made: Topology[] = [];
  for (const ring of rings) made.push(new Topology(all, self, 3, VNODES, false, ring, made.at(-1)));
  return made;
}

const slots = [...Array(SLOTS).keys()];
const subsets = (of: readonly number[]): number[][] =>
  of.reduce<number[][]>((sets, one) => sets.flatMap((set) => [set, [...set, one]]), [[]]);
const atLeast = (of: Uint16Array, count: number): number[][] =>
  subsets([...of]).filter((set) => set.length === count);
const meet = (a: readonly number[], b: readonly number[]): boolean => a.some((one) => b.includes(one));

describe('while the ring changes', () => {
  it('the phases follow each other, one epoch each', () => {
    const { rings } = statesOf(3, 4);
    expect(rings.map(({ epoch, phase }) => `${epoch} ${phase}`)).toEqual([
      '1 stable',
      '2 copying',
      '3 joint',
      '4 sealed',
      '5 clearing',
      '6 stable',
    ]);
    expect(rolledBack(rings[3])).toMatchObject({ epoch: 5, phase: 'clearing', current: rings[0].current });
    expect([rolledBack(rings[4]), rolledBack(rings[5]), changed(rings[2], [])]).toEqual([null, null, null]);
  });

  it.each([
    [1, 2],
    [2, 3],
    [3, 4],
    [4, 3],
    [3, 2],
    [3, 6],
    [5, 4],
    [3, 2, true],
    [4, 3, true],
    [5, 4, true],
    [5, 3, true],
  ])(
    'from %i to %i members quorums of neighbouring states meet in every slot (gone: %s)',
    (from, to, gone = false) => {
      const made = topologiesOf(from, to, 0, gone);
      const seen = new Set<string>();
      for (let i = 1; i < made.length; i++) {
        for (const slot of slots) {
          const [a, b] = [made[i - 1], made[i]];
          const name = `${i} ${a.homes(slot).join()} ${b.homes(slot).join()}`;
          if (seen.has(name)) continue;
          seen.add(name);
          for (const [one, other] of [
            [a, b],
            [b, a],
            [b, b],
          ]) {
            const written = atLeast(one.homes(slot), one.needed(slot, QUORUM, QUORUM));
            const read = atLeast(other.homes(slot), other.needed(slot, QUORUM, QUORUM));
            const voted = atLeast(other.homes(slot), other.majorityOf(slot));
            const all = atLeast(one.homes(slot), one.needed(slot, ALL, QUORUM));
            const single = atLeast(other.homes(slot), other.needed(slot, 1, QUORUM));
            for (const set of written)
              for (const with_ of [...read, ...voted]) expect(meet(set, with_)).toBe(true);
            for (const set of all) for (const with_ of single) expect(meet(set, with_)).toBe(true);
          }
        }
      }
    },
  );

  it('homes are the old ones, both, both, then the new ones; a slot that stays has the same throughout', () => {
    const [stable, copying, joint, sealed, clearing, after] = topologiesOf(3, 4);
    let moved = 0;
    for (const slot of slots) {
      const [old, then] = [[...stable.homes(slot)], [...after.homes(slot)]];
      expect([...copying.homes(slot)]).toEqual(old);
      expect([...clearing.homes(slot)]).toEqual(then);
      expect([...sealed.homes(slot)]).toEqual([...joint.homes(slot)]);
      expect(new Set(joint.homes(slot))).toEqual(new Set([...old, ...then]));
      expect([...joint.sources(slot)]).toEqual(old);
      if (joint.sizeOf(slot) === 3) expect(joint.majorityOf(slot)).toBe(2);
      else {
        moved++;
        expect([joint.sizeOf(slot), joint.majorityOf(slot), joint.needed(slot, 1, 1)]).toEqual([4, 3, 2]);
      }
    }
    expect(moved).toBeGreaterThan(SLOTS / 2);
  });

  it('of three members one that is lost for good can be taken out although the two left are all that there is', () => {
    const [, , joint, sealed] = topologiesOf(3, 2, 0, true);
    for (const one of [joint, sealed]) {
      expect([...one.homes(7)].sort()).toEqual([0, 1]);
      expect([one.majorityOf(7), one.needed(7, QUORUM, QUORUM)]).toEqual([2, 2]);
    }
  });

  it('who gains slots keeps copies from the first, who loses them to the end', () => {
    const ofNew = topologiesOf(3, 4, 3);
    const gained = ofNew[2].gainedBy(3);
    const count = (of: Uint8Array): number => of.reduce((sum, one) => sum + one, 0);
    expect(ofNew.map((one) => count(one.keeps))).toEqual([0, ...Array(5).fill(count(gained))]);
    expect(ofNew.map((one) => count(one.isHome))).toEqual([0, 0, ...Array(4).fill(count(gained))]);
    expect(ofNew.map((one) => count(one.gainedBy(3)) > 0)).toEqual([false, true, true, true, false, false]);
    const ofOld = topologiesOf(3, 4, 0);
    expect(ofOld.map((one) => count(one.keeps))).toEqual([
      SLOTS,
      SLOTS,
      SLOTS,
      SLOTS,
      SLOTS,
      count(ofOld[5].isHome),
    ]);
    expect(ofOld.map((one) => count(one.lostBy(0)) > 0)).toEqual([false, false, false, false, true, false]);
  });

  it('who is no member of the ring is never alive, and all is verified again', () => {
    const made = topologiesOf(4, 3);
    const before = made[4];
    before.setAlive(3, true);
    before.setAlive(1, true);
    const after = new Topology(before.members, 0, 3, VNODES, false, made[5].ring, before);
    expect([...after.alive]).toEqual([1, 1, 0, 0]);
    after.setAlive(3, true);
    expect([after.alive[3], after.inRing[3], after.peers]).toEqual([0, 0, [1, 2]]);
    expect(after.trustEpoch).toBeGreaterThan(before.trustEpoch);
  });
});
