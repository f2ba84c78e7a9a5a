import { describe, expect, it } from 'vitest';
import type { RingChange } from '../ring-plan.js';
import type { Member } from '../topology.js';
import { memberNamed, ringOfNames } from './ring-bus.test-support.js';
import { stepTowards, undone, WAIT } from './ring-changes.js';
import { advanced, type RingState } from './ring-state.js';

const SHAPE = { replicas: 3, vnodes: 8 };
const ABC = ringOfNames('a', 'b', 'c');

function step(ring: RingState, change: RingChange<Member>) {
  return stepTowards(ring, change, SHAPE);
}

/** The change is under way. */
function begun(change: RingChange<Member>, ring = ABC): RingState {
  const next = step(ring, change);
  if (next === null || typeof next === 'string') throw new Error(next ?? 'nothing to do');
  return next;
}

function targetOf({ other }: RingState): string {
  return other!
    .map(({ name }) => name)
    .sort()
    .join('');
}

const join = (name: string): RingChange<Member> => ({ kind: 'join', member: memberNamed(name) });
const leave = (name: string): RingChange<Member> => ({ kind: 'leave', name });

describe('a change that is asked for', () => {
  it('begins, and takes in what comes while it is copying', () => {
    const one = begun(join('d'));
    expect([one.epoch, one.phase, targetOf(one)]).toEqual([2, 'copying', 'abcd']);
    const two = begun(join('e'), one);
    expect([two.epoch, two.phase, targetOf(two)]).toEqual([3, 'copying', 'abcde']);
    expect(targetOf(begun(leave('a'), two))).toBe('bcde');
  });

  it('is nothing where it is so, or on the way there', () => {
    expect(step(ABC, join('a'))).toBe(null);
    const joining = begun(join('d'));
    expect(step(joining, join('d'))).toBe(null);
    expect(step(advanced(joining)!, join('d'))).toBe(null);
    expect(step(begun(leave('c')), leave('c'))).toBe(null);
    expect(step(ABC, { kind: 'weight', name: 'a', weight: 1 })).toBe(null);
  });

  it('waits while another is past copying', () => {
    let ring = begun(join('d'));
    for (const phase of ['joint', 'sealed', 'clearing']) {
      ring = advanced(ring)!;
      expect(ring.phase).toBe(phase);
      expect(step(ring, join('e'))).toBe(WAIT);
      expect(step(ring, leave('a'))).toBe(WAIT);
      expect(step(ring, { kind: 'weight', name: 'a', weight: 2 })).toBe(WAIT);
    }
  });

  it('is taken back when it is undone by another, or by command', () => {
    const joining = begun(join('d'));
    const back = begun(leave('d'), joining);
    expect(back).toMatchObject({ epoch: 3, phase: 'clearing', current: ABC.current });
    expect(undone(joining)).toEqual(back);
    expect(undone(ABC)).toMatch(/no change/);
    expect(undone(back)).toMatch(/decided already/);
  });

  it('gives up one that dies while it leaves: the others do not wait for it', () => {
    const remove = { kind: 'remove', name: 'c' } as const;
    const leaving = begun(leave('c'), begun(join('d')));
    const removed = begun(remove, leaving);
    expect([removed.epoch, removed.phase, targetOf(removed), removed.gone]).toEqual([
      4,
      'copying',
      'abd',
      ['c'],
    ]);
    expect(step(removed, remove)).toBe(null);
    expect(step(advanced(leaving)!, remove)).toBe(WAIT);
  });

  it('is refused about a node that nobody knows, about one that is leaving, and where nobody would be left', () => {
    expect(step(ABC, leave('x'))).toBe('unknown node x');
    expect(step(ABC, { kind: 'replace', name: 'x', by: memberNamed('y') })).toBe('unknown node x');
    const leaving = begun(leave('c'));
    expect(step(leaving, { kind: 'weight', name: 'c', weight: 2 })).toBe('c is leaving');
    expect(step(leaving, { kind: 'replace', name: 'c', by: memberNamed('y') })).toBe('c is leaving');
    expect(step(ringOfNames('a'), leave('a'))).toBe('a is the only member');
    expect(step(ABC, { kind: 'weight', name: 'a', weight: 1e6 })).toMatch(/a weight is from/);
  });

  it('puts a replacement under the tokens of the lost, once', () => {
    const change = { kind: 'replace', name: 'b', by: memberNamed('y') } as const;
    const ring = begun(change);
    expect(ring.other!.map(({ name, tokens }) => [name, tokens])).toEqual([
      ['a', 'a'],
      ['c', 'c'],
      ['y', 'b'],
    ]);
    expect(step(ring, change)).toBe(null);
    expect(step(advanced(ring)!, change)).toBe(null);
  });
});
