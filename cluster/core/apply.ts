import type { KeyRecord } from '../../storage/record.js';
import type { RecordEntry } from '../../storage/record-cache.js';
import type { RecordStore } from '../../storage/record-store.js';
import { merge, sameRecord } from './version.js';

/**
 * Merges a record that came from another replica into a pinned entry of ours. True when it changed anything. `encoded`: the record as
 * it came; nearly always it is all new and can be stored so.
 */
export function applyRecord(
  store: RecordStore,
  entry: RecordEntry,
  incoming: KeyRecord,
  encoded?: Buffer,
): boolean {
  const admitted = store.admit(entry.db, incoming);
  const own = entry.record ?? null;
  if (admitted === null) {
    if (entry.record === undefined) store.adoptAbsence(entry);
    return false;
  }
  const merged = own === null ? admitted : merge(own, admitted, store.writers);
  if (own !== null && sameRecord(own, merged)) return false;
  store.put(entry, merged, merged === incoming ? encoded : undefined);
  return true;
}
