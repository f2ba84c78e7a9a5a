import { type KeyRecord, TOMBSTONE, type Version } from '../../../storage/record.js';

/**
 * Whether a reader could tell the two records of a key apart. Expiry by the clock alone makes no new record; what the sweeper then makes
 * of it does count. What else a record has come to know of without another version in it is nobody's business.
 */
export function isVisibleChange(before: KeyRecord | null, after: KeyRecord | null): boolean {
  const olds = living(before);
  const news = living(after);
  return olds.length !== news.length || olds.some((version, i) => !isSame(version, news[i]));
}

const NONE: readonly Version[] = [];

function living(record: KeyRecord | null): readonly Version[] {
  return record === null ? NONE : record.siblings.filter(({ type }) => type !== TOMBSTONE);
}

function isSame(a: Version, b: Version): boolean {
  return a.writer === b.writer && a.hlc === b.hlc && a.type === b.type;
}
