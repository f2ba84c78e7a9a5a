import type { Acceptor, Vote } from '../../core/register/acceptor.js';
import { type Ballot, compareBallots, NO_BALLOT, nextBallot } from '../../core/register/ballot.js';
import type { Checker } from '../checker.js';

/** What one acceptor has said yes to in one slot, over all its lives. */
interface Said {
  /** Nothing below this may have a yes any more. */
  floor: Ballot;
  /** Proposals it took in time: what comes again is answered again. */
  readonly taken: Set<string>;
}

/**
 * Hears every vote, and holds the acceptors to their one duty: no yes below what was promised, whatever has died since. Where replicas ask
 * each other a second time for other reasons, a promise that was forgotten may do no harm for long.
 */
export class VoteWatch {
  private readonly said = new Map<string, Said>();

  constructor(private readonly checker: Checker) {}

  /** A node begins a life; it votes by this. */
  watch(nodeId: string, acceptor: Acceptor): void {
    const prepare = acceptor.prepare.bind(acceptor);
    const accept = acceptor.accept.bind(acceptor);
    acceptor.prepare = (slot, ballot, done) => {
      const { floor } = this.of(nodeId, slot);
      prepare(slot, ballot, (vote) => {
        this.hear(nodeId, slot, ballot, compareBallots(ballot, floor) < 0, vote, ballot);
        done(vote);
      });
    };
    acceptor.accept = (unit, done) => {
      const { slot, ballot } = unit;
      const { floor, taken } = this.of(nodeId, slot);
      const name = `${ballot.round} ${ballot.proposer}`;
      const isLate = compareBallots(ballot, floor) < 0 && !taken.has(name);
      if (!isLate) taken.add(name);
      accept(unit, (vote) => {
        this.hear(nodeId, slot, ballot, isLate, vote, nextBallot(ballot));
        done(vote);
      });
    };
  }

  /** What it said is not to be held against the node: its disk no longer is what it was. */
  forget(nodeId: string): void {
    for (const name of this.said.keys()) if (name.startsWith(nodeId)) this.said.delete(name);
  }

  /** Some of its disk is damaged, perhaps its promises. The process goes on, and answers what comes again as before (serial seed 880039). */
  doubt(nodeId: string): void {
    for (const [name, said] of this.said) if (name.startsWith(nodeId)) said.floor = NO_BALLOT;
  }

  /** Other slots than these it may forget all about. */
  keepsOnly(nodeId: string, slots: Uint8Array): void {
    for (const name of this.said.keys()) {
      const [node, slot] = name.split(' ');
      if (node === nodeId && slots[Number(slot)] === 0) this.said.delete(name);
    }
  }

  private hear(
    nodeId: string,
    slot: number,
    ballot: Ballot,
    isLate: boolean,
    { vote }: Vote,
    promised: Ballot,
  ): void {
    if (vote !== 'yes') return;
    const said = this.of(nodeId, slot);
    if (isLate)
      this.checker.violation(
        `${nodeId.slice(0, 4)} has voted in round ${ballot.round} of slot ${slot} below its promise of round ${said.floor.round}`,
      );
    if (compareBallots(said.floor, promised) < 0) said.floor = promised;
  }

  private of(nodeId: string, slot: number): Said {
    const name = `${nodeId} ${slot}`;
    let said = this.said.get(name);
    if (said === undefined) {
      said = { floor: NO_BALLOT, taken: new Set() };
      this.said.set(name, said);
    }
    return said;
  }
}
