/**
 * The narrow door to a sorted key-value engine with a log. Everything above it (`record-store.ts` and up) runs unchanged
 * on RocksDB, on memory and on the simulator's disk; `engine-conformance.test.ts` is the suite every engine must pass.
 *
 * Keys order by unsigned bytes. Callbacks fire at most once and never before the call that took them has returned.
 */
export type Done = (error: Error | null) => void;

/** Whether the engine could not read because what it has stored is damaged: reading it again will not help. */
export function isCorruption(error: Error): boolean {
  return error.message.startsWith('Corruption');
}

/** One atomic group of writes. It is spent after `write`. */
export interface WriteBatch {
  /** Bytes are copied before `put` returns: the caller may reuse both buffers. */
  put(key: Buffer, value: Buffer): void;
  del(key: Buffer): void;
  /** Number of puts and dels so far. */
  readonly length: number;
  /**
   * Appends the batch to the log, all or nothing. When `done(null)` fires the batch survives the death of the process;
   * with `sync` it survives a loss of power too, and so does every batch written before it.
   */
  write(sync: boolean, done: Done): void;
}

export interface Range {
  /** First key, inclusive. */
  readonly from: Buffer;
  /** End of the range, exclusive. */
  readonly to: Buffer;
  readonly reverse?: boolean;
  /** Do not fetch values: entries carry an empty value. */
  readonly keysOnly?: boolean;
  /** About how many bytes to fetch in one trip; left out: what suits a long walk. */
  readonly aheadBytes?: number;
}

export interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** Walks a snapshot taken when it was made. Must be closed. One `next` at a time. Keys and values may be damaged. */
export interface EngineIterator {
  /** Up to `max` further entries; fewer than `max` (or none) means the end of the range. */
  next(max: number, done: (error: Error | null, entries: Entry[]) => void): void;
  close(done: () => void): void;
}

export interface EngineStats {
  /** Bytes on disk (0 for memory engines that do not count). */
  readonly diskBytes: number;
  /** The engine's own figures, for INFO. */
  readonly details: Readonly<Record<string, string | number>>;
}

export interface StorageEngine {
  /** Rejects with a message that names the folder and the cause. */
  open(): Promise<void>;
  /** Waits for what is under way, syncs the log, releases the folder. */
  close(): Promise<void>;
  batch(): WriteBatch;
  /**
   * `values[i]` belongs to `keys[i]`; undefined where there is none. Sees every batch whose `write` is done. One key whose value is
   * damaged is an error for all: see `isCorruption`.
   */
  getMany(keys: readonly Buffer[], done: (error: Error | null, values: (Buffer | undefined)[]) => void): void;
  iterate(range: Range): EngineIterator;
  stats(): EngineStats;
}
