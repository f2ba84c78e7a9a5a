import { beforeEach, describe, expect, it } from 'vitest';
import { ReplicaBench } from '../anti-entropy/replicas.test-support.js';
import { ALL, type Level, QUORUM } from '../levels.js';
import { type DutyNode, DutyRing } from './duties.test-support.js';
import { slotsIn } from './duty.js';
import { ringOf } from './rings.test-support.js';

const A = [0, 1, 2];

let ring: DutyRing;
let node: DutyNode;
let slots: number[];

/** Slots move from members `a` to members `b`; node `gaining` is looked at. */
function sealed(
  a: readonly number[],
  b: readonly number[],
  gaining: number,
  replicas = 3,
  gone: readonly number[] = [],
): void {
  const state = { ...ringOf('sealed', a, b), gone: gone.map((number) => `node${number}`) };
  ring = new DutyRing(state, Math.max(...a, ...b) + 1, replicas);
  node = ring.nodes[gaining];
  slots = slotsIn(node.topology.gainedBy(gaining));
}
const done = (): boolean => node.duties.facts()!.done;

/** Time goes by, and whatever is asked for about registers is taken over. */
function pass(ms: number, isWhole: (peer: number) => boolean = () => true): void {
  for (let left = ms; left > 0; left -= 500) {
    ring.pass(Math.min(left, 500));
    for (const { peer, done: end } of node.takingOver.splice(0)) end(isWhole(peer));
  }
}

beforeEach(() => sealed(A, [...A, 3], 3));

describe('a node to which slots come', () => {
  it('has a write that came late, between the copy and the seal, though only one home got it', () => {
    ring = new DutyRing(ringOf('copying', A, [...A, 3]), 4);
    [, , , node] = ring.nodes;
    slots = slotsIn(node.topology.gainedBy(3));
    ring.write(slots[0], 'early', '1', 1, ...A);
    ring.pass(5000);
    expect([done(), node.get(slots[0], 'early')]).toEqual([true, '1']);
    ring.write(slots[0], 'early', '2', 2, 0, 1);
    ring.write(slots[1], 'late', '3', 3, 2);
    ring.turn(ringOf('joint', A, [...A, 3]));
    expect(node.duties.facts()).toMatchObject({ epoch: 3, done: true });
    ring.turn(ringOf('sealed', A, [...A, 3]));
    expect(node.duties.facts()).toMatchObject({ epoch: 4, done: false, left: slots.length });
    pass(8000);
    expect(done()).toBe(true);
    expect([node.get(slots[0], 'early'), node.get(slots[1], 'late')]).toEqual(['2', '3']);
  });

  it('takes over registers before rows are compared: a unit settled in between is in the rows', () => {
    ring.pass(3000);
    expect(node.streams).toEqual([]);
    expect(node.takingOver.map(({ peer }) => peer).sort()).toEqual([0, 1, 2]);
    const [{ wants }] = node.takingOver;
    expect([wants(slots[0]), wants(node.topology.isHome.indexOf(0))]).toEqual([true, false]);
    node.tookOver();
    ring.pass(8000);
    expect(new Set(node.streams.map(({ peer }) => peer))).toEqual(new Set([0, 1, 2]));
    expect(done()).toBe(true);
  });

  it('begins with nobody who may still take what was begun before', () => {
    node.epochs[0] = 3;
    node.epochs[1] = 3;
    pass(5000);
    expect(new Set(node.streams.map(({ peer }) => peer))).toEqual(new Set([2]));
    expect(done()).toBe(false);
    node.epochs[0] = 4;
    node.epochs[1] = 5;
    pass(8000);
    expect(done()).toBe(true);
  });

  it('does not count homes that are without memory themselves, and asks them again', () => {
    let isWhole = false;
    pass(8000, (peer) => peer === 2 || isWhole);
    expect(done()).toBe(false);
    isWhole = true;
    pass(8000, () => isWhole);
    expect(done()).toBe(true);
  });

  it('does not count a home that has lost its disk before it was compared with', () => {
    node.writeQuorum = 1;
    ring.pass(500);
    node.tookOver();
    node.identities[2] = 'another';
    // It has no memory either.
    pass(8000, (peer) => peer !== 2);
    expect(done()).toBe(false);
    pass(8000);
    expect(done()).toBe(true);
  });

  it('waits until it has its own memory', () => {
    node.isWhole = false;
    pass(3000);
    expect([node.takingOver, done()]).toEqual([[], false]);
    node.isWhole = true;
    pass(8000);
    expect(done()).toBe(true);
  });

  it('says so only when what it has taken over outlasts a loss of power', () => {
    ring.write(slots[0], 'k', '1', 1, 0);
    const left = (): string | undefined =>
      new ReplicaBench(3, node.topology, node.disk.diskAfterPowerLoss()).get(slots[0], 'k');
    while (node.get(slots[0], 'k') === undefined) pass(50);
    expect([done(), left()]).toEqual([false, undefined]);
    pass(8000);
    expect([done(), left()]).toEqual([true, '1']);
  });

  it('begins anew after a restart', () => {
    pass(8000);
    expect(done()).toBe(true);
    node = ring.restart(3);
    expect(done()).toBe(false);
    pass(8000);
    expect(done()).toBe(true);
  });
});

