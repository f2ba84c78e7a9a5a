import type { EngineIterator } from '../../storage/engine.js';
import { type DataKey, dataKeyFrom, parseDataKey } from '../../storage/key-layout.js';
import { CORRUPT, visible } from '../../storage/record.js';
import type { RecordStore } from '../../storage/record-store.js';

/** A place in the order of all data: the next key has this slot and at least this hash. */
export interface ScanPlace {
  readonly slot: number;
  readonly hash: number;
}

/** Rows looked at for each key wanted, at most, before a scan returns with less: dead rows must not hold up a node. */
const ROWS_PER_KEY = 10;
const ROWS_AT_LEAST = 1000;
const MAX_ROWS_PER_READ = 256;
/** What a row is guessed to take, so that a small scan does not fetch rows it will throw away. */
const ROW_BYTES = 200;

/**
 * Live keys of a database from `from` on, in the slots before `endSlot`. Calls back with at least one whole hash value's keys, and
 * with the place to go on from, or null at the end. Keys of one hash are never split, so a cursor loses none.
 */
export function scanLocal(
  store: RecordStore,
  db: number,
  from: ScanPlace,
  endSlot: number,
  count: number,
  nowMs: number,
  done: (error: Error | null, keys: string[], next: ScanPlace | null) => void,
): void {
  store.whenSettled(() => {
    const rows = Math.min(MAX_ROWS_PER_READ, count + 1);
    const aheadBytes = rows * ROW_BYTES;
    const range = { from: dataKeyFrom(from.slot, db, from.hash), to: dataKeyFrom(endSlot), aheadBytes };
    new LocalScan(store, store.iterate(range), rows, db, count, nowMs, done).step();
  });
}

class LocalScan {
  private readonly keys: string[] = [];
  private rowsLeft: number;
  private last: ScanPlace | null = null;

  constructor(
    private readonly store: RecordStore,
    private readonly iterator: EngineIterator,
    private readonly rowsPerRead: number,
    private readonly db: number,
    private readonly count: number,
    private readonly nowMs: number,
    private readonly done: (error: Error | null, keys: string[], next: ScanPlace | null) => void,
  ) {
    this.rowsLeft = Math.max(ROWS_AT_LEAST, count * ROWS_PER_KEY);
  }

  step(): void {
    this.iterator.next(this.rowsPerRead, (error, rows) => {
      if (error) return this.end(error, null);
      for (const { key, value } of rows) {
        const row = parseDataKey(key);
        const same = this.last !== null && this.last.slot === row.slot && this.last.hash === row.hash;
        if (!same && this.enough) return this.end(null, this.placeOf(row));
        this.last = row;
        this.rowsLeft--;
        if (row.db !== this.db) continue;
        const record = this.store.decodeRow(row, value);
        if (record !== CORRUPT && visible(record, this.nowMs, this.store.writers) !== undefined)
          this.keys.push(row.key);
      }
      if (rows.length < this.rowsPerRead) this.end(null, null);
      else this.step();
    });
  }

  /** Where to go on so that `row` is next, or the first row of our database after it. */
  private placeOf(row: DataKey): ScanPlace {
    if (row.db > this.db) return { slot: row.slot + 1, hash: 0 };
    return { slot: row.slot, hash: row.db < this.db ? 0 : row.hash };
  }

  private get enough(): boolean {
    return this.keys.length >= this.count || this.rowsLeft <= 0;
  }

  private end(error: Error | null, next: ScanPlace | null): void {
    this.iterator.close(() => this.done(error, this.keys, next));
  }
}
