/** A node whose ticks were late so often in a row cannot keep up; one late tick is a pause, and over when it is seen. */
const LATE_TICKS = 3;

/**
 * Says no early, before anything is done, rather than let everything wait longer than anybody waits for it. Recovers by itself:
 * it knows no state but what is under way and how late the last ticks were.
 */
export class Admission {
  readonly counters = { refused: 0, refusedByLag: 0 };
  private lastTickMs = 0;
  private lateTicks = 0;

  constructor(
    /** The time between two ticks when all is well. */
    private readonly tickMs: number,
    private readonly maxRequests: () => number,
    private readonly maxLagMs: () => number,
  ) {}

  tick(now: number): void {
    this.lateTicks = this.behind(now) > this.maxLagMs() ? this.lateTicks + 1 : 0;
    this.lastTickMs = now;
  }

  /** How long something that comes to notice now may have lain unread, ms: at least as long as the tick is overdue. */
  behind(now: number): number {
    return this.lastTickMs === 0 ? 0 : Math.max(0, now - this.lastTickMs - this.tickMs);
  }

  /** Why another request is not taken on: a whole error line; or null. */
  refusal(underWay: number): string | null {
    if (underWay >= this.maxRequests()) {
      this.counters.refused++;
      return `OVERLOADED try again, ${underWay} requests are under way; nothing was read or written`;
    }
    if (this.lateTicks < LATE_TICKS) return null;
    this.counters.refused++;
    this.counters.refusedByLag++;
    return 'OVERLOADED try again, this node is far behind; nothing was read or written';
  }
}
