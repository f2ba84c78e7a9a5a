import { describe, expect, it } from 'vitest';
import { SLOTS } from '../../storage/key-layout.js';
import { buildRing, type RingMember } from './ring.js';
import { planChange, type RingChange, slotShifts } from './ring-plan.js';
import { seatAll } from './ring-seats.js';
import { dueFirsts } from './ring-share.js';

const SHAPE = { replicas: 3, vnodes: 64 };

const member = (name: string, weight = 1): RingMember => ({ name, tokens: name, rack: '', weight });

const FIVE = seatAll(
  ['a', 'b', 'c', 'd', 'e'].map((name) => member(name)),
  SHAPE,
);

function planned(
  change: RingChange<RingMember>,
  members: readonly RingMember[] = FIVE,
): readonly RingMember[] {
  const plan = planChange(members, change, SHAPE);
  if ('refused' in plan) throw new Error(plan.refused);
  return plan.members;
}

const namesOf = (members: readonly RingMember[]) => members.map(({ name }) => name).sort();

describe('a planned change', () => {
  it('of a join leaves the others as they are and gives the newcomer tokens of its own', () => {
    const after = planned({ kind: 'join', member: member('f') });
    expect(after.slice(0, 5)).toEqual(FIVE);
    expect(after[5].name).toBe('f');
    expect(after[5].tokens).toMatch(/^f(~\d+)?$/);
  });

  it.each(['leave', 'remove'] as const)('to %s takes the member out', (kind) => {
    expect(namesOf(planned({ kind, name: 'c' }))).toEqual(['a', 'b', 'd', 'e']);
  });

  it('to replace puts the newcomer exactly where the lost was, with its weight', () => {
    const heavy = planned({ kind: 'weight', name: 'c', weight: 2 });
    const after = planned({ kind: 'replace', name: 'c', by: member('z') }, heavy);
    const places = (members: readonly RingMember[]) =>
      buildRing(members, SHAPE.vnodes).preference.map((list) =>
        [...list].map((index) => members[index].name.replace('z', 'c')).join(),
      );
    expect(places(after)).toEqual(places(heavy));
  });

  it('to replace leaves the newcomer in the rack of the lost, unless it names one', () => {
    const racked = FIVE.map((one) => ({ ...one, rack: one.name === 'c' ? 'r' : 's' }));
    const rackOf = (by: RingMember) => planned({ kind: 'replace', name: 'c', by }, racked).at(-1)!.rack;
    expect(rackOf(member('z'))).toBe('r');
    expect(rackOf({ ...member('z'), rack: 't' })).toBe('t');
  });

  it('to replace a member that comes back under its name, with nothing on its disk, moves nothing', () => {
    expect(planned({ kind: 'replace', name: 'c', by: member('c') })).toHaveLength(5);
    expect(slotShifts(FIVE, planned({ kind: 'replace', name: 'c', by: member('c') }), SHAPE)).toEqual(
      slotShifts(FIVE, FIVE, SHAPE),
    );
  });

  it('of weight keeps the tokens there are', () => {
    const after = planned({ kind: 'weight', name: 'c', weight: 2 });
    expect(after.map(({ tokens }) => tokens)).toEqual(FIVE.map(({ tokens }) => tokens));
    const first = buildRing(after, 256).preference.filter((list) => after[list[0]].name === 'c').length;
    expect(first / SLOTS / dueFirsts(after)[2]).toBeGreaterThan(0.9);
    expect(first / SLOTS / dueFirsts(after)[2]).toBeLessThan(1.1);
  });

  it.each([
    ['a second join', { kind: 'join', member: member('a') }, 'a is a member already'],
    ['a join without weight', { kind: 'join', member: member('f', 0) }, 'a weight is from 0.1 to 100'],
    ['the leave of a stranger', { kind: 'leave', name: 'x' }, 'x is not a member'],
    [
      'a replacement that is a member',
      { kind: 'replace', name: 'a', by: member('b') },
      'b is a member already',
    ],
    ['too much weight', { kind: 'weight', name: 'a', weight: 101 }, 'a weight is from 0.1 to 100'],
    ['no number as weight', { kind: 'weight', name: 'a', weight: Number.NaN }, 'a weight is from 0.1 to 100'],
  ] as const)('%s is refused', (_, change, refused) => {
    expect(planChange(FIVE, change, SHAPE)).toEqual({ refused });
  });

  it('does not leave a cluster without members', () => {
    expect(planChange([member('a')], { kind: 'leave', name: 'a' }, SHAPE)).toEqual({
      refused: 'a is the only member',
    });
  });
});

describe('what a change means for each member', () => {
  it('of a join: the newcomer gains what the others lose together', () => {
    const shifts = slotShifts(FIVE, planned({ kind: 'join', member: member('f') }), SHAPE);
    const newcomer = shifts.find(({ name }) => name === 'f')!;
    expect(newcomer).toEqual({ name: 'f', homes: newcomer.gains, gains: newcomer.gains, loses: 0 });
    expect(shifts.filter(({ name }) => name !== 'f').every(({ gains }) => gains === 0)).toBe(true);
    expect(shifts.reduce((sum, { loses }) => sum + loses, 0)).toBe(newcomer.gains);
    expect(shifts.reduce((sum, { homes }) => sum + homes, 0)).toBe(3 * SLOTS);
  });

  it('of a leave: it loses all it had, and the others gain that', () => {
    const held = slotShifts(FIVE, FIVE, SHAPE).find(({ name }) => name === 'c')!.homes;
    const shifts = slotShifts(FIVE, planned({ kind: 'leave', name: 'c' }), SHAPE);
    expect(shifts.find(({ name }) => name === 'c')).toEqual({ name: 'c', homes: 0, gains: 0, loses: held });
    expect(shifts.reduce((sum, { gains }) => sum + gains, 0)).toBe(held);
  });
});
