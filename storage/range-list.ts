import { dataKeyFrom } from './key-layout.js';
import { CORRUPT, type KeyRecord } from './record.js';
import type { RecordStore } from './record-store.js';
import { walkRows } from './row-walk.js';
import { leafOf, leafRange } from './slot-trees.js';
import type { Summaries } from './summaries.js';

/** Which keys of one slot and database: those with these hashes, both ends included. */
export interface HashRange {
  readonly db: number;
  readonly slot: number;
  readonly from: number;
  readonly to: number;
}

/** The hashes of keys and, for each, the 64-bit sum over the records of the keys that have it; in order of the hashes. */
export interface RangeList {
  /** The last hash of which this tells everything. */
  readonly end: number;
  readonly hashes: readonly number[];
  readonly a: readonly number[];
  readonly b: readonly number[];
}

/** All rows of a range. */
export function rowsOf({ db, slot, from, to }: HashRange): { from: Buffer; to: Buffer } {
  const end = to === 0xffffffff ? dataKeyFrom(slot, db + 1) : dataKeyFrom(slot, db, to + 1);
  return { from: dataKeyFrom(slot, db, from), to: end };
}

/**
 * Lists what there is of a range, `max` hashes of it at most, as of one moment. A damaged row is not there.
 *
 * Whole leaves among it are compared with their sums, which are put right should they be wrong: after a record was found
 * damaged, nobody else could know what it had added. `isSummed` tells whether that could be done.
 */
export function listRange(
  store: RecordStore,
  summaries: Summaries,
  range: HashRange,
  max: number,
  done: (error: Error | null, list: RangeList, isSummed: boolean) => void,
): void {
  store.whenSettled(() => {
    const listing = new Listing(store, summaries, range, max);
    walkRows(
      store,
      rowsOf(range),
      (row, value) => listing.visit(row.hash, row.key, store.decodeRow(row, value)),
      (error) => {
        if (error !== null) return done(error, { end: range.to, hashes: [], a: [], b: [] }, false);
        const list = listing.finish();
        done(null, list, listing.rectify(list));
      },
    );
  });
}

class Listing {
  private readonly sums = new Map<number, { a: number; b: number }>();
  /** What the cache holds of this range and the disk does not yet. */
  private readonly ahead = new Map<string, { hash: number; record: KeyRecord | null }>();
  private readonly exact: boolean;
  private readonly rectified: number;
  private readonly leavesA: number[] = [];
  private readonly leavesB: number[] = [];
  private end: number;
  private last = -1;

  constructor(
    store: RecordStore,
    private readonly summaries: Summaries,
    private readonly range: HashRange,
    private readonly max: number,
  ) {
    const { db, slot, from, to } = range;
    this.end = to;
    const ahead = store.aheadOfDisk;
    this.exact = ahead !== undefined;
    this.rectified = summaries.rectified;
    for (const entry of ahead ?? []) {
      if (entry.db !== db || entry.slot !== slot || entry.hash < from || entry.hash > to) continue;
      this.ahead.set(entry.key, { hash: entry.hash, record: entry.record ?? null });
    }
    for (let leaf = leafOf(from); leaf <= leafOf(to); leaf++) {
      this.leavesA[leaf] = summaries.trees.leafA(db, slot, leaf);
      this.leavesB[leaf] = summaries.trees.leafB(db, slot, leaf);
    }
  }

  visit(hash: number, key: string, record: KeyRecord | null | typeof CORRUPT): boolean {
    if (hash !== this.last && this.sums.size >= this.max) {
      this.end = this.last;
      return false;
    }
    this.last = hash;
    if (record !== null && record !== CORRUPT && !this.ahead.has(key)) this.add(hash, record);
    return true;
  }

  finish(): RangeList {
    for (const { hash, record } of this.ahead.values())
      if (record !== null && hash <= this.end) this.add(hash, record);
    const all = [...this.sums.keys()].sort((x, y) => x - y);
    const hashes = all.slice(0, this.max);
    if (hashes.length < all.length) this.end = hashes[hashes.length - 1];
    const a = hashes.map((hash) => this.sums.get(hash)!.a);
    const b = hashes.map((hash) => this.sums.get(hash)!.b);
    return { end: this.end, hashes, a, b };
  }

  private add(hash: number, record: KeyRecord): void {
    const { trees } = this.summaries;
    const a = trees.hashA(this.range.db, hash, record);
    const b = trees.hashB(this.range.db, hash, record);
    const sum = this.sums.get(hash);
    if (sum === undefined) this.sums.set(hash, { a, b });
    else this.sums.set(hash, { a: (sum.a + a) >>> 0, b: (sum.b + b) >>> 0 });
  }

  /** What the trees said at the moment of the listing is taken out of them and what was listed put in; changes since then stay. */
  rectify({ hashes, a, b, end }: RangeList): boolean {
    const { db, slot, from } = this.range;
    const { summaries } = this;
    if (!this.exact || summaries.rectified !== this.rectified) return false;
    const differenceA = this.leavesA.map((sum) => -sum);
    const differenceB = this.leavesB.map((sum) => -sum);
    hashes.forEach((hash, i) => {
      differenceA[leafOf(hash)] += a[i];
      differenceB[leafOf(hash)] += b[i];
    });
    for (let leaf = leafOf(from); leaf <= leafOf(end); leaf++) {
      const whole = leafRange(leaf);
      if (whole.from < from || whole.to > end) continue;
      const more = { a: differenceA[leaf] | 0, b: differenceB[leaf] | 0 };
      if (more.a === 0 && more.b === 0) continue;
      summaries.trees.add(db, slot, leaf, more.a, more.b);
      summaries.rectified++;
    }
    return true;
  }
}
