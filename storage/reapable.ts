import { isTombstone, type KeyRecord, makeRecord } from './record.js';
import { SingleRecord } from './single-record.js';

/** Writers that a context may tell of although no version of theirs is left. With more of them the record is worth pruning. */
export const MOST_BYGONE_WRITERS = 4;

/** Whether the context tells of many writers of whom no version is left: nodes that have gone, or lives of theirs that have ended. */
export function isLong(record: KeyRecord): boolean {
  if (record instanceof SingleRecord) return false;
  const { context, siblings } = record;
  return (context.length >> 1) - siblings.length > MOST_BYGONE_WRITERS;
}

/** Whether the record keeps what will be of no use once nothing older is left of its key: see `cluster/core/reaper.ts`. */
export function isReapable(record: KeyRecord): boolean {
  return isTombstone(record) || isLong(record);
}

/** What is left of the record then: of a tombstone nothing, else its versions and what its context says of their writers. */
export function afterReaping(record: KeyRecord): KeyRecord | null {
  if (isTombstone(record)) return null;
  const { context, siblings } = record;
  const left: number[] = [];
  for (let i = 0; i < context.length; i += 2)
    if (siblings.some(({ writer }) => writer === context[i])) left.push(context[i], context[i + 1]);
  return makeRecord(left, siblings);
}
