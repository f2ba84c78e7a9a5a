import { type Done, type EngineIterator, isCorruption, type Range, type StorageEngine } from './engine.js';
import { type CommitHost, GroupCommit, type GroupCommitOptions } from './group-commit.js';
import { type DataKey, dataKey } from './key-layout.js';
import { CORRUPT, decodeRecord, type KeyRecord, UNKNOWN } from './record.js';
import { RecordCache, type RecordEntry } from './record-cache.js';
import type { RecordObserver } from './record-observer.js';
import { fnv1a, type WriterTable } from './writers.js';

/** Told when a record it asked for has come from the disk (or could not). */
export interface LoadWaiter {
  loaded(entry: RecordEntry): void;
}

export interface RecordStoreOptions extends GroupCommitOptions {
  /** Bound of the record cache, in bytes. Entries in use may go over it for as long as they are. */
  readonly cacheBytes: () => number;
  /** Something gathered: `flush` has to be called at the end of this turn. */
  readonly plan: () => void;
  /** Records with these facts are filtered when they are read: see `flush-marks.ts`. */
  readonly admit: (db: number, record: KeyRecord) => KeyRecord | null;
}

/**
 * Sees each record of a group commit with its encoded bytes, valid only during the call. None are given for a record that came encoded
 * and that nobody else is to be sent (`entry.replicate` is null).
 */
export type CommitVisitor = (entry: RecordEntry, bytes: Buffer, length: number) => void;

/**
 * The records of this node: a bounded cache of decoded records over an engine, with group commit (`group-commit.ts`).
 *
 * A `put` is seen at once by everything that reads the cache, and is on the way to disk from the end of the turn; a group of
 * puts has a sequence number, and `committedSeq` says which groups are in the engine's log. Misses gather the same way into one
 * multi-get.
 */
export class RecordStore implements CommitHost {
  readonly counters = {
    loads: 0,
    loadBatches: 0,
    commits: 0,
    committedRecords: 0,
    corrupt: 0,
    failedCommits: 0,
  };
  /** A group begins to be written; then each of its records, encoded; then all are handed over; then it is in the log or failed. */
  onCommitBegin: (seq: number) => void = () => {};
  onCommitRecord: CommitVisitor = () => {};
  onCommitSent: (seq: number) => void = () => {};
  onCommitEnd: (seq: number, error: Error | null) => void = () => {};
  /** A pinned entry's record could not be written and is about to be forgotten. */
  onUnwritten: (entry: RecordEntry) => void = () => {};
  /**
   * A row that is damaged, met by a read or by an iterator, with its bytes, valid only during the call (null: not even the engine
   * can read it). It reads as an error until something overwrites it, and is told of every time.
   */
  onCorrupt: (row: DataKey, bytes: Buffer | null) => void = () => {};
  /** A record was put of which a register has yet to find out what came of its last round (`cluster/core/register`). */
  onUnsettledPut: (entry: RecordEntry) => void = () => {};
  /** Runs once that is known of an unsettled entry; `settled` is false when it took too long. Perhaps before it returns. */
  whenRecordSettles: (entry: RecordEntry, run: (settled: boolean) => void) => void = (_, run) => run(true);
  /** The record of a key has changed, by other ways than a flush; null as long as nobody asks. `before` UNKNOWN: it was damaged. */
  onChanged: ((entry: RecordEntry, before: KeyRecord | null, after: KeyRecord | null) => void) | null = null;
  /** Something is put over a damaged record. */
  onHealed: (entry: RecordEntry) => void = () => {};

  private readonly cache: RecordCache;
  private readonly commits: GroupCommit;
  private misses: RecordEntry[] = [];
  private loading = false;
  private flushPlanned = false;
  /** Told once nothing is under way: see `seal`. */
  private sealing: (() => void) | null = null;
  private sealed = false;
  /** Records that could not be written, until the disk has said what there is in their place. */
  private askedAgain = 0;

  constructor(
    private readonly engine: StorageEngine,
    readonly writers: WriterTable,
    private readonly observer: RecordObserver,
    private readonly options: RecordStoreOptions,
  ) {
    this.cache = new RecordCache(options.cacheBytes);
    this.commits = new GroupCommit(engine, writers, this, options, this.counters);
  }

  get cachedRecords(): number {
    return this.cache.size;
  }

  get cachedBytes(): number {
    return this.cache.bytes;
  }

  /** How many of the cached entries are so. */
  count(isSo: (entry: RecordEntry) => boolean): number {
    let count = 0;
    this.cache.forEach((entry) => {
      if (isSo(entry)) count++;
    });
    return count;
  }

  /** Bytes put but not yet handed to the engine: what back-pressure looks at. */
  get gatheringBytes(): number {
    return this.commits.pendingBytes;
  }

  get idle(): boolean {
    return this.commits.idle;
  }

  /** The group that gathers now. */
  get currentSeq(): number {
    return this.commits.currentSeq;
  }

