import type { RecordEntry } from '../../storage/record-cache.js';
import type { RecordStore } from '../../storage/record-store.js';
import { applyRecord } from './apply.js';
import type { Operation } from './operation.js';
import type { OwnWriters } from './own-writers.js';
import type { Topology } from './topology.js';
import { merge } from './version.js';

/**
 * What this node has made and could not write, while other replicas may have taken it. A version claims to have seen all
 * earlier ones of its writer: so the next of the same key must know these, or an acknowledged one would be covered unseen.
 */
export function keepUnwritten(
  store: RecordStore,
  entry: RecordEntry,
  own: OwnWriters,
  topology: Topology | undefined,
): void {
  const record = entry.record ?? null;
  if (topology === undefined || topology.alone) return;
  if (record === null || !own.madeAnyOf(record)) return;
  if (entry.unwritten === null) entry.pins++;
  entry.unwritten = entry.unwritten === null ? record : merge(entry.unwritten, record, store.writers);
}

/**
 * Only this process knows of it. A node with such entries does not stop cleanly: its next life would claim, under the same name, to
 * have seen what it has forgotten.
 */
export function isUnwritten(entry: RecordEntry): boolean {
  return entry.unwritten !== null;
}

/** Before an operation makes new versions: they take the place of those that others alone may have, knowing them. */
export function recallUnwritten(store: RecordStore, operation: Operation): void {
  for (let i = 0; i < operation.count; i++) recall(store, operation.places[i].entry!);
}

/** Puts into the entry what could not be written, if there is anything: it is written with the next group commit. False: there is nothing. */
export function recall(store: RecordStore, entry: RecordEntry): boolean {
  if (entry.unwritten === null) return false;
  applyRecord(store, entry, entry.unwritten);
  entry.unwritten = null;
  store.unpin(entry);
  return true;
}
