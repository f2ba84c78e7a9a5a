import { type Done, type EngineIterator, isCorruption, type Range, type StorageEngine } from './engine.js';
import { type DataKey, dataKey, expiryKey, tombstoneKey } from './key-layout.js';
import { CORRUPT, decodeRecord, isTombstone, type KeyRecord, UNKNOWN } from './record.js';
import { RecordCache, type RecordEntry } from './record-cache.js';
import type { RecordObserver } from './record-observer.js';
import { RecordScratch } from './record-scratch.js';
import { fnv1a, type WriterTable } from './writers.js';

/** Told when a record it asked for has come from the disk (or could not). */
export interface LoadWaiter {
  loaded(entry: RecordEntry): void;
}

export type SyncMode = 'always' | 'everysec' | 'no';

export interface RecordStoreOptions {
  /** Bound of the record cache, in bytes. Entries in use may go over it for as long as they are. */
  readonly cacheBytes: () => number;
  readonly syncMode: () => SyncMode;
  /** Something gathered: `flush` has to be called at the end of this turn. */
  readonly plan: () => void;
  /** Records with these facts are filtered when they are read: see `flush-marks.ts`. */
  readonly admit: (db: number, record: KeyRecord) => KeyRecord | null;
  /** Since when what becomes a tombstone now is one, Unix ms: its place in the tombstone index. See `reaper.ts`. */
  readonly tombstoneSince: () => number;
}

export interface StoreCounters {
  loads: number;
  loadBatches: number;
  commits: number;
  committedRecords: number;
  corrupt: number;
  failedCommits: number;
}

/** Sees each record of a group commit with its encoded bytes, valid only during the call. */
export type CommitVisitor = (entry: RecordEntry, bytes: Buffer, length: number) => void;

/**
 * The records of this node: a bounded cache of decoded records over an engine, with group commit.
 *
 * A `put` is seen at once by everything that reads the cache, and is on the way to disk from the end of the turn; a group of
 * puts has a sequence number, and `committedSeq` says which groups are in the engine's log. While one group is being
 * written the next gathers: an idle store adds no delay, a busy one amortises. Several puts of one key in a group
 * cost one row. Misses gather the same way into one multi-get.
 */
export class RecordStore {
  readonly counters: StoreCounters = {
    loads: 0,
    loadBatches: 0,
    commits: 0,
    committedRecords: 0,
    corrupt: 0,
    failedCommits: 0,
  };
  /** The group that gathers now. */
  currentSeq = 1;
  /** The group that carries rows put now: the one that gathers, or the one being handed over. */
  rowsSeq = 1;
  /** Every group up to this one is in the log. */
  committedSeq = 0;
  /** The last error of a failed write, until one succeeds: the node refuses writes meanwhile. */
  writeError: Error | null = null;
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
  /** Something is put over a damaged record. */
  onHealed: (entry: RecordEntry) => void = () => {};

  private readonly cache: RecordCache;
  private gathering: RecordEntry[] = [];
  private writing = false;
  private unsynced = false;
  /** Who waits for the last sync that was begun. */
  private syncing: Done[] | null = null;
  private misses: RecordEntry[] = [];
  private loading = false;
  private flushPlanned = false;
  private readonly scratch: RecordScratch;
  private readonly newest = Buffer.alloc(8);
  private extraRows: { key: Buffer; value: Buffer | null }[] = [];
  private pendingBytes = 0;
  private readonly settledWaiters: { seq: number; run: Done }[] = [];
  /** Records that could not be written, until the disk has said what there is in their place. */
  private askedAgain = 0;

  constructor(
    private readonly engine: StorageEngine,
    readonly writers: WriterTable,
    private readonly observer: RecordObserver,
    private readonly options: RecordStoreOptions,
  ) {
    this.cache = new RecordCache(options.cacheBytes);
    this.scratch = new RecordScratch(writers);
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
    return this.pendingBytes;
  }

