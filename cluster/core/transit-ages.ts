/** The least is sought in the last one to two of these, ms: long enough to have seen an idle moment, short against clocks' drift. */
const WINDOW_MS = 300_000;

interface Least {
  since: number;
  now: number;
  before: number;
}

/**
 * How long messages were on their way: in the sender's queue, on the wire, and in the socket of a receiver that was stopped. Clocks of
 * two nodes have nothing in common, but what they differ by is never less than for the message that came quickest; what a
 * message exceeds that by, it has waited.
 */
export class TransitAges {
  private readonly least = new Map<number, Least>();

  /** `sentMs`: by the sender's `Clock.elapsed`, modulo 2^32; `now` by ours. */
  age(peer: number, sentMs: number, now: number): number {
    const offset = (Math.floor(now) - sentMs) | 0;
    let least = this.least.get(peer);
    if (least === undefined) {
      least = { since: now, now: offset, before: offset };
      this.least.set(peer, least);
    }
    if (now - least.since > WINDOW_MS) {
      least.since = now;
      least.before = least.now;
      least.now = offset;
    }
    // Differences of numbers modulo 2^32 are right whatever has wrapped around.
    if (((offset - least.now) | 0) < 0) least.now = offset;
    return Math.max(0, (offset - least.now) | 0, (offset - least.before) | 0);
  }

  /** A new connection: its other end may have been started anew, and count from another moment. */
  forget(peer: number): void {
    this.least.delete(peer);
  }
}
