import { describe, expect, it } from 'vitest';
import type { MemberView, RingProgress } from '../member-view.js';
import { type Member, Topology } from '../topology.js';
import { RingMeter } from './ring-meter.js';
import { changeText, progressOf, rolesIn } from './ring-progress.js';
import { advanced, changed, firstRing, type RingState } from './ring-state.js';

const UP: MemberView = { state: 'up', phi: 0, generation: 1, version: 1, facts: undefined, clockOffBy: 0 };

function member(name: string, more: Partial<Member> = {}): Member {
  return {
    name,
    tokens: name,
    rack: '',
    weight: 1,
    nodeId: name,
    busAddress: name,
    clientAddress: name,
    ...more,
  };
}

function members(names: string): Member[] {
  return [...names].map((name) => member(name));
}

function saying(ring: Partial<RingProgress> & { epoch: number }): MemberView {
  const progress = { done: false, left: 0, total: 0, bytes: 0, ...ring };
  return { ...UP, facts: { id: '', address: '', rack: '', ring: progress } };
}

/** As `a` sees it; members by number are a, b, c, d. */
function seen(ring: RingState, alive = 'abcd'): Topology {
  const topology = new Topology(members('abcd'), 0, 2, 8, false, ring);
  for (const name of alive) topology.setAlive(topology.numberOf(name)!, true);
  return topology;
}

const START = firstRing(members('abc'));
const JOIN = changed(START, members('abcd'))!;
const LEAVE = changed(firstRing(members('abcd')), members('abc'))!;

/** So many steps further. */
function further(ring: RingState, steps: number): RingState {
  return steps === 0 ? ring : further(advanced(ring)!, steps - 1);
}

describe('what a change makes of the members', () => {
  it.each([
    ['nothing', START, ''],
    ['a join', JOIN, 'd joining'],
    ['a join that is over but for the clearing', further(JOIN, 3), 'd joining'],
    ['a leave', LEAVE, 'd leaving'],
    ['a leave that is over but for the clearing', further(LEAVE, 3), 'd leaving'],
    [
      'a replacement',
      changed(START, [...members('ab'), member('e', { tokens: 'c' })])!,
      'c replaced, e replacing',
    ],
    ['a weight', changed(START, [...members('ab'), member('c', { weight: 2 })])!, 'c reweighted'],
    ['both', changed(START, members('abd'))!, 'c leaving, d joining'],
  ])('%s', (_, ring, text) => {
    expect(changeText(ring)).toBe(text);
  });

  it('has a role for everybody of both sides', () => {
    expect([...rolesIn(JOIN)]).toEqual([
      ['a', 'member'],
      ['b', 'member'],
      ['c', 'member'],
      ['d', 'joining'],
    ]);
  });
});

describe('how far a phase is', () => {
  const gains = seen(JOIN)
    .gainedBy(3)
    .reduce((all, one) => all + one, 0);

  it('is nothing while no change is under way', () => {
    expect(progressOf(seen(START), [UP, UP, UP, UP])).toEqual({
      left: 0,
      total: 0,
      bytes: 0,
    });
  });

  it('counts all slots of a member that has not spoken of this epoch', () => {
    const old = saying({ epoch: JOIN.epoch - 1, done: true });
    for (const view of [UP, old])
      expect(progressOf(seen(JOIN), [UP, UP, UP, view])).toEqual({
        left: gains,
        total: gains,
        bytes: 0,
      });
  });

  it('believes what a member says of this epoch', () => {
    const view = saying({ epoch: JOIN.epoch, left: 3, total: 7, bytes: 9 });
    expect(progressOf(seen(JOIN), [UP, UP, UP, view])).toEqual({
      left: 3,
      total: 7,
      bytes: 9,
    });
  });

  it('has nothing to do in the joint phase', () => {
    expect(progressOf(seen(further(JOIN, 1)), [UP, UP, UP, UP]).total).toBe(0);
  });

  it('counts while clearing what those who live have lost', () => {
    const ring = further(LEAVE, 3);
    const lost = seen(ring).lostBy(3);
    const all = lost.reduce((sum, one) => sum + one, 0);
    expect(progressOf(seen(ring), [UP, UP, UP, UP]).left).toBe(all);
    expect(progressOf(seen(ring, 'abc'), [UP, UP, UP, UP]).left).toBe(0);
  });
});

describe('the meter', () => {
  const views = (left: number, bytes: number, epoch = JOIN.epoch): MemberView[] => [
    UP,
    UP,
    UP,
    saying({ epoch, left, total: 1000, bytes }),
  ];

  it('tells the rate and how long it will take, once it has seen enough', () => {
    const meter = new RingMeter();
    const topology = seen(JOIN);
    expect(meter.figures(topology, views(1000, 0), [3])).toMatchObject({
      bytesPerSecond: 0,
      secondsLeft: null,
    });
    for (let second = 0; second <= 4; second++)
      meter.sample(second * 1000, topology, views(1000 - 50 * second, 700 * second));
    expect(meter.figures(topology, views(800, 2800), [3])).toMatchObject({
      bytes: 2800,
      bytesPerSecond: 700,
      secondsLeft: 16,
      change: 'd joining',
      waitingFor: ['d'],
    });
  });

  it('goes by the last ten seconds', () => {
    const meter = new RingMeter();
    const topology = seen(JOIN);
    meter.sample(0, topology, views(1000, 0));
    for (let second = 100; second <= 110; second++)
      meter.sample(second * 1000, topology, views(500 - (second - 100), 0));
    expect(meter.figures(topology, views(490, 0), [3]).secondsLeft).toBe(490);
  });

  it('does not know how long it takes when nothing moves', () => {
    const meter = new RingMeter();
    for (let second = 0; second <= 4; second++) meter.sample(second * 1000, seen(JOIN), views(10, 5));
    expect(meter.figures(seen(JOIN), views(10, 5), [3])).toMatchObject({
      secondsLeft: null,
      bytesPerSecond: 0,
    });
  });

  it('adds up the bytes of all phases, and begins anew with the next change', () => {
    const meter = new RingMeter();
    meter.sample(0, seen(JOIN), views(0, 400));
    const sealed = further(JOIN, 2);
    meter.sample(1000, seen(sealed), views(5, 30, sealed.epoch));
    expect(meter.figures(seen(sealed), views(5, 30, sealed.epoch), [3]).bytes).toBe(430);
    const over = further(JOIN, 4);
    meter.sample(2000, seen(over), views(0, 0));
    const again = changed(over, members('abc'))!;
    meter.sample(3000, seen(again), [UP, saying({ epoch: again.epoch, bytes: 7 }), UP, UP]);
    expect(
      meter.figures(seen(again), [UP, saying({ epoch: again.epoch, bytes: 7 }), UP, UP], [3]).bytes,
    ).toBe(7);
  });
});
