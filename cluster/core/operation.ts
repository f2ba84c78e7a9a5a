import type { KeyRecord } from '../../storage/record.js';
import type { RecordEntry } from '../../storage/record-cache.js';
import type { LoadWaiter } from '../../storage/record-store.js';
import type { KeyRead, ReadOwner } from './key-read.js';
import { DEFAULT, type Level } from './levels.js';

/**
 * One command's way through the coordinator: its records are fetched, `run` is called once and synchronously, and
 * `finish` when its outcome is certain (for a write: enough replicas have it).
 */
export abstract class Operation implements LoadWaiter, ReadOwner {
  /** The keys it may touch, in parallel arrays. */
  readonly keys: string[] = [];
  readonly dbs: number[] = [];
  readonly slots: number[] = [];
  /** This replica's entries, pinned: for writes, and for reads this node answers alone. */
  readonly entries: (RecordEntry | undefined)[] = [];
  /** What a quorum read found, where there is no entry. */
  readonly records: (KeyRecord | null)[] = [];
  isWrite = false;
  readLevel: Level = DEFAULT;
  writeLevel: Level = DEFAULT;
  /** Unix ms: the moment every expiry in this operation is judged by. */
  now = 0;
  /** The coordinator's: fetches still to come, and what went wrong with one of them. */
  pending = 0;
  failure: string | null = null;
  /** The coordinator's: replicas that must have the write. */
  needed = 0;
  wrote = false;
  coordinator: { fetched(operation: Operation): void } | null = null;

  addKey(db: number, slot: number, key: string): void {
    this.keys.push(key);
    this.dbs.push(db);
    this.slots.push(slot);
    this.entries.push(undefined);
    this.records.push(null);
  }

  loaded(entry: RecordEntry): void {
    this.failure ??= entry.loadFailure;
    this.coordinator?.fetched(this);
  }

  readDone(read: KeyRead, record: KeyRecord | null, failure: string | null): void {
    this.records[read.index] = record;
    this.failure ??= failure;
    this.coordinator?.fetched(this);
  }

  record(index: number): KeyRecord | null {
    const entry = this.entries[index];
    return entry === undefined ? this.records[index] : (entry.record ?? null);
  }

  /** Ready for the next command of its owner. */
  reset(): void {
    this.keys.length = 0;
    this.dbs.length = 0;
    this.slots.length = 0;
    this.entries.length = 0;
    this.records.length = 0;
    this.failure = null;
    this.wrote = false;
    this.pending = 0;
  }

  /** Does the command's work on the records. Never throws for what a client sent. */
  abstract run(): void;
  /** `failure` is a whole error line without the `-`: the outcome is that, whatever `run` replied. */
  abstract finish(failure: string | null): void;
}
