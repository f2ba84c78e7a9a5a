/** How much may gather while nothing is taken, in seconds of the rate. */
const BURST_SECONDS = 0.1;

/** So many bytes a second on average. Whoever finds anything in it may take more than there is, and the next waits for it. */
export class TokenBucket {
  private tokens = 0;
  private filledMs = 0;

  constructor(private readonly perSecond: () => number) {}

  /** Whether anything may be taken now. */
  open(elapsedMs: number): boolean {
    const rate = this.perSecond();
    // Who asks may go by the time of the last tick, and another by that of now: nothing is paid out twice.
    const seconds = Math.max(0, elapsedMs - this.filledMs) / 1000;
    this.filledMs = Math.max(this.filledMs, elapsedMs);
    this.tokens = Math.min(rate * BURST_SECONDS, this.tokens + rate * seconds);
    return this.tokens > 0;
  }

  take(bytes: number): void {
    this.tokens -= bytes;
  }
}
