import { describe, expect, it } from 'vitest';
import { NO_BALLOT } from '../register/ballot.js';
import { ballot } from '../register/register.test-support.js';
import type { RingVote } from './ring-acceptor.js';
import { joining, ringOfNames } from './ring-bus.test-support.js';
import { IN_DOUBT, NOT_DECIDED, type RingChange, RingProposals } from './ring-proposals.js';
import type { RingState } from './ring-state.js';

const FIVE = ringOfNames('a', 'b', 'c', 'd', 'e');
const YES: RingVote = { vote: 'yes', promised: NO_BALLOT, accepted: null };

/** The proposer of one node; what the voters answer is the test's. */
class Bench {
  ring: RingState = FIVE;
  now = 0;
  readonly ends: (string | null)[] = [];
  readonly asked: { name: string; id: number; round: number }[] = [];
  readonly accepts: { name: string; id: number; ring: RingState }[] = [];
  readonly decided: RingState[] = [];
  readonly proposals: RingProposals;
  private nextId = 1;

  constructor() {
    this.proposals = new RingProposals({
      ring: () => this.ring,
      proposer: 'p',
      chance: () => 0.5,
      prepare: (name, id, _, { round }) => void this.asked.push({ name, id, round }),
      accept: (name, id, _, ring) => void this.accepts.push({ name, id, ring }),
      decided: (ring) => void this.decided.push(ring),
      nextId: () => this.nextId++,
    });
  }

  want(change: RingChange): void {
    this.proposals.change(change, this.now, (failure) => void this.ends.push(failure));
  }

  promise(name: string, vote: RingVote = YES): void {
    this.proposals.promised(name, this.asked.at(-1)!.id, vote, this.now);
  }

  accept(name: string, vote: RingVote = YES): void {
    this.proposals.accepted(name, this.accepts.at(-1)!.id, vote, this.now);
  }

  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += 50;
      this.proposals.tick(this.now);
    }
  }

  ringIs(ring: RingState): void {
    this.ring = ring;
    this.proposals.ringChanged(ring, this.now);
  }
}

function next(name: string, ring = FIVE): RingState {
  return joining(name)(ring) as RingState;
}

describe('a proposer', () => {
  it('proposes what was accepted under the highest ballot that a majority tells of, in place of its own', () => {
    for (const order of [
      [1, 2],
      [2, 1],
    ]) {
      const bench = new Bench();
      bench.want(joining('f'));
      for (const [i, round] of order.entries())
        bench.promise('ab'[i], { ...YES, accepted: { ballot: ballot(round), ring: next(`x${round}`) } });
      expect(bench.accepts).toEqual([]);
      bench.promise('c');
      expect(bench.accepts).toHaveLength(5);
      expect(bench.accepts[0].ring).toEqual(next('x2'));
    }
  });

  it('counts each voter once, no stranger, and nothing said to an earlier question', () => {
    const bench = new Bench();
    bench.want(joining('f'));
    for (const name of ['a', 'a', 'a', 'z', 'y']) bench.promise(name);
    expect(bench.accepts).toEqual([]);
    const old = bench.asked[0].id;
    bench.pass(6000);
    expect(bench.asked.at(-1)!.id).not.toBe(old);
    for (const name of 'bcd') bench.proposals.promised(name, old, YES, bench.now);
    expect(bench.accepts).toEqual([]);
  });

  it('that is refused comes back with a higher ballot than was promised', () => {
    const bench = new Bench();
    bench.want(joining('f'));
    for (const name of 'abc') bench.promise(name, { vote: 'no', promised: ballot(41), accepted: null });
    bench.pass(500);
    expect(bench.asked.at(-1)!.round).toBe(42);
  });

  it('asks again whoever has not answered, and who has come back at once', () => {
    const bench = new Bench();
    bench.want(joining('f'));
    bench.promise('a');
    bench.pass(350);
    expect(bench.asked.slice(5).map(({ name }) => name)).toEqual(['b', 'c', 'd', 'e']);
    bench.proposals.resend('d');
    bench.proposals.resend('a');
    expect(bench.asked.slice(9).map(({ name }) => name)).toEqual(['d']);
  });

  it('says the truth about what was put to the vote: nobody knows, until that vote is over', () => {
    const bench = new Bench();
    bench.want((ring) => (ring.epoch === 1 ? next('f') : 'it cannot be any more'));
    for (const name of 'abc') bench.promise(name);
    expect(bench.accepts).toHaveLength(5);
    bench.ringIs(next('x'));
    expect(bench.ends).toEqual(['it cannot be any more']);
    const skipped = new Bench();
    skipped.want((ring) => (ring.epoch === 1 ? next('f') : 'it cannot be any more'));
    for (const name of 'abc') skipped.promise(name);
    skipped.ringIs({ ...next('x'), epoch: 7 });
    expect(skipped.ends).toEqual([`${IN_DOUBT} (it cannot be any more)`]);
  });

  it('gives up in the end: nothing was changed if nothing was put to the vote', () => {
    const bench = new Bench();
    bench.want(joining('f'));
    bench.promise('a');
    bench.pass(16_000);
    expect(bench.ends).toEqual([NOT_DECIDED]);
    const doubtful = new Bench();
    doubtful.want(joining('f'));
    for (const name of 'abc') doubtful.promise(name);
    doubtful.pass(16_000);
    expect(doubtful.ends).toEqual([IN_DOUBT]);
  });

  it('tells of a decided ring again until it is used', () => {
    const bench = new Bench();
    bench.want(joining('f'));
    for (const name of 'abc') bench.promise(name);
    for (const name of 'abc') bench.accept(name);
    expect(bench.decided).toEqual([next('f')]);
    bench.pass(100);
    expect(bench.decided.length).toBeGreaterThan(1);
    expect(bench.ends).toEqual([]);
    bench.ringIs(next('f'));
    expect(bench.ends).toEqual([null]);
  });
});
