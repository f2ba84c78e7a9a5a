import type { Log } from '../environment.js';

/** A round trip that took longer measures nothing, ms. */
const MAX_ROUND_TRIP_MS = 5000;
/** What a refusal over a clock says. */
const REFUSAL = /^clock off by (-?\d{1,15}) ms/;

/**
 * Keeps nodes away whose clock is further off ours than `max-clock-drift`: expiry and the order of concurrent versions go by
 * clocks, and a hybrid clock follows the fastest.
 *
 * A greeting was written before it is read, nobody knows how long before: one that is ahead proves a clock wrong, one that is
 * behind only raises the question. A round trip answers it (Cristian 1989): their reading against the middle of ours, in doubt
 * by half of what it took. Who was found off has to show the right time in its greeting before it is let in again.
 */
export class ClockGuard {
  /** By bus address: by how much the clock was off, ms. */
  private readonly off = new Map<string, number>();

  constructor(
    private readonly maxDriftMs: () => number,
    private readonly now: () => number,
    private readonly log: Log,
  ) {}

  /** By how much the node's clock is off, ms; 0 when nothing is known to be wrong with it. */
  offBy(address: string): number {
    return this.off.get(address) ?? 0;
  }

  /** By how much our own clock is off, judged by the others; 0 unless most of them, two at least, disagree with it. */
  ownOffBy(others: number): number {
    if (this.off.size < 2 || this.off.size * 2 <= others) return 0;
    const offsets = [...this.off.values()].sort((a, b) => a - b);
    return -offsets[offsets.length >> 1];
  }

  /** Why a node that shows this clock in its greeting cannot be talked to; null when it can. */
  greeted(address: string, theirs: number): string | null {
    const offset = theirs - this.now();
    const limit = this.maxDriftMs();
    const isOff = offset > limit || (this.off.has(address) && offset < -limit);
    return isOff ? this.refuse(address, offset) : null;
  }

  /** The node's clock showed `theirs` between `askedAt` and now; why it cannot be talked to, or null. */
  measured(address: string, theirs: number, askedAt: number): string | null {
    const now = this.now();
    const took = now - askedAt;
    // Our own clock was set meanwhile, or we were stopped.
    if (took < 0 || took > MAX_ROUND_TRIP_MS) return null;
    const offset = Math.round(theirs - (askedAt + now) / 2);
    if (Math.abs(offset) - took / 2 > this.maxDriftMs()) return this.refuse(address, offset);
    if (this.off.delete(address)) this.log.info({ address }, 'the clock of a node is right again');
    return null;
  }

  /** A node has refused us; if it was for our clock, then its own is off ours by as much the other way. */
  refusedBy(address: string, reason: string): void {
    const offset = REFUSAL.exec(reason)?.[1];
    if (offset !== undefined) this.refuse(address, -Number(offset));
  }

  private refuse(address: string, offset: number): string {
    const limit = this.maxDriftMs();
    const isNews = !this.off.has(address);
    this.off.set(address, offset);
    if (isNews) {
      this.log.error(
        { address, offByMs: offset, maxClockDrift: limit },
        'the clock of a node is too far off ours: it is kept out until one of them is set right',
      );
    }
    return `clock off by ${offset} ms, max-clock-drift is ${limit} ms`;
  }
}
