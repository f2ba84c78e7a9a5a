import { majority } from '../levels.js';
import { type Ballot, compareBallots, NO_BALLOT } from '../register/ballot.js';
import type { AcceptedRing, RingAcceptor } from './ring-acceptor.js';
import type { RingState } from './ring-state.js';

/** A vote counts for so long after it was asked for, ms. */
export const VOTE_LIFE_MS = 5000;
/** Rounds that may count on votes of an earlier life are over after so long, ms; with room for clocks that do not go alike. */
const WAIT_MS = 1.25 * VOTE_LIFE_MS;
/** An unanswered question is asked again after so long, ms. */
const ASK_AGAIN_MS = 1000;

/** What a voter says that was asked what it remembers about an epoch. */
export interface Remembered {
  readonly promised: Ballot;
  readonly accepted: AcceptedRing | null;
  /** It has all its memory. */
  readonly whole: boolean;
  /** There is nothing the asker could have forgotten of what the two did together. */
  readonly fresh: boolean;
}

export interface RingMemoryOptions {
  /** undefined: there is none yet. */
  readonly ring: () => RingState | undefined;
  readonly self: () => string;
  /** This node's own, as its disk has it. */
  readonly nodeId: string;
  readonly acceptor: RingAcceptor;
  /** Asks a voter what it remembers about the vote on that epoch. Returns the number of the question. */
  readonly ask: (name: string, epoch: number) => number;
}

/**
 * How a node that has lost its votes (an empty disk, or one set back to a backup) comes to vote on the ring again: it takes over what the
 * others remember. Whatever was chosen, or promised to a majority, with its lost vote is known to all but one of a majority of the others;
 * so it is met by n - majority + 1 of them, if they have their memory, or by all others, if not. A majority of rounds may still count on
 * lost votes; it waits until they are over.
 *
 * Where one of them has accepted something, that may be decided, and there may have been votes on the epoch behind it: then this memory is
 * good for this epoch only. Where none has, nothing was decided when they were asked, and nothing behind it voted on.
 *
 * A node that joins has never voted, so there is nothing it could have forgotten.
 */
export class RingMemory {
  /** What the voters have said about `epoch`. */
  private readonly told = new Map<string, Remembered>();
  /** Questions whose answers count. */
  private readonly asked = new Set<number>();
  private epoch = 0;
  private startedMs: number | undefined;
  private inEarnest = false;
  private askedMs = Number.NEGATIVE_INFINITY;
  private isSaving = false;
  /** Voters that were without memory, over the connection there is, when this node got its own. */
  private readonly knownEmpty = new Set<string>();

  constructor(private readonly options: RingMemoryOptions) {}

  /** For an answer to that member: there is nothing it could have forgotten of what it did together with this node. */
  isFreshFor(name: string): boolean {
    return !this.options.acceptor.whole || this.knownEmpty.has(name);
  }

  /** Whoever has just come can answer: in a new cluster all are to vote as soon as all are there. */
  linkUp(name: string): void {
    const { acceptor, ask } = this.options;
    if (this.startedMs === undefined || acceptor.remembers(this.epoch)) return;
    if (this.others().includes(name)) this.asked.add(ask(name, this.epoch));
  }

  linkDown(name: string): void {
    this.knownEmpty.delete(name);
  }

  tick(elapsedMs: number): void {
    this.startedMs ??= elapsedMs;
    const { acceptor, self, ask } = this.options;
    const ring = this.options.ring();
    if (ring === undefined || acceptor.whole || this.isSaving) return;
    const epoch = ring.epoch + 1;
    if (acceptor.remembers(epoch)) return;
    if (this.isNew(ring)) {
      this.epoch = epoch;
      return this.becomeWhole([]);
    }
    const isLate = elapsedMs - this.startedMs > WAIT_MS;
    if (epoch !== this.epoch || isLate !== this.inEarnest) {
      this.epoch = epoch;
      this.inEarnest = isLate;
      this.told.clear();
      this.asked.clear();
      this.askedMs = Number.NEGATIVE_INFINITY;
    }
    const others = this.others();
    if (others.length === 0 && ring.current[0].name === self()) return this.becomeWhole([]);
    if (elapsedMs - this.askedMs < ASK_AGAIN_MS) return;
    this.askedMs = elapsedMs;
    for (const name of others) if (!this.told.has(name)) this.asked.add(ask(name, epoch));
  }

  answered(name: string, question: number, remembered: Remembered): void {
    const { epoch } = this;
    if (this.isSaving || !this.asked.has(question) || this.options.acceptor.remembers(epoch)) return;
    this.told.set(name, remembered);
    const others = this.others();
    const told = others.flatMap((other) => this.told.get(other) ?? []);
    const isAll = told.length === others.length;
    // Nobody has ever voted for anything together with this node: the cluster is new.
    if (isAll && told.every(({ fresh }) => fresh)) return this.becomeWhole(others);
    if (!this.inEarnest) return;
    const n = this.voters().length;
    const remembering = told.filter(({ whole }) => whole).length;
    if (isAll || remembering >= n - majority(n) + 1) this.takeOver(epoch, told);
  }

  /**
   * Whether this node is about to become a voter under the very identity it has now, and its disk says nothing of votes. Whoever joined and
   * lost its disk has another identity.
   */
  private isNew({ phase, current, other }: RingState): boolean {
    if (phase === 'clearing') return false;
    const { acceptor, nodeId } = this.options;
    const self = this.options.self();
    const joins = other?.some((member) => member.name === self && member.nodeId === nodeId) === true;
    return joins && acceptor.blank && !current.some(({ name }) => name === self);
  }

  private takeOver(epoch: number, told: readonly Remembered[]): void {
    let promised = NO_BALLOT;
    let accepted: AcceptedRing | null = null;
    for (const one of told) {
      if (compareBallots(one.promised, promised) > 0) promised = one.promised;
      if (one.accepted === null) continue;
      if (accepted === null || compareBallots(one.accepted.ballot, accepted.ballot) > 0)
        accepted = one.accepted;
    }
    this.isSaving = true;
    const whole = accepted === null;
    this.options.acceptor.adopt({ epoch, promised, accepted, whole }, () => {
      this.isSaving = false;
    });
  }

  private becomeWhole(others: readonly string[]): void {
    this.isSaving = true;
    const about = this.options.acceptor.about(this.epoch);
    this.options.acceptor.adopt({ epoch: this.epoch, ...about, whole: true }, (error) => {
      this.isSaving = false;
      if (error !== null) return;
      for (const name of others) if (this.told.get(name)?.whole === false) this.knownEmpty.add(name);
    });
  }

  /** The other voters. */
  private others(): readonly string[] {
    const self = this.options.self();
    return this.voters().filter((name) => name !== self);
  }

  private voters(): readonly string[] {
    return (this.options.ring()?.current ?? []).map(({ name }) => name);
  }
}
