import type { Logger } from 'pino';
import { countAll } from '../cluster/core/sweeper.js';
import type { LiveCounts } from '../storage/live-counts.js';
import type { RecordStore } from '../storage/record-store.js';

/** Runs a function once the counts are complete. */
export interface Counted {
  (run: () => void): void;
  complete(): boolean;
}

/** Takes the counts of a clean stop, or counts again while the node already serves. */
export function startCounting(
  store: RecordStore,
  counts: LiveCounts,
  saved: Buffer | undefined,
  log: Logger,
): Counted {
  let complete = saved !== undefined && counts.restore(saved);
  const waiting: (() => void)[] = [];
  const counted = (run: () => void): void => {
    if (complete) run();
    else waiting.push(run);
  };
  if (!complete) {
    countAll(
      store,
      (row, record) => counts.changed(row.db, row.slot, null, record),
      (error) => {
        if (error) log.error({ err: error }, 'the keys could not be counted');
        complete = true;
        for (const run of waiting.splice(0)) run();
      },
    );
  }
  return Object.assign(counted, { complete: () => complete });
}
