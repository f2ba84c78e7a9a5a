import type { Clock, Random } from '../cluster/environment.js';

/** The real clock and the real dice: the only place where the program reaches for them on behalf of the protocol core. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  defer: (run) => void setImmediate(run),
  setTimer: (ms, run) => setTimeout(run, ms),
  clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

export const systemRandom: Random = { next: () => Math.random() };
