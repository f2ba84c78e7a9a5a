/**
 * What the protocol core is handed instead of reaching for it: time, chance, and the end of a turn. Real ones are built in
 * the composition root, simulated ones in `cluster/sim/`.
 */
export type TimerHandle = unknown;

export interface Clock {
  /** Unix ms, whole. */
  now(): number;
  /** ms since some moment, with fractions; goes on evenly when the clock is set. For waiting: deadlines, timeouts. */
  elapsed(): number;
  /** Runs after everything that is ready in this turn of the event loop: the moment to write what has gathered. */
  defer(run: () => void): void;
  setTimer(ms: number, run: () => void): TimerHandle;
  clearTimer(timer: TimerHandle): void;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
}

export interface Log {
  info(facts: object, text: string): void;
  warn(facts: object, text: string): void;
  error(facts: object, text: string): void;
}
