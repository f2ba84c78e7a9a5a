import { beforeEach, describe, expect, it } from 'vitest';
import { compareBallots, NO_BALLOT, nextBallot } from './ballot.js';
import { AcceptorBench, ballot, SLOT } from './register.test-support.js';
import { promiseRow, unitRow } from './register-rows.js';
import type { Unit } from './unit.js';

let bench: AcceptorBench;
beforeEach(() => {
  bench = new AcceptorBench();
});

const unit = (round: number, digit = 'b', hlc = round): Unit =>
  bench.unit(ballot(round, digit), bench.key('{t}a', hlc));
const yes = (round: number, digit = 'b') => ({ vote: 'yes', promised: ballot(round, digit) });
const no = (round: number, digit = 'b') => ({ vote: 'no', promised: ballot(round, digit) });
const NONE = { vote: 'none', promised: NO_BALLOT };

/** Everything that was begun is on the disk. */
function promised(round: number, digit = 'b'): void {
  bench.prepare(ballot(round, digit));
  bench.disk.settle();
}
function accepted(round: number, digit = 'b', hlc = round): Unit {
  const made = unit(round, digit, hlc);
  bench.accept(made);
  bench.disk.settle();
  return made;
}

describe('a promise', () => {
  it('is given once it is on the disk, synced', () => {
    const votes = bench.prepare(ballot(3));
    bench.disk.endTurn();
    expect(votes).toEqual([]);
    expect(bench.disk.batches).toEqual([{ rows: 1, sync: true }]);
    bench.disk.answer();
    expect(votes).toEqual([yes(3)]);
  });

  it('is refused to a lower ballot, with the one that stands in its way, at once', () => {
    promised(3, 'c');
    expect(bench.prepare(ballot(3, 'b'))).toEqual([no(3, 'c')]);
    expect(bench.prepare(ballot(2, 'f'))).toEqual([no(3, 'c')]);
    expect(bench.disk.store.idle).toBe(true);
  });

  it('and no vote is given to a ballot that would use up the numbers', () => {
    promised(3);
    expect(bench.prepare(ballot(2 ** 52))).toEqual([NONE]);
    expect(bench.accept(unit(2 ** 52, 'b', 5))).toEqual([NONE]);
    expect(bench.prepare(ballot(3))).toEqual([yes(3)]);
  });

  it('that is not on the disk yet stands in the way as well', () => {
    bench.prepare(ballot(3, 'c'));
    expect(bench.prepare(ballot(2))).toEqual([no(3, 'c')]);
  });

  it('is given again to who asks again, without the disk', () => {
    promised(3);
    expect(bench.prepare(ballot(3))).toEqual([yes(3)]);
  });

  it('asked for again while the disk is at it waits for the disk', () => {
    const first = bench.prepare(ballot(3));
    bench.disk.endTurn();
    const second = bench.prepare(ballot(3));
    expect(second).toEqual([]);
    bench.disk.settle();
    expect([first, second]).toEqual([[yes(3)], [yes(3)]]);
  });

  it('that the disk has not taken is none, and stands in the way of lower ones all the same', () => {
    bench.disk.writeFailure = new Error('full');
    const votes = bench.prepare(ballot(3));
    bench.disk.settle();
    expect(votes).toEqual([NONE]);
    bench.disk.writeFailure = null;
    expect(bench.prepare(ballot(2))).toEqual([no(3)]);
    const again = bench.prepare(ballot(3));
    expect(again).toEqual([]);
    bench.disk.settle();
    expect(again).toEqual([yes(3)]);
  });

  it('of one slot is none of another', () => {
    promised(9);
    const votes: unknown[] = [];
    bench.acceptor.prepare(SLOT + 1, ballot(1), (vote) => votes.push(vote));
    bench.disk.settle();
    expect(votes).toEqual([yes(1)]);
    expect(bench.acceptor.promised(SLOT)).toEqual(ballot(9));
    expect(bench.acceptor.promised(SLOT + 2)).toEqual(NO_BALLOT);
  });
});

