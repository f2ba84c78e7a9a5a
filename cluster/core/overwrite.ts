import { UNKNOWN } from '../../storage/record.js';
import type { RecordEntry } from '../../storage/record-cache.js';
import type { Operation } from './operation.js';

/**
 * A node alone has nobody to fetch a damaged record from. What replaces the record whatever it was (SET, DEL) may do so; what would
 * have to know it is refused. While the one runs, it sees a key that exists and of which nothing is known.
 */
export function mayOverwrite(operation: Operation, entry: RecordEntry): boolean {
  return operation.overwrites && entry.corrupt;
}

/** Before the operation runs; nobody else sees it, since nothing runs in between. */
export function showDamaged(operation: Operation): void {
  for (let i = 0; i < operation.count; i++) {
    const entry = operation.places[i].entry!;
    if (entry.corrupt) entry.record = UNKNOWN;
  }
}

/** After it ran. */
export function hideDamaged(operation: Operation): void {
  for (let i = 0; i < operation.count; i++) {
    const entry = operation.places[i].entry!;
    if (entry.record === UNKNOWN) entry.record = undefined;
  }
}
