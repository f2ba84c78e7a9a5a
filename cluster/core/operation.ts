import type { KeyRecord } from '../../storage/record.js';
import type { RecordEntry } from '../../storage/record-cache.js';
import type { LoadWaiter } from '../../storage/record-store.js';
import type { KeyRead, ReadOwner } from './key-read.js';
import { DEFAULT, type Level } from './levels.js';
import type { WriteGroup } from './write-group.js';

/** One key of an operation. */
export class KeyPlace {
  db = 0;
  slot = 0;
  key = '';
  /** This replica's entry, pinned: for writes, and for reads this node answers alone. */
  entry: RecordEntry | undefined = undefined;
  /** What a quorum read found, where there is no entry. */
  found: KeyRecord | null = null;
  /** The group commit that carries this replica's part of it. */
  foundSeq = 0;

  get record(): KeyRecord | null {
    return this.entry === undefined ? this.found : (this.entry.record ?? null);
  }

  /** The group commit that carries what of the record came from this replica; 0 when nothing did. */
  get dirtySeq(): number {
    return this.entry === undefined ? this.foundSeq : this.entry.dirtySeq;
  }
}

/** Places kept for the next command when an operation is used again: most commands have few keys. */
const KEPT_PLACES = 8;

/**
 * One command's way through the coordinator: its records are fetched, `run` is called once and synchronously, and
 * `finish` when its outcome is certain (for a write: enough replicas have it).
 */
export abstract class Operation implements LoadWaiter, ReadOwner {
  /** The keys it may touch: the first `count`; what stands behind them is left from a command before. */
  readonly places: KeyPlace[] = [];
  count = 0;
  isWrite = false;
  /**
   * Goes through the register of its slot, in which all its keys are: linearizable. It is `run` again after a try that was certainly not
   * applied.
   */
  serial = false;
  /** A write whose effect does not depend on what its keys hold: see `overwrite.ts`. */
  overwrites = false;
  readLevel: Level = DEFAULT;
  writeLevel: Level = DEFAULT;
  /** Unix ms: the moment every expiry in this operation is judged by. */
  now = 0;
  /** By `Clock.elapsed`: nobody waits for it any more from then on, so it must not be started. 0: the coordinator's usual time from now. */
  deadline = 0;
  /** The coordinator's: fetches still to come, and what went wrong with one of them. */
  pending = 0;
  failure: string | null = null;
  /** The coordinator's: replicas that must have the write. */
  needed = 0;
  wrote = false;
  /** The coordinator's: what carries its writes to their replicas. */
  group: WriteGroup | null = null;
  /** Takes it to where its slot is led by now, when nothing has been done of it here; null: nobody does. */
  moved: (() => void) | null = null;
  coordinator: {
    fetched(operation: Operation): void;
    ended(): void;
    damaged(operation: Operation, entry: RecordEntry): void;
  } | null = null;

  addKey(db: number, slot: number, key: string): void {
    let place = this.places[this.count];
    if (place === undefined) {
      place = new KeyPlace();
      this.places.push(place);
    }
    place.db = db;
    place.slot = slot;
    place.key = key;
    this.count++;
  }

  loaded(entry: RecordEntry): void {
    if (entry.corrupt) return this.coordinator?.damaged(this, entry);
    this.failure ??= entry.loadFailure;
    this.coordinator?.fetched(this);
  }

  readDone(read: KeyRead, record: KeyRecord | null, failure: string | null): void {
    const place = this.places[read.index];
    place.found = record;
    place.foundSeq = read.ownSeq;
    this.failure ??= failure;
    this.coordinator?.fetched(this);
  }

  record(index: number): KeyRecord | null {
    return this.places[index].record;
  }

  /** Whether all its keys lie in one slot; true for one key. */
  get inOneSlot(): boolean {
    for (let i = 1; i < this.count; i++) if (this.places[i].slot !== this.places[0].slot) return false;
    return true;
  }

  /** Ready for the next command of its owner. */
  reset(): void {
    if (this.places.length > KEPT_PLACES) this.places.length = KEPT_PLACES;
    for (let i = 0; i < this.count && i < KEPT_PLACES; i++) {
      this.places[i].entry = undefined;
      this.places[i].found = null;
      this.places[i].foundSeq = 0;
    }
    this.count = 0;
    this.failure = null;
    this.deadline = 0;
    this.wrote = false;
    this.group = null;
    this.pending = 0;
    this.moved = null;
  }

  /** The coordinator's word on how it ended. */
  end(failure: string | null): void {
    this.coordinator!.ended();
    this.finish(failure);
  }

  /** This node does not lead its slot any more, and has done nothing of it. `failure` is what it is told if nobody takes it elsewhere. */
  move(failure: string): void {
    if (this.moved === null) return this.end(failure);
    this.coordinator!.ended();
    this.moved();
  }

  /** Does the command's work on the records. Never throws for what a client sent. */
  abstract run(): void;
  /** `failure` is a whole error line without the `-`: the outcome is that, whatever `run` replied. */
  abstract finish(failure: string | null): void;
}
