import { describe, expect, it } from 'vitest';
import { SLOTS } from '../../storage/key-layout.js';
import { buildRing } from './ring.js';
import { dueFirsts, dueHomes } from './ring-share.js';

/** Many tokens, so that chance matters little. */
const VNODES = 4096;

const clusters: Record<string, readonly (readonly [rack: string, weight: number])[]> = {
  'equal members': Array(6).fill(['', 1]),
  'one of weight 2': [['', 2], ...Array(5).fill(['', 1])],
  'weights from 0.5 to 4': [0.5, 1, 1, 2, 4].map((weight) => ['', weight] as const),
  'three racks': ['a', 'a', 'b', 'b', 'c', 'c'].map((rack) => [rack, 1] as const),
  'three racks of unequal size': ['a', 'b', 'b', 'c', 'c', 'c'].map((rack) => [rack, 1] as const),
  'five racks': ['a', 'a', 'b', 'c', 'd', 'e'].map((rack) => [rack, 1] as const),
  'two racks': ['a', 'a', 'a', 'b', 'b', 'b'].map((rack) => [rack, 1] as const),
};

describe.each(Object.entries(clusters))('what members are due, with %s,', (_, kinds) => {
  const members = kinds.map(([rack, weight], i) => ({ name: `n${i}`, tokens: `n${i}`, rack, weight }));
  const { preference } = buildRing(members, VNODES);
  const held = (places: number) =>
    members.map(
      (_, one) => preference.filter((list) => list.subarray(0, places).includes(one)).length / SLOTS,
    );

  it('as homes is what a ring of many tokens gives them', () => {
    const due = dueHomes(members, 3);
    expect(due.reduce((sum, one) => sum + one, 0)).toBeCloseTo(3, 6);
    held(3).forEach((share, i) => {
      expect(share / due[i]).toBeGreaterThan(0.94);
      expect(share / due[i]).toBeLessThan(1.06);
    });
  });

  it('as first too', () => {
    const due = dueFirsts(members);
    held(1).forEach((share, i) => {
      expect(Math.abs(share / due[i] - 1)).toBeLessThan(0.1);
    });
  });
});

it('all are homes of everything where there are no more members than replicas', () => {
  const few = ['a', 'b'].map((name, i) => ({ name, rack: '', weight: i + 1 }));
  expect(dueHomes(few, 3)).toEqual([1, 1]);
});
