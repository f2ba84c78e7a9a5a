/**
 * How many replicas a request must reach. A level is a positive number of replicas or one of the names below; it becomes a
 * number only against the effective N of the moment.
 */
export type Level = number;

export const DEFAULT: Level = 0;
export const QUORUM: Level = -1;
export const ALL: Level = -2;
/** Linearizable, through the slot's register (`register/`): a majority of the home replicas, never of stand-ins. */
export const SERIAL: Level = -3;

const NAMES: Readonly<Record<string, Level>> = { DEFAULT, ONE: 1, TWO: 2, QUORUM, ALL, SERIAL };

/** From `ONE`, `TWO`, `QUORUM`, `ALL`, `SERIAL`, `DEFAULT` (any case) or a positive number; undefined when it is none of them. */
export function parseLevel(text: string): Level | undefined {
  const named = NAMES[text.toUpperCase()];
  if (named !== undefined) return named;
  return /^[1-9]\d{0,2}$/.test(text) ? Number(text) : undefined;
}

/** The name `parseLevel` takes. */
export function levelName(level: Level): string {
  return Object.keys(NAMES).find((name) => NAMES[name] === level) ?? String(level);
}

/** Replicas needed out of `n`; never more than there are, so that a node alone is a complete store. */
export function replicasNeeded(level: Level, n: number, byDefault: Level): number {
  const effective = level === DEFAULT ? byDefault : level;
  if (effective === QUORUM || effective === DEFAULT || effective === SERIAL) return majority(n);
  if (effective === ALL) return n;
  return Math.min(effective, n);
}

export function majority(n: number): number {
  return (n >> 1) + 1;
}
