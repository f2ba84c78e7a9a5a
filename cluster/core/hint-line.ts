import type { Hint, HintStore } from '../../storage/hint-store.js';

/** Hints under way to one member at once, whatever their size. */
const MAX_UNDER_WAY = 256;
/** Bytes under way to one member at once, going by the usual size of the last hints. */
const MAX_BYTES_UNDER_WAY = 1024 * 1024;
/** The first guess at a record's size: a few at once until more is known. */
const FIRST_GUESS = 64 * 1024;
/** After a hint that was not taken: the first pause, and the longest after more in a row. */
const PAUSE_MS = 100;
const MAX_PAUSE_MS = 30_000;

/**
 * The walk along the hints for one member, oldest first, again and again until none is left: what was not taken stays in its
 * place for the next round.
 */
export class HintLine {
  underWay = 0;
  /** What was dropped in this absence of the member has been logged. */
  logged = false;
  /** The member is away for good, and of what is kept for it there is nothing more to drop. */
  swept = false;
  /** The member is away, and of what is kept for it all is its own still, as the ring is. */
  sorted = false;
  /** Something could not be handed on in this round, and is to be tried in another. */
  again = false;
  private walk: IterableIterator<Hint> | undefined;
  private usualBytes = FIRST_GUESS;
  private failures = 0;
  private pausedUntil = 0;

  constructor(
    private readonly hints: HintStore,
    readonly target: string,
  ) {}

  get hasRoom(): boolean {
    if (this.underWay === 0) return true;
    return this.underWay < MAX_UNDER_WAY && this.underWay * this.usualBytes < MAX_BYTES_UNDER_WAY;
  }

  mayGo(elapsedMs: number): boolean {
    return elapsedMs >= this.pausedUntil;
  }

  /** The next hint to be delivered; undefined at the end of the round, which the next call after all were answered begins anew. */
  next(): Hint | undefined {
    if (this.walk === undefined) {
      if (this.underWay > 0) return undefined;
      this.walk = this.hints.hintsOf(this.target);
    }
    const step = this.walk.next();
    if (step.done !== true) return step.value;
    this.walk = undefined;
    return undefined;
  }

  sent(bytes: number): void {
    this.usualBytes += (bytes - this.usualBytes) / 8;
  }

  succeeded(): void {
    this.failures = 0;
    this.pausedUntil = 0;
  }

  /** Not taken: the walk goes on after a pause, longer with each failure in a row. */
  failed(elapsedMs: number): void {
    this.sorted = false;
    this.again = true;
    this.pausedUntil = elapsedMs + Math.min(MAX_PAUSE_MS, PAUSE_MS * 2 ** Math.min(this.failures++, 20));
  }

  /** The member has come or gone: from the oldest on, at once. */
  restart(): void {
    this.walk = undefined;
    this.succeeded();
    this.logged = false;
    this.swept = false;
    this.sorted = false;
  }
}
