import { majority } from '../levels.js';
import { type Ballot, compareBallots } from '../register/ballot.js';
import { Backoff, Resending } from '../register/rounds.js';
import type { AcceptedRing, RingVote } from './ring-acceptor.js';
import { sameRing } from './ring-json.js';
import { VOTE_LIFE_MS } from './ring-memory.js';
import type { RingState } from './ring-state.js';

/** What is wanted of the ring: the next one; null: nothing any more; a text: why not. It is asked again when the ring has changed. */
export type RingChange = (ring: RingState) => RingState | string | null;

/** null: it is so. Otherwise why not, or that nobody knows. */
export type RingChanged = (failure: string | null) => void;

/** So long a change is tried, ms. */
const PATIENCE_MS = 15_000;
/** So long one that was refused by a voter waits for the others, ms. */
const DUEL_MS = 300;
/** Changes that wait for their turn at most. */
const MAX_WAITING = 64;

export const RING_BUSY = 'too many changes of the ring are waiting already';
export const NOT_DECIDED =
  'not decided in time: too few of the members that vote on the ring answer; nothing was changed';
export const IN_DOUBT = 'not decided in time; the change may still happen';

export interface ProposalWorld {
  readonly ring: () => RingState;
  /** This life of this node: the name in its ballots. */
  readonly proposer: string;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
  readonly prepare: (name: string, id: number, epoch: number, ballot: Ballot) => void;
  readonly accept: (name: string, id: number, ballot: Ballot, ring: RingState) => void;
  /** It is decided: to be kept, and then to be the ring. */
  readonly decided: (ring: RingState) => void;
  readonly nextId: () => number;
}

interface Wanted {
  readonly change: RingChange;
  readonly done: RingChanged;
  readonly deadline: number;
  /** What it led to and was put to the vote, as long as that may still be decided. */
  proposed: RingState | null;
}

interface Attempt {
  readonly id: number;
  readonly ballot: Ballot;
  readonly epoch: number;
  readonly voters: readonly string[];
  readonly startedMs: number;
  /** What is wanted, until somebody tells of what may be decided already. */
  ring: RingState;
  before: AcceptedRing | null;
  stage: 'prepare' | 'accept' | 'decided';
  sending: Resending;
  yes: Set<string>;
  no: Set<string>;
}

/**
 * Puts changes of the ring to the vote, one after the other: the proposer of single-decree Paxos. What an earlier proposer may have had
 * decided it proposes instead of its own, and then comes back to its own on the new ring.
 */
export class RingProposals {
  private readonly waiting: Wanted[] = [];
  private attempt: Attempt | undefined;
  private backoff = new Backoff();
  private highest = 0;

  constructor(private readonly world: ProposalWorld) {}

  change(change: RingChange, now: number, done: RingChanged): void {
    if (this.waiting.length >= MAX_WAITING) return done(RING_BUSY);
    this.waiting.push({ change, done, deadline: now + PATIENCE_MS, proposed: null });
    if (this.waiting.length === 1) this.begin(now);
  }

  tick(now: number): void {
    for (const late of this.waiting.filter(({ deadline }) => deadline <= now))
      this.end(late, late.proposed === null ? NOT_DECIDED : IN_DOUBT);
    const { attempt } = this;
    if (attempt === undefined) return this.begin(now);
    if (attempt.stage === 'decided') return this.world.decided(attempt.ring);
    const age = now - attempt.startedMs;
    if (age > VOTE_LIFE_MS || (age > DUEL_MS && attempt.no.size > 0)) return this.lost(now);
    if (attempt.sending.isDue(now))
      this.send(attempt, (name) => !attempt.yes.has(name) && !attempt.no.has(name));
  }

  /** Somebody can be asked again, or is not behind any more. */
  resend(name: string): void {
    const { attempt } = this;
    if (attempt !== undefined) this.send(attempt, (voter) => voter === name && !attempt.yes.has(voter));
  }

  /** There is another ring. */
  ringChanged(ring: RingState, now: number): void {
    this.attempt = undefined;
    this.backoff = new Backoff();
    for (const wanted of [...this.waiting]) {
      const { proposed } = wanted;
      if (proposed === null) continue;
      if (sameRing(proposed, ring)) this.end(wanted, null);
      // The vote on that epoch is over, and it has lost; of one that was skipped nobody here knows.
      else if (proposed.epoch === ring.epoch) wanted.proposed = null;
    }
    this.begin(now);
  }

