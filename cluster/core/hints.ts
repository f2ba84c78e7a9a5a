import type { RecordEntry } from '../../storage/record-cache.js';

/** Where what a home replica missed is written down: `storage/hint-store.ts`, by members' indexes. */
export interface Hints {
  /**
   * The member `home` lacks the entry's newest record: says so on disk, with the group commit that gathers now. False: too many
   * hints are kept already, or it has been away too long.
   */
  keep(home: number, entry: RecordEntry): boolean;
  /** The same for a record that is about to be written here, which is no home of it: it was admitted, and is not left behind unnoted. */
  insist(home: number, entry: RecordEntry): void;
  /** Whether anybody is known to lack it; if so, the disk knows it too, at the latest by the group commit that gathers now. */
  secure(entry: RecordEntry): boolean;
  /** No more hints can be kept. */
  readonly full: boolean;
}
