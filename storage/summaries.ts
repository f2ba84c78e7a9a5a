import type { LiveCounts } from './live-counts.js';
import { type KeyRecord, UNKNOWN } from './record.js';
import type { RecordObserver } from './record-observer.js';
import type { SlotTrees } from './slot-trees.js';

/** What a clean stop keeps of the summaries. */
export interface SavedSummaries {
  readonly counts: Buffer;
  readonly trees: Buffer;
}

/** What is known about all records of this node without reading them. */
export class Summaries implements RecordObserver {
  /** Databases cleared so far, counting each time. */
  clears = 0;
  /**
   * Goes up with everything but a change of a record. Whoever has looked at the summaries and at the disk to put the ones right by the
   * other must not do so when somebody else has done it meanwhile.
   */
  rectified = 0;
  /** A record of this place was found damaged: its leaf has to be summed again. */
  onDoubt: (db: number, slot: number, hash: number) => void = () => {};

  constructor(
    readonly counts: LiveCounts,
    readonly trees: SlotTrees,
  ) {}

  changed(db: number, slot: number, hash: number, before: KeyRecord | null, after: KeyRecord | null): void {
    this.counts.changed(db, slot, hash, before, after);
    // What a damaged record was in the trees is not known either: its leaf is summed again.
    this.trees.changed(db, slot, hash, before === UNKNOWN ? null : before, after);
  }

  cleared(db: number): void {
    this.clears++;
    this.rectified++;
    this.counts.cleared(db);
    this.trees.cleared(db);
  }

  doubted(db: number, slot: number, hash: number): void {
    this.onDoubt(db, slot, hash);
  }

  blank(): Summaries {
    return new Summaries(this.counts.blank(), this.trees.blank());
  }

  copy(): Summaries {
    const copy = this.blank();
    copy.addAll(this, 1);
    return copy;
  }

  /** Adds everything in `from`, or with -1 takes it out. */
  addAll(from: Summaries, times: 1 | -1): void {
    this.counts.addAll(from.counts, times);
    this.trees.addAll(from.trees, times);
  }

  save(): SavedSummaries {
    return { counts: this.counts.save(), trees: this.trees.save() };
  }

  /** Takes what `save` kept; false, and nothing is taken, when it does not fit. */
  restore(saved: SavedSummaries): boolean {
    const kept = this.blank();
    if (!kept.counts.restore(saved.counts) || !kept.trees.restore(saved.trees)) return false;
    this.addAll(kept, 1);
    return true;
  }
}
