import type { Done, EngineIterator, EngineStats, Entry, Range, StorageEngine, WriteBatch } from './engine.js';

/** One put (or, with null, one del) of a batch. */
type Row = readonly [key: string, value: Buffer | null];

/** What a disk is left with: whole batches, the synced ones and as many of the others as were lucky. */
export interface MemoryDisk {
  readonly batches: readonly (readonly Row[])[];
  readonly synced: number;
}

/**
 * The engine's twin in memory, for tests and the simulator. Deterministic: callbacks fire when the handed-in scheduler says.
 * It keeps its log, so that a loss of power can be played: `disk(keepUnsynced)` is what the next engine starts from.
 */
export class MemoryEngine implements StorageEngine {
  private readonly rows = new Map<string, Buffer>();
  private sorted: string[] | null = null;
  private readonly log: (readonly Row[])[] = [];
  /** Batches whose writers have been told that they are in the log, and those they were told are on the disk. */
  private confirmed = 0;
  private synced = 0;
  private open_ = false;

  constructor(
    private readonly schedule: (run: () => void) => void,
    disk: MemoryDisk = { batches: [], synced: 0 },
  ) {
    for (const batch of disk.batches) this.apply(batch);
    this.confirmed = this.log.length;
    this.synced = this.log.length;
  }

  open(): Promise<void> {
    this.open_ = true;
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.open_ = false;
    this.synced = this.log.length;
    return Promise.resolve();
  }

  /** The disk after a loss of power that kept `keepUnsynced` of the un-synced batches; at least everything synced. */
  disk(keepUnsynced: number): MemoryDisk {
    const kept = Math.min(this.log.length, this.synced + keepUnsynced);
    return { batches: this.log.slice(0, kept), synced: kept };
  }

  /** The disk after the death of the process alone: everything confirmed, and of what was being written what was lucky. */
  diskAfterKill(keepUnconfirmed: number): MemoryDisk {
    const kept = Math.min(this.log.length, this.confirmed + keepUnconfirmed);
    return { batches: this.log.slice(0, kept), synced: kept };
  }

  get unconfirmed(): number {
    return this.log.length - this.confirmed;
  }

  get unsynced(): number {
    return this.log.length - this.synced;
  }

  batch(): WriteBatch {
    const rows: Row[] = [];
    return {
      put: (key, value) => void rows.push([key.latin1Slice(), Buffer.from(value)]),
      del: (key) => void rows.push([key.latin1Slice(), null]),
      get length() {
        return rows.length;
      },
      write: (sync, done) => this.write(rows, sync, done),
    };
  }

  getMany(
    keys: readonly Buffer[],
    done: (error: Error | null, values: (Buffer | undefined)[]) => void,
  ): void {
    const names = keys.map((key) => key.latin1Slice());
    this.later((error) => done(error, error ? [] : names.map((name) => this.rows.get(name))));
  }

  iterate(range: Range): EngineIterator {
    const keys = this.keysIn(range.from.latin1Slice(), range.to.latin1Slice());
    if (range.reverse) keys.reverse();
    const entries: Entry[] = keys.map((key) => ({
      key: Buffer.from(key, 'latin1'),
      value: range.keysOnly ? EMPTY : this.rows.get(key)!,
    }));
    let at = 0;
    return {
      next: (max, done) => {
        const slice = entries.slice(at, at + max);
        at += slice.length;
        this.later((error) => done(error, error ? [] : slice));
      },
      close: (done) => this.schedule(done),
    };
  }

  stats(): EngineStats {
    return { diskBytes: 0, details: { rows: this.rows.size } };
  }

  private write(rows: readonly Row[], sync: boolean, done: Done): void {
    // The log is written at once, the word of it comes later: a crash in between is the crash that matters.
    if (this.open_) this.apply(rows);
    const end = this.log.length;
    this.later((error) => {
      if (error === null) this.confirmed = Math.max(this.confirmed, end);
      if (error === null && sync) this.synced = Math.max(this.synced, end);
      done(error);
    });
  }

  private later(run: (error: Error | null) => void): void {
    const error = this.open_ ? null : new Error('the engine is closed');
    this.schedule(() => run(error));
  }

  private apply(rows: readonly Row[]): void {
    this.log.push(rows);
    for (const [key, value] of rows) {
      if (value === null) {
        if (this.rows.delete(key)) this.sorted = null;
      } else {
        if (!this.rows.has(key)) this.sorted = null;
        this.rows.set(key, value);
      }
    }
  }

  private keysIn(from: string, to: string): string[] {
    this.sorted ??= [...this.rows.keys()].sort((a, b) => (a < b ? -1 : 1));
    return this.sorted.slice(lowerBound(this.sorted, from), lowerBound(this.sorted, to));
  }
}

const EMPTY = Buffer.alloc(0);

function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
