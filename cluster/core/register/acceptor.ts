import { checked } from '../../../storage/checked-row.js';
import type { RecordStore } from '../../../storage/record-store.js';
import { type Ballot, compareBallots, NO_BALLOT, nextBallot } from './ballot.js';
import type { HeldUnits } from './held-units.js';
import { promiseRow, promiseValue, type SavedRegisters, unitRow } from './register-rows.js';
import { decodeUnit, encodeUnit, type Unit } from './unit.js';

/** Units of one slot whose outcome is not known, at most: beyond it this node accepts no more of that slot. */
const MAX_UNITS = 64;
/** Rounds go up one by one, so none is further ahead than this of what was promised last: whoever says so would use up the numbers. */
const MAX_LEAP = 2 ** 32;

/**
 * `yes`: done, and on the disk. `no`: this node has promised `promised`, which is higher. `none`: it has no vote, or its disk failed: as if
 * it had not answered.
 */
export interface Vote {
  readonly vote: 'yes' | 'no' | 'none';
  readonly promised: Ballot;
}

interface Promised {
  ballot: Ballot;
  /** What of it the disk has. */
  safe: Ballot;
  /** What was accepted last, in this life of the process. */
  accepted: Ballot;
  /** The disk has that, and its unit. */
  kept: boolean;
  /** Who waits for that to be on the disk; null: it is there, or could not be written. */
  waiting: ((vote: Vote) => void)[] | null;
}

/**
 * One node's votes: an acceptor (Lamport 1998) for the register of each slot it is a home of.
 *
 * Promises: a yes is on the disk, synced, before it is said; nothing is accepted below a promise; who accepts a ballot has promised the next
 * one of the same proposer.
 */
export class Acceptor {
  private readonly promises = new Map<number, Promised>();

  constructor(
    private readonly store: RecordStore,
    readonly held: HeldUnits,
    /** Whether this node knows all that it ever promised and accepted in a slot. */
    private readonly mayVote: (slot: number) => boolean,
  ) {}

  /** Takes over what the disk remembers. Returns slots with units that this program cannot read. */
  restore({ promises, units }: SavedRegisters): Set<number> {
    const unread = new Set<number>();
    for (const [slot, ballot] of promises) this.promises.set(slot, { ...UNPROMISED, ballot, safe: ballot });
    for (const { slot, ballot, bytes } of units) {
      const unit = decodeUnit(bytes, slot, ballot, this.store.writers);
      if (unit !== undefined) this.held.hold(unit);
      else unread.add(slot);
    }
    return unread;
  }

  promised(slot: number): Ballot {
    return this.promises.get(slot)?.ballot ?? NO_BALLOT;
  }

  prepare(slot: number, ballot: Ballot, done: (vote: Vote) => void): void {
    if (!this.mayVote(slot)) return done(NO_VOTE);
    const promised = this.promiseOf(slot);
    if (isLeap(ballot, promised.ballot)) return done(NO_VOTE);
    const order = compareBallots(ballot, promised.ballot);
    if (order < 0) return done({ vote: 'no', promised: promised.ballot });
    promised.ballot = ballot;
    if (compareBallots(promised.safe, ballot) >= 0) return done({ vote: 'yes', promised: ballot });
    this.persist(slot, promised, done);
  }

  accept(unit: Unit, done: (vote: Vote) => void): void {
    const { slot, ballot } = unit;
    if (!this.mayVote(slot)) return done(NO_VOTE);
    const promised = this.promiseOf(slot);
    if (compareBallots(ballot, promised.accepted) === 0) return this.acceptAgain(promised, done);
    if (compareBallots(ballot, promised.ballot) < 0) return done({ vote: 'no', promised: promised.ballot });
    if (isLeap(ballot, promised.ballot)) return done(NO_VOTE);
    if (this.held.of(slot).length >= MAX_UNITS && !this.held.knows(unit)) return done(NO_VOTE);
    promised.ballot = nextBallot(ballot);
    promised.accepted = ballot;
    promised.kept = false;
    const waiting = [done];
    promised.waiting = waiting;
    // The row first: the unit may be put away, and its row be deleted, before `hold` returns.
    this.store.putSynced(unitRow(unit), checked(encodeUnit(unit, this.store.writers)));
    this.held.hold(unit);
    this.persist(slot, promised, (vote) => {
      if (promised.waiting === waiting) {
        promised.waiting = null;
        promised.kept = vote.vote === 'yes';
      }
      for (const run of waiting) run(vote);
    });
  }

  /** A proposal that has come twice has one answer: when it is on the disk. */
  private acceptAgain({ accepted, kept, waiting }: Promised, done: (vote: Vote) => void): void {
    if (waiting !== null) waiting.push(done);
    else done(kept ? { vote: 'yes', promised: nextBallot(accepted) } : NO_VOTE);
  }

  /**
   * Nothing below this is promised or accepted any more, and the units are kept: another acceptor's memory in place of one that was lost.
   * Returns the number of the group commit that carries it. May be repeated, if that fails.
   */
  adopt(slot: number, ballot: Ballot, units: readonly Unit[]): number {
    const promised = this.promiseOf(slot);
    if (compareBallots(ballot, promised.ballot) > 0) promised.ballot = ballot;
    for (const unit of units) {
      this.store.putSynced(unitRow(unit), checked(encodeUnit(unit, this.store.writers)));
      if (!this.held.has(unit)) this.held.hold(unit);
    }
    return this.store.putSynced(promiseRow(slot), promiseValue(promised.ballot));
  }

  /** Something of that slot is remembered. */
  remembers(slot: number): boolean {
    return this.promises.has(slot) || this.held.of(slot).length > 0;
  }

  /** This node is no home of the slot any more: its promise is void. False: not yet, its last vote is still on its way to the disk. */
  forget(slot: number): boolean {
    if (this.promises.get(slot)?.waiting != null || !this.held.forget(slot)) return false;
    this.promises.delete(slot);
    this.store.putRow(promiseRow(slot), null);
    return true;
  }

  private promiseOf(slot: number): Promised {
    let promised = this.promises.get(slot);
    if (promised === undefined) {
      promised = { ...UNPROMISED };
      this.promises.set(slot, promised);
    }
    return promised;
  }

  private persist(slot: number, promised: Promised, done: (vote: Vote) => void): void {
    const { ballot } = promised;
    const seq = this.store.putSynced(promiseRow(slot), promiseValue(ballot));
    this.store.whenOver(seq, (error) => {
      if (error !== null) return done(NO_VOTE);
      if (compareBallots(promised.safe, ballot) < 0) promised.safe = ballot;
      done({ vote: 'yes', promised: ballot });
    });
  }
}

function isLeap(ballot: Ballot, promised: Ballot): boolean {
  return ballot.round - promised.round > MAX_LEAP;
}

const UNPROMISED: Promised = {
  ballot: NO_BALLOT,
  safe: NO_BALLOT,
  accepted: NO_BALLOT,
  kept: false,
  waiting: null,
};
/** As if it had not answered. */
export const NO_VOTE: Vote = { vote: 'none', promised: NO_BALLOT };
