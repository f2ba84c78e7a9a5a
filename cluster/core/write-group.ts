import { AckCount } from './ack-count.js';
import type { Operation } from './operation.js';
import type { HomeSet } from './topology.js';

/**
 * The writes of one turn that go to the same replicas: they travel together, are committed together on each replica, and so
 * share their acknowledgements. One count for all; each operation asks it with the number of replicas it needs.
 */
export class WriteGroup {
  readonly acks: AckCount;
  private operations: Operation[] = [];
  /** Records sent to each peer; they apply the group only when they have got all. */
  records = 0;

  constructor(
    readonly id: number,
    readonly homes: HomeSet,
    /** Unix ms. */
    readonly startedMs: number,
    replicas: number,
  ) {
    this.acks = new AckCount(replicas);
  }

  get waiting(): number {
    return this.operations.length;
  }

  add(operation: Operation): void {
    this.operations.push(operation);
  }

  /** A replica's answer; settles every operation whose outcome it decides. */
  answer(replica: number, ok: boolean, localError: Error | null = null): void {
    if (!this.acks.answer(replica, ok) || this.operations.length === 0) return;
    const still: Operation[] = [];
    const settled = this.operations;
    this.operations = still;
    for (const operation of settled) {
      const state = this.acks.state(operation.needed);
      if (state === 'won') operation.finish(null);
      else if (state === 'lost') operation.finish(lostText(this.acks, operation.needed, localError));
      else still.push(operation);
    }
  }

  /** No more waiting: what is not won is lost. */
  expire(): void {
    const left = this.operations;
    this.operations = [];
    for (const operation of left) operation.finish(lostText(this.acks, operation.needed, null));
  }
}

function lostText(acks: AckCount, needed: number, localError: Error | null): string {
  if (localError !== null && acks.replicas === 1) {
    // A log that took part of it may still turn out to hold all of it.
    return `MISCONF Errors writing to disk: ${localError.message}; the write may have been applied`;
  }
  return `NOQUORUM ${acks.yes} of ${needed} needed replicas confirmed the write; it may have been applied`;
}
