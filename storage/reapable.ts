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

/**
 * Whether nothing of the key is left: tombstones, or not even these, where each of two deletes that did not know of each other had left what the other
 * deleted.
 */
export function isGone(record: KeyRecord): boolean {
  return isTombstone(record) || record.siblings.length === 0;
}

/** Whether the record keeps what will be of no use once nothing older is left of its key: see `cluster/core/reaper.ts`. */
export function isReapable(record: KeyRecord): boolean {
  return isGone(record) || isLong(record);
}

/** The reading by which a row of the index knows the record again that it was made for. */
export function newestOf(record: KeyRecord): number {
  if (record instanceof SingleRecord) return record.hlc;
  const { context, siblings } = record;
  return siblings.length > 0
    ? siblings[0].hlc
    : context.reduce((most, one, i) => (i % 2 === 1 ? Math.max(most, one) : most), 0);
}

/** What is left of the record then: of what is gone nothing, else its versions and what its context says of their writers. */
export function afterReaping(record: KeyRecord): KeyRecord | null {
  if (isGone(record)) return null;
  const { context, siblings } = record;
  const left: number[] = [];
  for (let i = 0; i < context.length; i += 2)
    if (siblings.some(({ writer }) => writer === context[i])) left.push(context[i], context[i + 1]);
  return makeRecord(left, siblings);
}
