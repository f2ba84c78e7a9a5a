import { dataKeyFrom, SLOTS } from './key-layout.js';
import { listRange } from './range-list.js';
import { CORRUPT, UNKNOWN } from './record.js';
import type { RecordStore } from './record-store.js';
import { walkRows } from './row-walk.js';
import { leafOf, leafRange } from './slot-trees.js';
import type { SavedSummaries, Summaries } from './summaries.js';

/** After a recount that could not read the disk. */
const RETRY_MS = 60_000;
/** More damaged records than this, and everything is counted again instead of leaf by leaf. */
const MAX_DOUBTS = 1000;

/**
 * Keeps the summaries true: takes those of a clean stop, or counts all records again in the background while the node already
 * serves; counts again after a flush, which may leave more than the cache holds; and sums the leaves of damaged records anew.
 *
 * A recount is exact although writes go on: at a moment when it is known what the cache is ahead of the disk (`aheadOfDisk`) the
 * summaries are copied and a snapshot of the rows is taken; what the snapshot adds up to is put in, the copy taken out. Every
 * change since is a difference and stays as it is, in whichever order it came.
 */
export class Recounter {
  /** Recounts of everything, and leaves summed again. */
  readonly counters = { recounts: 0, leaves: 0 };
  private counted = false;
  /** How many times databases had been cleared when what is known was counted; -1: nothing is known. */
  private clears = -1;
  private busy = false;
  private retryAt = 0;
  private readonly waiting: (() => void)[] = [];
  private readonly doubts = new Map<string, { db: number; slot: number; leaf: number }>();

  constructor(
    private readonly store: RecordStore,
    readonly summaries: Summaries,
    private readonly failed: (error: Error) => void,
  ) {
    summaries.onDoubt = (db, slot, hash) => this.doubt(db, slot, leafOf(hash));
  }

  /** Before anything is put. */
  start(saved: SavedSummaries | undefined): void {
    if (saved !== undefined && this.summaries.restore(saved)) {
      this.clears = this.summaries.clears;
      this.ended();
    } else {
      this.recount(0);
    }
  }

  /** Runs it once the keys have been counted. */
  whenCounted(run: () => void): void {
    if (this.counted) run();
    else this.waiting.push(run);
  }

  /** The trees tell of all records; those of damaged ones may still be in them. */
  get known(): boolean {
    return this.clears === this.summaries.clears;
  }

  /** Nothing is known to be wrong: the summaries may be kept over a clean stop. */
  get exact(): boolean {
    const settled = this.store.aheadOfDisk?.length === 0;
    return this.known && settled && !this.busy && this.doubts.size === 0;
  }

  /** `now`: ms of a clock that only goes on. `calm`: nothing is being deleted that a recount would have to walk over. */
  tick(now: number, calm: boolean): void {
    if (this.busy || now < this.retryAt) return;
    if (!this.known) {
      if (calm) this.recount(now);
    } else if (this.doubts.size > 0) {
      this.sumNextDoubt(now);
    }
  }

  private doubt(db: number, slot: number, leaf: number): void {
    this.doubts.set(`${db} ${slot} ${leaf}`, { db, slot, leaf });
    if (this.doubts.size > MAX_DOUBTS) this.clears = -1;
  }

  private sumNextDoubt(now: number): void {
    const [name, { db, slot, leaf }] = [...this.doubts].at(0)!;
    this.busy = true;
    this.doubts.delete(name);
    listRange(
      this.store,
      this.summaries,
      { db, slot, ...leafRange(leaf) },
      Number.POSITIVE_INFINITY,
      (error, _list, isSummed) => {
        this.busy = false;
        this.counters.leaves++;
        if (!isSummed) this.doubt(db, slot, leaf);
        if (error !== null) this.retry(error, now);
      },
    );
  }

  private recount(now: number): void {
    this.busy = true;
    this.store.whenSettled(() => {
      const ahead = this.store.aheadOfDisk;
      if (ahead === undefined) {
        // Tried again with the next tick: a write has just failed.
        this.busy = false;
        return;
      }
      const { rectified } = this.summaries;
      this.doubts.clear();
      const before = this.summaries.copy();
      const found = this.summaries.blank();
      const newer = new Set<string>();
      for (const { db, slot, hash, key, record } of ahead) {
        newer.add(`${db} ${key}`);
        found.changed(db, slot, hash, null, record ?? null);
      }
      walkRows(
        this.store,
        { from: dataKeyFrom(0), to: dataKeyFrom(SLOTS) },
        (row, value) => {
          const record = this.store.decodeRow(row, value);
          const isWanted = record !== null && !newer.has(`${row.db} ${row.key}`);
          if (isWanted && record !== CORRUPT) found.changed(row.db, row.slot, row.hash, null, record);
          // A key that is damaged still counts as one, until something takes its place.
          else if (isWanted) found.counts.changed(row.db, row.slot, row.hash, null, UNKNOWN);
          return this.summaries.rectified === rectified;
        },
        (error) => {
          this.busy = false;
          this.counters.recounts++;
          if (error !== null) this.retry(error, now);
          else if (this.summaries.rectified === rectified) this.take(before, found);
          this.ended();
        },
      );
    });
  }

  private take(before: Summaries, found: Summaries): void {
    this.summaries.addAll(before, -1);
    this.summaries.addAll(found, 1);
    this.summaries.rectified++;
    this.clears = this.summaries.clears;
  }

  private retry(error: Error, now: number): void {
    this.retryAt = now + RETRY_MS;
    this.failed(error);
  }

  /** Also when it failed, or a flush has made it worthless: who asks for the number of keys shall not wait for ever. */
  private ended(): void {
    this.counted = true;
    for (const run of this.waiting.splice(0)) run();
  }
}
