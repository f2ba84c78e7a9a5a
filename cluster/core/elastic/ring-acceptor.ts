import { checked, uncheckedBody } from '../../../storage/checked-row.js';
import { metaKey } from '../../../storage/key-layout.js';
import type { RecordStore } from '../../../storage/record-store.js';
import { type Ballot, compareBallots, NO_BALLOT } from '../register/ballot.js';
import { ringOf } from './ring-json.js';
import type { RingState } from './ring-state.js';

/** The row with a node's votes on the next ring: what `Votes` says, in JSON, behind its checksum. */
export const RING_VOTES_ROW = metaKey('ring-votes');

/** Rounds go up one by one: whoever is so far ahead would use up the numbers. */
const MAX_LEAP = 2 ** 32;

/** The ring that was accepted last, and under which ballot. */
export interface AcceptedRing {
  readonly ballot: Ballot;
  readonly ring: RingState;
}

/** What an acceptor has to remember: its part in the vote on the ring of one epoch. Those before are decided. */
export interface Votes {
  /** The epoch that is voted on; 0: of none is anything known. */
  readonly epoch: number;
  readonly promised: Ballot;
  readonly accepted: AcceptedRing | null;
  /** It is all it ever promised and accepted. Otherwise it is all only for this one epoch (see `ring-memory.ts`). */
  readonly whole: boolean;
}

/** `none`: it has no vote, or its disk failed: as if it had not answered. */
export interface RingVote {
  readonly vote: 'yes' | 'no' | 'none';
  readonly promised: Ballot;
  readonly accepted: AcceptedRing | null;
}

export const NO_RING_VOTE: RingVote = { vote: 'none', promised: NO_BALLOT, accepted: null };

/**
 * A node's votes on the next ring: an acceptor of single-decree Paxos (Lamport 2001), one instance for each epoch.
 *
 * Promises: a yes is on the disk, synced, before it is said; nothing is accepted below a promise; nothing is said about an epoch below the
 * highest voted on.
 */
export class RingAcceptor {
  /** undefined: this disk has never been voted with, and nothing may be said. */
  private votes: Votes | undefined;

  constructor(
    private readonly store: RecordStore,
    saved: Votes | undefined,
    /** Whether this node votes on that epoch, as its ring says. */
    private readonly isVoter: (epoch: number) => boolean,
  ) {
    this.votes = saved;
  }

  /** This disk has never been voted with. */
  get blank(): boolean {
    return this.votes === undefined;
  }

  /** It remembers all it ever promised and accepted. */
  get whole(): boolean {
    return this.votes?.whole === true;
  }

  /** Whether it remembers all it ever promised and accepted about that epoch. */
  remembers(epoch: number): boolean {
    return this.votes !== undefined && (this.votes.whole || this.votes.epoch === epoch);
  }

  /** What it has promised and accepted about that epoch. */
  about(epoch: number): Pick<Votes, 'promised' | 'accepted'> {
    return this.votes?.epoch === epoch ? this.votes : BLANK;
  }

  prepare(epoch: number, ballot: Ballot, done: (vote: RingVote) => void): void {
    if (!this.mayVote(epoch)) return done(NO_RING_VOTE);
    const { promised, accepted } = this.about(epoch);
    if (compareBallots(ballot, promised) < 0) return done({ vote: 'no', promised, accepted: null });
    if (ballot.round - promised.round > MAX_LEAP) return done(NO_RING_VOTE);
    this.keep({ epoch, promised: ballot, accepted, whole: this.whole }, done);
  }

  accept(ballot: Ballot, ring: RingState, done: (vote: RingVote) => void): void {
    const { epoch } = ring;
    if (!this.mayVote(epoch)) return done(NO_RING_VOTE);
    const { promised } = this.about(epoch);
    if (compareBallots(ballot, promised) < 0) return done({ vote: 'no', promised, accepted: null });
    if (ballot.round - promised.round > MAX_LEAP) return done(NO_RING_VOTE);
    this.keep({ epoch, promised: ballot, accepted: { ballot, ring }, whole: this.whole }, done);
  }

  /** Goes on with this memory in place of the one that was lost; `done` once the disk has it, or has failed. */
  adopt(votes: Votes, done: (error: Error | null) => void): void {
    const seq = this.store.putSynced(RING_VOTES_ROW, encode(votes));
    this.store.whenOver(seq, (error) => {
      // Not before: until then it would have to be forgotten again.
      if (error === null) this.votes = votes;
      done(error);
    });
  }

  private mayVote(epoch: number): boolean {
    return this.isVoter(epoch) && this.remembers(epoch) && epoch >= this.votes!.epoch;
  }

  private keep(votes: Votes, done: (vote: RingVote) => void): void {
    const { promised, accepted } = votes;
    this.votes = votes;
    const seq = this.store.putSynced(RING_VOTES_ROW, encode(votes));
    this.store.whenOver(seq, (error) =>
      done(error === null ? { vote: 'yes', promised, accepted } : NO_RING_VOTE),
    );
  }
}

function encode(votes: Votes): Buffer {
  return checked(Buffer.from(JSON.stringify(votes)));
}

/** What the row says; undefined: there is none. */
export function readVotes(row: Buffer | undefined): Votes | undefined {
  if (row === undefined) return undefined;
  const body = uncheckedBody(row);
  if (body === undefined) return FORGOTTEN;
  const { epoch, promised, accepted, whole } = JSON.parse(body.toString()) as Votes;
  const ring = accepted === null ? undefined : ringOf(accepted.ring);
  if (accepted !== null && ring === undefined) return FORGOTTEN;
  return { epoch, promised, whole, accepted: ring === undefined ? null : { ballot: accepted!.ballot, ring } };
}

const BLANK: Pick<Votes, 'promised' | 'accepted'> = { promised: NO_BALLOT, accepted: null };
const FORGOTTEN: Votes = { epoch: 0, ...BLANK, whole: false };

/** The row of a disk that has been voted with, nobody knows how. */
export const FORGOTTEN_VOTES = encode(FORGOTTEN);