  /** The group that carries rows put now: the one that gathers, or the one being handed over. */
  get rowsSeq(): number {
    return this.commits.rowsSeq;
  }

  /** Every group up to this one is in the log. */
  get committedSeq(): number {
    return this.commits.committedSeq;
  }

  /** The last error of a failed write, until one succeeds: the node refuses writes meanwhile. */
  get writeError(): Error | null {
    return this.commits.writeError;
  }

  /** The entry if the key is cached and loaded. */
  peek(db: number, key: string): RecordEntry | undefined {
    const entry = this.cache.get(db, key);
    if (entry === undefined || entry.record === undefined) return undefined;
    entry.hot = true;
    return entry;
  }

  /** The key's entry, made if need be; it is pinned until `unpin`. */
  pin(db: number, slot: number, key: string): RecordEntry {
    const entry = this.cache.getOrMake(db, slot, key);
    entry.pins++;
    return entry;
  }

  unpin(entry: RecordEntry): void {
    if (--entry.pins === 0) this.cache.trim();
  }

  /** Fetches the record of a pinned entry that has none yet; `waiter` is told later, never at once. */
  load(entry: RecordEntry, waiter: LoadWaiter): void {
    if (entry.waiters !== null) {
      entry.waiters.push(waiter);
      return;
    }
    entry.waiters = [waiter];
    entry.pins++;
    this.misses.push(entry);
    this.plan();
  }

  /** A pinned, unreadable entry is known from elsewhere to have no record: what is damaged goes. */
  adoptAbsence(entry: RecordEntry): void {
    if (entry.corrupt) this.put(entry, null);
    else this.cache.replace(entry, null);
  }

  /**
   * Replaces the record of a pinned, loaded entry. Committed with the group that gathers now. `encoded`: the very record, as it came
   * from another node under this key; read only during the call.
   */
  put(entry: RecordEntry, record: KeyRecord | null, encoded?: Buffer): void {
    const before = entry.corrupt ? UNKNOWN : (entry.record ?? null);
    this.commits.beforePut(entry);
    this.observer.changed(entry.db, entry.slot, entry.hash, before, record);
    this.cache.replace(entry, record);
    if (this.onChanged !== null) this.onChanged(entry, before, record);
    if (entry.corrupt) this.heal(entry);
    this.commits.add(entry, encoded);
    if (entry.unsettled) this.onUnsettledPut(entry);
  }

  /**
   * Adds a row of this node's own (meta facts, index rows) to the group that gathers now, or to the one whose records are just being
   * handed over; null deletes. Returns that group's number.
   */
  putRow(key: Buffer, value: Buffer | null): number {
    return this.commits.putRow(key, value);
  }

  /** The same for a row that must outlive a loss of power: the group that carries it is synced, and so is all before it. */
  putSynced(key: Buffer, value: Buffer): number {
    return this.commits.putRow(key, value, true);
  }

  /** Calls back once a group that is not over yet is in the log, or with the error by which it is not. */
  whenOver(seq: number, run: Done): void {
    this.commits.whenOver(seq, run);
  }

  /**
   * Calls back once everything put so far is in the log, or with the error by which the last of it is not: what an iterator
   * then finds includes it.
   */
  whenSettled(run: Done): void {
    this.commits.whenSettled(run);
  }

  /**
   * All records by which the cache is ahead of what `iterate` would find now; undefined while that is not known: a group is being
   * written, or one has failed. Known inside the callback of `whenSettled` unless it is given an error.
   */
  get aheadOfDisk(): readonly RecordEntry[] | undefined {
    return this.commits.busy || this.askedAgain > 0 || this.writeError !== null
      ? undefined
      : this.commits.gathering;
  }

  /** A snapshot of the engine's rows; see `whenSettled`. */
  iterate(range: Range): EngineIterator {
    return this.engine.iterate(range);
  }

  /** The record of a data row found by an iterator, filtered as a read would; CORRUPT when it is damaged. */
  decodeRow(row: DataKey, value: Buffer): KeyRecord | null | typeof CORRUPT {
    // The key has no checksum, but the hash that stands before it.
    const whole = fnv1a(row.key) === row.hash;
    const record = whole ? decodeRecord(row.hash, this.writers, value, 0, value.length) : CORRUPT;
    if (record !== CORRUPT) return this.options.admit(row.db, record);
    this.onCorrupt(row, value);
    return CORRUPT;
  }

  /** What the summaries say of this place may be wrong: they are to look at it again. */
  doubt({ db, slot, hash }: DataKey): void {
    this.observer.doubted(db, slot, hash);
  }

  /** What is left of a record when what was flushed is taken out. */
  admit(db: number, record: KeyRecord): KeyRecord | null {
    return this.options.admit(db, record);
  }

  /** A database was flushed: what is cached of it goes through `admit` again, and who counts begins anew. */
  readmit(db: number): void {
    this.observer.cleared(db);
    this.cache.forEach((entry) => {
      if (entry.record == null || entry.db !== db) return;
      const left = this.options.admit(db, entry.record);
      this.cache.replace(entry, left);
      // Newer than the mark: written while the flush was on its way. It is so new that it is cached.
      if (left !== null) this.observer.changed(db, entry.slot, entry.hash, null, left);
    });
  }