  promised(name: string, id: number, { vote, promised, accepted }: RingVote, now: number): void {
    const attempt = this.voted(name, id, 'prepare', vote, promised, now);
    if (attempt === undefined) return;
    const { before } = attempt;
    if (accepted !== null && (before === null || compareBallots(accepted.ballot, before.ballot) > 0))
      attempt.before = accepted;
    if (!this.isWon(attempt)) return;
    if (attempt.before !== null) attempt.ring = attempt.before.ring;
    const wanted = this.waiting[0];
    if (wanted !== undefined && attempt.before === null) wanted.proposed = attempt.ring;
    attempt.stage = 'accept';
    attempt.yes = new Set();
    attempt.no = new Set();
    attempt.sending = new Resending(now);
    this.send(attempt, () => true);
  }

  accepted(name: string, id: number, { vote, promised }: RingVote, now: number): void {
    const attempt = this.voted(name, id, 'accept', vote, promised, now);
    if (attempt === undefined || !this.isWon(attempt)) return;
    attempt.stage = 'decided';
    this.world.decided(attempt.ring);
  }

  /** Takes the vote into account; undefined: it changes nothing. */
  private voted(
    name: string,
    id: number,
    stage: Attempt['stage'],
    vote: RingVote['vote'],
    promised: Ballot,
    now: number,
  ): Attempt | undefined {
    this.highest = Math.max(this.highest, promised.round);
    const { attempt } = this;
    if (attempt?.id !== id || attempt.stage !== stage || !attempt.voters.includes(name)) return undefined;
    if (vote === 'none' || now - attempt.startedMs > VOTE_LIFE_MS) return undefined;
    if (vote === 'yes') {
      attempt.yes.add(name);
      return attempt;
    }
    attempt.no.add(name);
    const { length } = attempt.voters;
    if (length - attempt.no.size < majority(length)) this.lost(now);
    return undefined;
  }

  private isWon({ yes, voters }: Attempt): boolean {
    return yes.size >= majority(voters.length);
  }

  private begin(now: number): void {
    const { world } = this;
    while (this.attempt === undefined && this.waiting.length > 0 && now >= this.backoff.untilMs) {
      const [wanted] = this.waiting;
      const ring = world.ring();
      const next = wanted.change(ring);
      if (next === null) this.end(wanted, null);
      else if (typeof next === 'string') this.end(wanted, wanted.proposed ? `${IN_DOUBT} (${next})` : next);
      else this.vote(ring, next, now);
    }
  }

  private vote(ring: RingState, next: RingState, now: number): void {
    const { nextId, proposer } = this.world;
    if (next.epoch !== ring.epoch + 1) throw new Error(`ring ${next.epoch} is not the next of ${ring.epoch}`);
    const attempt: Attempt = {
      id: nextId(),
      ballot: { round: ++this.highest, proposer },
      epoch: next.epoch,
      voters: ring.current.map(({ name }) => name),
      startedMs: now,
      ring: next,
      before: null,
      stage: 'prepare',
      sending: new Resending(now),
      yes: new Set(),
      no: new Set(),
    };
    this.attempt = attempt;
    this.send(attempt, () => true);
  }

  private send(attempt: Attempt, isMeant: (name: string) => boolean): void {
    const { id, ballot, epoch, ring, voters } = attempt;
    const isPrepare = attempt.stage === 'prepare';
    for (const name of voters.filter(isMeant)) {
      if (isPrepare) this.world.prepare(name, id, epoch, ballot);
      else this.world.accept(name, id, ballot, ring);
    }
  }

  private lost(now: number): void {
    this.attempt = undefined;
    this.backoff.lost(now, this.world.chance());
  }

  private end(wanted: Wanted, failure: string | null): void {
    const at = this.waiting.indexOf(wanted);
    this.waiting.splice(at, 1);
    // What was proposed goes on for whoever waits next; otherwise nobody needs it, and the next proposer finds it.
    if (at === 0 && this.attempt?.stage !== 'decided') this.attempt = undefined;
    wanted.done(failure);
  }
}
