import type { KeyRecord } from '../../../storage/record.js';
import type { RecordEntry } from '../../../storage/record-cache.js';
import type { RecordStore } from '../../../storage/record-store.js';
import { leafOf, type SlotTrees } from '../../../storage/slot-trees.js';
import type { Clock, Log } from '../../environment.js';
import { applyRecord } from '../apply.js';
import type { HybridClock } from '../hlc.js';

/**
 * What became of a record that came: `added` where there was none of its key, `failed` when it could not be taken and is missing still, `damaged`
 * when our own is, which may have held more than the one peer knows: what all of them know will take its place (`damaged-records.ts`).
 */
export type Taken = 'added' | 'changed' | 'same' | 'failed' | 'damaged';

/** Merges records that came by repair into our own. */
export class Intake {
  readonly counters = { driftRefused: 0 };

  constructor(
    private readonly store: RecordStore,
    private readonly trees: SlotTrees,
    private readonly clock: Clock,
    private readonly hlc: HybridClock,
    private readonly log: Log,
  ) {}

  /** `done` comes now or later; `seq` is the group commit by which the record, or what has seen it, is in the log. */
  take(
    db: number,
    slot: number,
    key: string,
    record: KeyRecord,
    done: (taken: Taken, seq: number) => void,
  ): void {
    if (!this.admitClock(record)) return done('failed', 0);
    const entry = this.store.pin(db, slot, key);
    if (entry.record !== undefined) return this.apply(entry, record, done);
    this.store.load(entry, {
      loaded: () => {
        // One that could not be read may be sound and hold more.
        const failure = entry.loadError !== null ? 'failed' : entry.corrupt ? 'damaged' : null;
        if (failure === null) return this.apply(entry, record, done);
        this.store.unpin(entry);
        done(failure, 0);
      },
    });
  }

  private apply(entry: RecordEntry, record: KeyRecord, done: (taken: Taken, seq: number) => void): void {
    const isNew = entry.record == null;
    const changed = applyRecord(this.store, entry, record);
    const seq = entry.dirtySeq;
    // Where the trees show nothing, everything is sent and no lists are compared, so no list puts the trees right.
    if (entry.record != null && this.showsNothing(entry)) this.store.doubt(entry);
    this.store.unpin(entry);
    done(changed ? (isNew ? 'added' : 'changed') : 'same', seq);
  }

  private showsNothing({ db, slot, hash }: RecordEntry): boolean {
    const leaf = leafOf(hash);
    return this.trees.leafA(db, slot, leaf) === 0 && this.trees.leafB(db, slot, leaf) === 0;
  }

  private admitClock(record: KeyRecord): boolean {
    const now = this.clock.now();
    for (let i = 1; i < record.context.length; i += 2) {
      if (this.hlc.observe(record.context[i], now)) continue;
      this.counters.driftRefused++;
      this.log.warn({ hlc: record.context[i] }, 'refused a version from a clock too far ahead of ours');
      return false;
    }
    return true;
  }
}
