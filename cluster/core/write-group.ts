import type { RecordEntry } from '../../storage/record-cache.js';
import { AckCount } from './ack-count.js';
import type { Operation } from './operation.js';
import type { ReplicaSet } from './topology.js';

/**
 * The writes of one turn that go to the same replicas: they travel together, are committed together on each replica, and so
 * share their acknowledgements. One count for all; each operation asks it with the number of replicas it needs.
 */
export class WriteGroup {
  readonly acks: AckCount;
  /** The keys written. */
  readonly entries: RecordEntry[] = [];
  private operations: Operation[] = [];
  isSent = false;
  /** When it was sent, by `Clock.elapsed`. */
  sentMs = 0;
  /** Records sent to each peer; they apply the group only when they have got all. */
  records = 0;

  constructor(
    readonly id: number,
    readonly set: ReplicaSet,
    /** The state of the ring that it goes by. */
    readonly epoch: number,
  ) {
    this.acks = new AckCount(set.reachable);
  }

  get waiting(): number {
    return this.operations.length;
  }

  /** This node's own commit counts: it is a home replica, or stands in for one. */
  get countsSelf(): boolean {
    return this.set.includesSelf || this.set.standsFor !== -1;
  }

  add(operation: Operation): void {
    this.operations.push(operation);
  }

  /**
   * Takes over all of a group that has not been sent either; their keys have the same home replicas. If it goes by another state of the
   * ring, `neededBy` says what its operations need now.
   */
  absorb(other: WriteGroup, neededBy: ((operation: Operation) => number) | null): void {
    for (const entry of other.entries) {
      entry.replicate = this;
      this.entries.push(entry);
    }
    for (const operation of other.operations) {
      operation.group = this;
      if (neededBy !== null) operation.needed = neededBy(operation);
    }
    this.operations.push(...other.operations);
    other.entries.length = 0;
    other.operations = [];
  }

  /** The home that lacks the group when this replica has not confirmed it. */
  homeOf(replica: number): number {
    for (const { member, home } of this.set.standIns) if (member === replica) return home;
    return replica;
  }

  /** A replica's answer; settles every operation whose outcome it decides. False when it had answered before. */
  answer(replica: number, ok: boolean, localError: Error | null = null): boolean {
    if (!this.acks.answer(replica, ok)) return false;
    const settled = this.operations;
    if (settled.length === 0) return true;
    const still: Operation[] = [];
    this.operations = still;
    for (const operation of settled) {
      const state = this.acks.state(operation.needed);
      if (state === 'won') operation.end(null);
      else if (state === 'lost') operation.end(lostText(this.acks, operation.needed, localError));
      else still.push(operation);
    }
    return true;
  }

  /**
   * Operations that have waited for `timeoutMs`, or beyond their own deadline, are told that it is not known how they end. Returns how
   * many. They are timed from the first call on: it comes some times a second.
   */
  giveUp(now: number, timeoutMs: number): number {
    let late = 0;
    for (const operation of this.operations) {
      if (operation.deadline === 0) operation.deadline = now + timeoutMs;
      else if (operation.deadline <= now) late++;
    }
    if (late === 0) return 0;
    const waiting = this.operations;
    this.operations = waiting.filter((operation) => operation.deadline > now);
    for (const operation of waiting)
      if (operation.deadline <= now) operation.end(lostText(this.acks, operation.needed, null));
    return late;
  }

  /** No more waiting: what is not won is lost. */
  expire(): void {
    const left = this.operations;
    this.operations = [];
    for (const operation of left) operation.end(lostText(this.acks, operation.needed, null));
  }
}

function lostText(acks: AckCount, needed: number, localError: Error | null): string {
  if (localError !== null && acks.replicas === 1) {
    // A log that took part of it may still turn out to hold all of it.
    return `MISCONF Errors writing to disk: ${localError.message}; the write may have been applied`;
  }
  return `NOQUORUM ${acks.yes} of ${needed} needed replicas confirmed the write; it may have been applied`;
}
