import type { Clock, Log } from '../environment.js';

const LINE_EVERY_MS = 1000;

/**
 * Warnings that strangers and broken links can cause at will: at most one line a second of each kind, with the number of
 * those that were left out, so that nobody fills a disk by knocking.
 */
export class QuietLog {
  private readonly kinds = new Map<string, { nextAt: number; leftOut: number }>();

  constructor(
    private readonly log: Log,
    private readonly clock: Clock,
  ) {}

  /** `kind` is from a fixed set (it names the bound's counter). */
  warn(kind: string, facts: object, text: string): void {
    const now = this.clock.elapsed();
    const state = this.kinds.get(kind) ?? { nextAt: now, leftOut: 0 };
    this.kinds.set(kind, state);
    // The second test: a clock set back must not silence the kind for as long.
    if (now < state.nextAt && state.nextAt - now <= LINE_EVERY_MS) {
      state.leftOut++;
      return;
    }
    const leftOut = state.leftOut > 0 ? { alike: state.leftOut } : {};
    this.log.warn({ ...facts, ...leftOut }, text);
    state.nextAt = now + LINE_EVERY_MS;
    state.leftOut = 0;
  }
}
