import type { Clock } from '../cluster/environment.js';

/** CLIENT PAUSE: commands (or writes only) wait until a moment that may be moved or taken back. */
export class Pause {
  private untilMs = 0;
  private writesOnly = false;

  constructor(
    private readonly clock: Clock,
    private readonly resumed: () => void,
  ) {}

  /** `untilMs` is Unix ms; one in the past ends the pause. */
  until(untilMs: number, writesOnly: boolean): void {
    this.untilMs = untilMs;
    this.writesOnly = writesOnly;
    this.clock.setTimer(Math.max(0, untilMs - this.clock.now()) + 1, this.resumed);
  }

  holds(isWrite: boolean): boolean {
    if (this.untilMs === 0 || (this.writesOnly && !isWrite)) return false;
    if (this.clock.now() < this.untilMs) return true;
    this.untilMs = 0;
    return false;
  }
}