describe('homes that are down', () => {
  it.each<[string, Level, number[], boolean]>([
    ['one of three is done without', QUORUM, [2], true],
    ['two of three are waited for', QUORUM, [1, 2], false],
    ['one of three is waited for when one replica was enough for a write', 1, [2], false],
    [
      'two of three are waited for though all confirm a write: a register needs its majority',
      ALL,
      [1, 2],
      false,
    ],
  ])('%s', (_, writeQuorum, down, isDone) => {
    node.writeQuorum = writeQuorum;
    ring.down(...down);
    pass(8000);
    expect(done()).toBe(isDone);
    ring.up(...down);
    pass(8000);
    expect(done()).toBe(true);
  });

  it('for good are not waited for: all that are left are enough', () => {
    sealed(A, [0, 1, 3], 3, 3, [2]);
    node.writeQuorum = 1;
    ring.down(2);
    pass(8000);
    expect(done()).toBe(true);
    sealed(A, [0, 3, 4], 3, 3, [1, 2]);
    ring.down(1, 2);
    pass(8000);
    expect(done()).toBe(true);
  });

  it('and are to leave are waited for: together they may still take what was begun before', () => {
    sealed(A, [0, 3, 4], 3);
    ring.down(1, 2);
    pass(8000);
    expect(done()).toBe(false);
    ring.up(1);
    pass(8000);
    expect(done()).toBe(true);
  });

  it('and come back are compared with too, if that is before the end', () => {
    ring.write(slots[0], 'lonely', '1', 1, 2);
    ring.down(1, 2);
    pass(4000);
    ring.up(1, 2);
    pass(8000);
    expect([done(), node.get(slots[0], 'lonely')]).toEqual([true, '1']);
  });

  it('or that cannot be read, are done without if the others are enough', () => {
    ring.lost = (from) => from === 2;
    ring.pass(500);
    node.tookOver();
    ring.pass(70_000);
    expect(done()).toBe(true);
  });
});

describe('where there are fewer homes than before', () => {
  it('all of the new ones make sure: their majority may have been the minority', () => {
    sealed(A, [2], 2);
    expect(slots).toEqual([]);
    ring.write(5, 'k', '1', 1, 0, 1);
    expect(node.duties.facts()).toMatchObject({ done: false, total: 16384 });
    pass(20_000);
    expect([done(), node.get(5, 'k')]).toEqual([true, '1']);
  });

  it('but who stays has nothing to do where there are as many', () => {
    sealed([0, 1, 2, 3], [0, 1, 2], 0);
    const { topology } = node;
    expect(node.duties.facts()!.total).toBe(slotsIn(topology.gainedBy(0)).length);
  });
});

it('a node to which nothing comes is done at once', () => {
  [node] = ring.nodes;
  ring.pass(100);
  expect(node.duties.facts()).toMatchObject({ epoch: 4, done: true, left: 0, total: 0 });
});
