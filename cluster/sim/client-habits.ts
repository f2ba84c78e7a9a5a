/** What all simulated clients have in common. */

/** A client whose request has failed tries another one so much later. */
export const RETRY_MS = 100;
/** Longer than any timeout of ours, a pause of a process and a jump of a clock together. */
export const ANSWER_WITHIN_MS = 90_000;
/** Failures that say for certain that nothing was written. */
export const SURELY_NOT = /was not applied|nothing was|connection refused|CLUSTERDOWN/;

/** A client that asks, waits for the answer, thinks, and asks again. */
export interface BusyClient {
  /** Failed requests, by the first words of the error and what was asked. */
  readonly failures: ReadonlyMap<string, number>;
  start(): void;
  stop(): void;
  /** It waits for no answer. */
  readonly idle: boolean;
  /** What it waits for, in words. */
  readonly waitsFor: string;
}

export function count(times: Map<string, number>, what: string): void {
  times.set(what, (times.get(what) ?? 0) + 1);
}