  /** Syncs the log if anything was written since the last sync ("everysec"). Calls back when it is safe. */
  sync(done: Done): void {
    this.commits.sync(done);
  }

  /** After a failed write: tries again, with nothing to lose. Clients may be silent, and what runs in the background waits for it. */
  probe(): void {
    this.commits.probe();
  }

  /** Something gathered: `flush` has to be called at the end of this turn. */
  plan(): void {
    if (this.flushPlanned) return;
    this.flushPlanned = true;
    this.options.plan();
  }

  /** The end of a turn: starts to read what was missed and to write what gathered, unless that is under way. */
  flush(): void {
    this.flushPlanned = false;
    if (this.sealed) return;
    if (!this.loading && this.misses.length > 0) this.startLoads();
    this.commits.flush();
    if (this.sealing !== null && this.idle && !this.loading) this.endSealing(this.sealing);
  }

  /**
   * Calls back when nothing is being read or written and nothing waits for it. From then on the disk stays as it is: what is still asked
   * for is never answered, what is still put goes with the process.
   */
  seal(done: () => void): void {
    this.sealing = done;
    this.plan();
  }

  private endSealing(done: () => void): void {
    this.sealing = null;
    this.sealed = true;
    done();
  }

  private startLoads(): void {
    const entries = this.misses.splice(0, MAX_LOADS_PER_BATCH);
    this.loading = true;
    this.counters.loads += entries.length;
    this.counters.loadBatches++;
    this.readAll(entries, () => {
      this.loading = false;
      if (this.misses.length > 0 || this.sealing !== null) this.plan();
    });
  }

  private readAll(entries: readonly RecordEntry[], done: () => void): void {
    const keys = entries.map((entry) => dataKey(entry.slot, entry.db, entry.hash, entry.key));
    this.engine.getMany(keys, (error, values) => {
      if (error !== null && isCorruption(error) && entries.length > 1) {
        // One of them is damaged: the others shall not suffer for it.
        const half = entries.length >> 1;
        return this.readAll(entries.slice(0, half), () => this.readAll(entries.slice(half), done));
      }
      for (let i = 0; i < entries.length; i++) this.endLoad(entries[i], error, error ? undefined : values[i]);
      done();
    });
  }

  private endLoad(entry: RecordEntry, error: Error | null, value: Buffer | undefined): void {
    const waiters = entry.waiters ?? [];
    entry.waiters = null;
    // A put may have come while the disk was read (an apply over a corrupt record): it is the newer truth.
    if (entry.record === undefined) {
      if (error === null) this.install(entry, value);
      else if (isCorruption(error)) this.corrupt(entry, null);
      else entry.loadError = error;
    }
    for (const waiter of waiters) waiter.loaded(entry);
    entry.loadError = null;
    this.unpin(entry);
  }

  private install(entry: RecordEntry, value: Buffer | undefined): void {
    const record =
      value === undefined ? null : decodeRecord(entry.hash, this.writers, value, 0, value.length);
    if (record === CORRUPT) return this.corrupt(entry, value!);
    entry.corrupt = false;
    this.cache.replace(entry, record === null ? null : this.options.admit(entry.db, record));
  }

  private corrupt(entry: RecordEntry, bytes: Buffer | null): void {
    this.counters.corrupt++;
    entry.corrupt = true;
    this.observer.doubted(entry.db, entry.slot, entry.hash);
    this.onCorrupt(entry, bytes);
  }

  private heal(entry: RecordEntry): void {
    entry.corrupt = false;
    // The row may have been misread only, and summed since then, as it is, beside what was now put.
    this.doubt(entry);
    this.onHealed(entry);
  }

  /** The group commit's word on a group that is over. */
  committed(seq: number, entries: readonly RecordEntry[], error: Error | null): void {
    for (const entry of entries) {
      // What could not be written must not be read as if it were: the disk is asked again.
      if (error && entry.dirtySeq === seq) this.forget(entry, seq);
      this.unpin(entry);
    }
    this.onCommitEnd(seq, error);
    if (this.sealing !== null) this.plan();
  }

  /** The disk is asked at once, so that whoever follows the records too believes what it says. */
  private forget(entry: RecordEntry, seq: number): void {
    const lost = entry.record ?? null;
    this.onUnwritten(entry);
    this.cache.forget(entry);
    this.askedAgain++;
    const loaded = (): void => {
      this.askedAgain--;
      const found = entry.dirtySeq === seq ? (entry.record ?? null) : null;
      this.observer.changed(entry.db, entry.slot, entry.hash, lost, found);
      this.onChanged?.(entry, lost, found);
      if (entry.loadError !== null) this.doubt(entry);
    };
    this.load(entry, { loaded });
  }
}

/** Bounds what one multi-get reads; the rest goes with the next. */
const MAX_LOADS_PER_BATCH = 512;
