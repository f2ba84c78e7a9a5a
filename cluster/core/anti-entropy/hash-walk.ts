import { type HashRange, rowsOf } from '../../../storage/range-list.js';
import { CORRUPT, type KeyRecord } from '../../../storage/record.js';
import type { RecordStore } from '../../../storage/record-store.js';
import { walkRows } from '../../../storage/row-walk.js';

/** A key and its record. */
export interface Found {
  readonly key: string;
  readonly record: KeyRecord;
}

/**
 * Reads the records of a range in the order of the keys' hashes, all or those of `wanted` hashes; keys of one hash come together.
 * `visit` returns false when it has seen enough. What is damaged is not there.
 */
export function walkHashes(
  store: RecordStore,
  range: HashRange,
  wanted: ReadonlySet<number> | null,
  visit: (hash: number, found: readonly Found[]) => boolean,
  done: (error: Error | null) => void,
): void {
  let hash = -1;
  let found: Found[] = [];
  const next = (): boolean => {
    const goOn = found.length === 0 || visit(hash, found);
    found = [];
    return goOn;
  };
  store.whenSettled(() => {
    let enough = false;
    walkRows(
      store,
      rowsOf(range),
      (row, value) => {
        if (row.hash !== hash) {
          enough = !next();
          hash = row.hash;
        }
        if (enough) return false;
        const record = wanted === null || wanted.has(hash) ? store.decodeRow(row, value) : null;
        if (record !== null && record !== CORRUPT) found.push({ key: row.key, record });
        return true;
      },
      (error) => {
        if (error === null && !enough) next();
        done(error);
      },
    );
  });
}

/** The part of a range in which these hashes are, in their order. */
export function around(range: HashRange, hashes: readonly number[]): HashRange {
  return { ...range, from: hashes[0], to: hashes[hashes.length - 1] };
}