  get idle(): boolean {
    return !this.writing && this.gathering.length === 0 && this.extraRows.length === 0;
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

  /** Replaces the record of a pinned, loaded entry. Committed with the group that gathers now. */
  put(entry: RecordEntry, record: KeyRecord | null): void {
    const before = entry.corrupt ? UNKNOWN : (entry.record ?? null);
    this.observer.changed(entry.db, entry.slot, entry.hash, before, record);
    this.pendingBytes += entry.key.length + (record?.siblings[0]?.payload.length ?? 0);
    this.cache.replace(entry, record);
    if (entry.corrupt) this.heal(entry);
    if (entry.dirtySeq !== this.currentSeq) {
      entry.dirtySeq = this.currentSeq;
      entry.pins++;
      this.gathering.push(entry);
    }
    this.plan();
  }

  /**
   * Adds a row of this node's own (meta facts, index rows) to the group that gathers now, or to the one whose records are just being
   * handed over; null deletes. Returns that group's number.
   */
  putRow(key: Buffer, value: Buffer | null): number {
    this.extraRows.push({ key, value });
    this.plan();
    return this.rowsSeq;
  }

  /** Calls back once a group that is not over yet is in the log, or with the error by which it is not. */
  whenOver(seq: number, run: Done): void {
    this.settledWaiters.push({ seq, run });
  }

  /**
   * Calls back once everything put so far is in the log, or with the error by which the last of it is not: what an iterator
   * then finds includes it.
   */
  whenSettled(run: Done): void {
    if (this.idle) run(null);
    else this.whenOver(this.lastSeq, run);
  }

  /**
   * All records by which the cache is ahead of what `iterate` would find now; undefined while that is not known: a group is being
   * written, or one has failed. Known inside the callback of `whenSettled` unless it is given an error.
   */
  get aheadOfDisk(): readonly RecordEntry[] | undefined {
    return this.writing || this.askedAgain > 0 || this.writeError !== null ? undefined : this.gathering;
  }

  /** The last group that anything is in. */
  private get lastSeq(): number {
    if (this.gathering.length > 0) return this.currentSeq;
    return this.extraRows.length > 0 ? this.rowsSeq : this.currentSeq - 1;
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
    if (!this.unsynced) {
      // What another sync has begun to make safe is not safe before that has ended.
      if (this.syncing === null) done(null);
      else this.syncing.push(done);
      return;
    }
    this.unsynced = false;
    const waiting = [done];
    this.syncing = waiting;
    const batch = this.engine.batch();
    // The log is synced up to a synced batch, so a tiny one makes everything before it safe.
    batch.put(SYNC_ROW, EMPTY);
    batch.write(true, (error) => {
      if (error) this.unsynced = true;
      if (this.syncing === waiting) this.syncing = null;
      for (const run of waiting) run(error);
    });
  }

  /** After a failed write: tries again, with nothing to lose. Clients may be silent, and what runs in the background waits for it. */
  probe(): void {
    if (this.writeError !== null && this.idle) this.putRow(SYNC_ROW, EMPTY);
  }

  private plan(): void {
    if (this.flushPlanned) return;
    this.flushPlanned = true;
    this.options.plan();
  }

  /** The end of a turn: starts to read what was missed and to write what gathered, unless that is under way. */
  flush(): void {
    this.flushPlanned = false;
    if (!this.loading && this.misses.length > 0) this.startLoads();
    if (!this.writing && (this.gathering.length > 0 || this.extraRows.length > 0)) this.startCommit();
  }

  private startLoads(): void {
    const entries = this.misses.splice(0, MAX_LOADS_PER_BATCH);
    this.loading = true;
    this.counters.loads += entries.length;
    this.counters.loadBatches++;
    this.readAll(entries, () => {
      this.loading = false;
      if (this.misses.length > 0) this.plan();
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

  private startCommit(): void {
    const seq = this.currentSeq++;
    const entries = this.gathering;
    this.gathering = [];
    this.pendingBytes = 0;
    this.writing = true;
    this.onCommitBegin(seq);
    const batch = this.engine.batch();
    for (const entry of entries) this.addToBatch(batch, entry);
    this.onCommitSent(seq);
    // Not before: rows about a record (a hint for it, say) are added while it is encoded, and go with it.
    const rows = this.extraRows;
    this.extraRows = [];
    this.rowsSeq = this.currentSeq;
    for (const row of rows) {
      if (row.value === null) batch.del(row.key);
      else batch.put(row.key, row.value);
    }
    const sync = this.options.syncMode() === 'always';
    batch.write(sync, (error) => {
      // Not before: a sync asked for while this group is being written may reach the log first.
      if (!sync) this.unsynced = true;
      this.endCommit(seq, entries, error);
    });
  }

  private addToBatch(batch: ReturnType<StorageEngine['batch']>, entry: RecordEntry): void {
    const key = dataKey(entry.slot, entry.db, entry.hash, entry.key);
    const record = entry.record;
    if (record == null) {
      batch.del(key);
      return;
    }
    const length = this.scratch.encode(record, entry.hash);
    const { buffer } = this.scratch;
    batch.put(key, buffer.subarray(0, length));
    for (const { expireAt } of record.siblings)
      if (expireAt !== 0) batch.put(expiryKey(expireAt, key), EMPTY);
    if (isTombstone(record)) {
      this.newest.writeDoubleBE(record.siblings[0].hlc);
      batch.put(tombstoneKey(this.options.tombstoneSince(), key), this.newest);
    }
    this.onCommitRecord(entry, buffer, length);
  }

  private endCommit(seq: number, entries: RecordEntry[], error: Error | null): void {
    this.writing = false;
    this.writeError = error;
    this.counters.commits++;
    if (error) this.counters.failedCommits++;
    else this.counters.committedRecords += entries.length;
    this.committedSeq = seq;
    for (const entry of entries) {
      // What could not be written must not be read as if it were: the disk is asked again.
      if (error && entry.dirtySeq === seq) this.forget(entry, seq);
      this.unpin(entry);
    }
    this.onCommitEnd(seq, error);
    this.wakeSettled(seq, error);
    if (this.gathering.length > 0 || this.extraRows.length > 0) this.plan();
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
      if (entry.loadError !== null) this.doubt(entry);
    };
    this.load(entry, { loaded });
  }

  private wakeSettled(seq: number, error: Error | null): void {
    if (this.settledWaiters.length === 0) return;
    const waiting = this.settledWaiters.splice(0);
    for (const waiter of waiting) {
      if (waiter.seq <= seq) waiter.run(error);
      else this.settledWaiters.push(waiter);
    }
  }
}

const EMPTY = Buffer.alloc(0);
const SYNC_ROW = Buffer.from('msync', 'latin1');
/** Bounds what one multi-get reads; the rest goes with the next. */
const MAX_LOADS_PER_BATCH = 512;