describe('a proposal', () => {
  it('is accepted once unit and promise are on the disk, synced, in one batch', () => {
    const votes = bench.accept(unit(3));
    bench.disk.endTurn();
    bench.disk.endTurn();
    expect(votes).toEqual([]);
    bench.disk.answer();
    expect(votes).toEqual([yes(4)]);
    expect(bench.disk.batches).toEqual([{ rows: 2, sync: true }]);
  });

  it('needs no promise before it, but none above it', () => {
    promised(3, 'c');
    expect(bench.accept(unit(2))).toEqual([no(3, 'c')]);
    expect(bench.accept(unit(3, 'b'))).toEqual([no(3, 'c')]);
    expect(bench.held.size).toBe(0);
    const votes = bench.accept(unit(3, 'c'));
    bench.disk.settle();
    expect(votes).toEqual([yes(4, 'c')]);
  });

  it('promises the next ballot of its proposer in the same breath', () => {
    accepted(3);
    expect(bench.acceptor.promised(SLOT)).toEqual(nextBallot(ballot(3)));
    expect(bench.prepare(ballot(3, 'f'))).toEqual([no(4)]);
    expect(bench.prepare(ballot(4, 'a'))).toEqual([no(4)]);
    const votes = bench.accept(unit(4, 'b', 44));
    bench.disk.settle();
    expect(votes).toEqual([yes(5)]);
  });

  it('that comes again while the disk is at it gets its answer when the first does', () => {
    const first = bench.accept(unit(3));
    bench.disk.endTurn();
    const again = bench.accept(unit(3));
    expect(again).toEqual([]);
    bench.disk.settle();
    expect([first, again]).toEqual([[yes(4)], [yes(4)]]);
    expect(bench.held.of(SLOT)).toHaveLength(1);
  });

  it('that comes again later is answered with yes at once, also after a higher promise', () => {
    accepted(3);
    expect(bench.accept(unit(3))).toEqual([yes(4)]);
    promised(8, 'c');
    expect(bench.accept(unit(3))).toEqual([yes(4)]);
    expect(bench.disk.store.idle).toBe(true);
  });

  it('that the disk has not taken is no vote, and none when it comes again', () => {
    bench.disk.writeFailure = new Error('full');
    const first = bench.accept(unit(3));
    const again = bench.accept(unit(3));
    bench.disk.settle();
    expect([first, again]).toEqual([[NONE], [NONE]]);
    bench.disk.writeFailure = null;
    expect(bench.accept(unit(3))).toEqual([NONE]);
  });

  it('that the disk has not taken is no vote either when a later promise is on the disk', () => {
    bench.disk.writeFailure = new Error('full');
    bench.accept(unit(3));
    bench.disk.settle();
    bench.disk.writeFailure = null;
    promised(8, 'c');
    expect(bench.savedRounds()).toEqual([]);
    expect(bench.accept(unit(3))).toEqual([NONE]);
  });

  it('is no vote where too many are held whose outcome is not known, but for one of them', () => {
    for (let i = 1; i <= 64; i++) bench.accept(bench.unit(ballot(i), bench.key(`{t}${i}`, i)));
    bench.disk.settle();
    expect(bench.held.of(SLOT)).toHaveLength(64);
    expect(bench.accept(bench.unit(ballot(70), bench.key('{t}more', 70)))).toEqual([NONE]);
    expect(bench.acceptor.promised(SLOT)).toEqual(ballot(65));
    const again = bench.accept(bench.unit(ballot(71), bench.key('{t}5', 5)));
    bench.disk.settle();
    expect(again).toEqual([yes(72)]);
  });
});

describe('who may not vote', () => {
  it('has no vote, promises nothing and holds nothing', () => {
    bench.mayVote = () => false;
    expect(bench.prepare(ballot(3))).toEqual([NONE]);
    expect(bench.accept(unit(3))).toEqual([NONE]);
    expect(bench.held.size).toBe(0);
    expect(bench.acceptor.promised(SLOT)).toEqual(NO_BALLOT);
    expect(bench.disk.store.idle).toBe(true);
  });
});

describe('after a loss of power', () => {
  it('what was promised is still promised', () => {
    promised(3);
    const next = bench.afterPowerLoss();
    expect(next.acceptor.promised(SLOT)).toEqual(ballot(3));
    expect(next.prepare(ballot(2))).toEqual([no(3)]);
    expect(next.prepare(ballot(3))).toEqual([yes(3)]);
  });

  it('what was accepted is still held, and its next ballot promised', () => {
    accepted(3);
    const next = bench.afterPowerLoss();
    expect(next.held.of(SLOT).map((held) => held.unit.ballot)).toEqual([ballot(3)]);
    expect(next.held.of(SLOT)[0].unit.keys[0].record.siblings[0].payload).toBe('{t}a=3');
    expect(next.accept(unit(3))).toEqual([no(4)]);
  });

  it('what was not confirmed may be gone, and is gone whole', () => {
    promised(1);
    const votes = bench.accept(unit(3));
    bench.disk.endTurn();
    expect(votes).toEqual([]);
    const next = bench.afterPowerLoss();
    expect(next.acceptor.promised(SLOT)).toEqual(ballot(1));
    expect(next.held.size).toBe(0);
  });

  it('a row that is damaged makes its slot one that is not remembered', () => {
    accepted(3);
    for (const row of [promiseRow(SLOT), unitRow(unit(3))]) {
      const batch = bench.disk.engine.batch();
      batch.put(row, Buffer.from('rubbish'));
      batch.write(true, () => {});
      bench.disk.settle();
      expect(bench.saved().damaged).toEqual(new Set([SLOT]));
    }
    expect(bench.saved().promises.size).toBe(0);
    expect(bench.saved().units).toEqual([]);
  });
});

describe("another's memory", () => {
  it('is taken over: its promise, and the units it holds', () => {
    bench.acceptor.adopt(SLOT, ballot(9, 'c'), [unit(3), unit(5, 'c')]);
    expect(bench.prepare(ballot(8))).toEqual([no(9, 'c')]);
    bench.disk.settle();
    expect(bench.savedRounds()).toEqual([3, 5]);
    const next = bench.afterPowerLoss();
    expect(next.acceptor.promised(SLOT)).toEqual(ballot(9, 'c'));
    expect(next.held.of(SLOT)).toHaveLength(2);
  });

  it('does not take back what this node has promised itself', () => {
    promised(12);
    bench.acceptor.adopt(SLOT, ballot(9, 'c'), []);
    bench.disk.settle();
    expect(bench.acceptor.promised(SLOT)).toEqual(ballot(12));
    expect(compareBallots(bench.saved().promises.get(SLOT)!, ballot(12))).toBe(0);
  });

  it('may come twice', () => {
    bench.acceptor.adopt(SLOT, ballot(9), [unit(3)]);
    bench.acceptor.adopt(SLOT, ballot(9), [unit(3)]);
    bench.disk.settle();
    expect(bench.held.of(SLOT)).toHaveLength(1);
    expect(bench.savedRounds()).toEqual([3]);
  });
});
