import type { Done, StorageEngine, WriteBatch } from './engine.js';
import { DataKeyScratch, expiryKey, tombstoneKey } from './key-layout.js';
import { isReapable, newestOf } from './reapable.js';
import { type KeyRecord, TOMBSTONE, type Version } from './record.js';
import type { RecordEntry } from './record-cache.js';
import { RecordScratch } from './record-scratch.js';
import { firstVersion, SingleRecord } from './single-record.js';
import type { WriterTable } from './writers.js';

export type SyncMode = 'always' | 'everysec' | 'no';

export interface GroupCommitOptions {
  readonly syncMode: () => SyncMode;
  /** Bytes of records that are handed over in one turn; the rest of their group follows in the next ones. */
  readonly turnBytes: () => number;
  /** Since when what can be reaped as of now could be, Unix ms: its place in the tombstone index. See `reaper.ts`. */
  readonly tombstoneSince: () => number;
}

/** Sees the course of each group. */
export interface CommitHost {
  /** `flush` has to be called at the end of this turn. */
  plan(): void;
  onCommitBegin(seq: number): void;
  onCommitRecord(entry: RecordEntry, bytes: Buffer, length: number): void;
  onCommitSent(seq: number): void;
  /** In the log, or failed; `committedSeq` is `seq` already, and nothing is being written. */
  committed(seq: number, entries: readonly RecordEntry[], error: Error | null): void;
}

/** A group whose records are handed over or being written. */
interface Group {
  readonly seq: number;
  readonly batch: WriteBatch;
  readonly entries: readonly RecordEntry[];
  /** How many of them have been handed over. */
  next: number;
  bytes: number;
  readonly rows: Row[];
  /** The log is synced with it, whatever `syncMode` says. */
  synced: boolean;
}

interface Row {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

/** What came encoded and is longer is not kept as it came: it would be in memory twice until it is written. */
const KEPT_ENCODED_BYTES = 16 * 1024;
const EMPTY = Buffer.alloc(0);
const SYNC_ROW = Buffer.from('msync', 'latin1');

/**
 * Group commit. Records and rows that are put gather in a group; at the end of a turn it is handed to the engine as one batch,
 * while the next group gathers. One batch is being written at a time: an idle disk adds no delay, a busy one amortises. Several
 * puts of one key in a group are one row.
 *
 * The records of a group are encoded when it is handed over, a bounded number of bytes in one turn: many large values must not
 * hold the event loop up. Meanwhile a record that is put again is handed over first as it was.
 */
export class GroupCommit {
  /** The group that gathers now. */
  currentSeq = 1;
  /** The group that carries rows put now: the one that gathers, or the one being handed over. */
  rowsSeq = 1;
  /** Every group up to this one is in the log. */
  committedSeq = 0;
  /** The last error of a failed write, until one succeeds. */
  writeError: Error | null = null;

  gathering: RecordEntry[] = [];
  private gatheringRows: Row[] = [];
  private gatheringBytes = 0;
  private gatheringSynced = false;
  /** Made early for what came encoded. */
  private gatheringBatch: WriteBatch | null = null;
  /** Being handed over. */
  private leaving: Group | null = null;
  private writing = false;
  private unsynced = false;
  /** Who waits for the last sync that was begun. */
  private syncing: Done[] | null = null;
  private readonly settledWaiters: { seq: number; run: Done }[] = [];
  private readonly scratch: RecordScratch;
  private readonly keys = new DataKeyScratch();
  private readonly newest = Buffer.alloc(8);

  constructor(
    private readonly engine: StorageEngine,
    writers: WriterTable,
    private readonly host: CommitHost,
    private readonly options: GroupCommitOptions,
    private readonly counters: { commits: number; committedRecords: number; failedCommits: number },
  ) {
    this.scratch = new RecordScratch(writers);
  }

  get idle(): boolean {
    return !this.busy && this.gathering.length === 0 && this.gatheringRows.length === 0;
  }

  /** A group is being handed over or written. */
  get busy(): boolean {
    return this.writing || this.leaving !== null;
  }

  /** Bytes put but not yet handed to the engine. */
  get pendingBytes(): number {
    return this.gatheringBytes + (this.leaving?.bytes ?? 0);
  }

  /** A record is about to take the place of the entry's. */
  beforePut(entry: RecordEntry): void {
    const { leaving } = this;
    if (leaving === null || entry.dirtySeq !== leaving.seq) return;
    this.rowsSeq = leaving.seq;
    this.handOver(leaving, entry);
    this.rowsSeq = this.currentSeq;
  }

  /** The entry's record was put; `encoded` is what it came as, if it came encoded. */
  add(entry: RecordEntry, encoded: Buffer | undefined): void {
    this.gatheringBytes += sizeOf(entry);
    const isFirst = entry.dirtySeq !== this.currentSeq;
    if (isFirst) {
      entry.dirtySeq = this.currentSeq;
      entry.pins++;
      this.gathering.push(entry);
    }
    entry.inBatch = isFirst && encoded !== undefined && encoded.length <= KEPT_ENCODED_BYTES;
    if (entry.inBatch) {
      this.gatheringBatch ??= this.engine.batch();
      this.putRecord(this.gatheringBatch, entry, entry.record!, encoded!);
    }
    this.host.plan();
  }

  /** See `RecordStore.putRow`. */
  putRow(key: Buffer, value: Buffer | null, synced = false): number {
    const isLeaving = this.leaving !== null && this.rowsSeq === this.leaving.seq;
    (isLeaving ? this.leaving!.rows : this.gatheringRows).push({ key, value });
    if (synced && isLeaving) this.leaving!.synced = true;
    else if (synced) this.gatheringSynced = true;
    this.host.plan();
    return this.rowsSeq;
  }

  /** See `RecordStore.whenOver`. */
  whenOver(seq: number, run: Done): void {
    this.settledWaiters.push({ seq, run });
  }

  /** See `RecordStore.whenSettled`. */
  whenSettled(run: Done): void {
    if (this.idle) return run(null);
    const gathers = this.gathering.length > 0 || this.gatheringRows.length > 0;
    this.whenOver(gathers ? this.currentSeq : this.currentSeq - 1, run);
  }

  /** The end of a turn: hands over what gathered, as much as may be handed over in a turn, unless a group is being written. */
  flush(): void {
    if (this.writing || this.idle) return;
    const group = this.leaving ?? this.begin();
    const { seq, entries } = group;
    this.rowsSeq = seq;
    let room = this.options.turnBytes();
    while (group.next < entries.length && room > 0) {
      const entry = entries[group.next++];
      // Otherwise it was put again, and handed over before that.
      if (entry.dirtySeq === seq) room -= this.handOver(group, entry);
    }
    if (group.next === entries.length) this.write(group);
    else this.host.plan();
    this.rowsSeq = this.currentSeq;
  }

  /** See `RecordStore.sync`. */
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

  /** See `RecordStore.probe`. */
  probe(): void {
    if (this.writeError !== null && this.idle) this.putRow(SYNC_ROW, EMPTY);
  }

  private begin(): Group {
    const group: Group = {
      seq: this.currentSeq++,
      batch: this.gatheringBatch ?? this.engine.batch(),
      entries: this.gathering,
      next: 0,
      bytes: this.gatheringBytes,
      rows: this.gatheringRows,
      synced: this.gatheringSynced,
    };
    this.leaving = group;
    this.gathering = [];
    this.gatheringRows = [];
    this.gatheringBytes = 0;
    this.gatheringSynced = false;
    this.gatheringBatch = null;
    this.host.onCommitBegin(group.seq);
    return group;
  }

  /** Returns how many bytes that was. */
  private handOver(group: Group, entry: RecordEntry): number {
    const { record } = entry;
    if (record == null) {
      group.batch.del(this.keyOf(entry));
      return 0;
    }
    group.bytes = Math.max(0, group.bytes - sizeOf(entry));
    if (entry.inBatch && entry.replicate === null) {
      this.host.onCommitRecord(entry, EMPTY, 0);
      return 0;
    }
    const length = this.scratch.encode(record, entry.hash);
    const { buffer } = this.scratch;
    this.putRecord(
      group.batch,
      entry,
      record,
      length === buffer.length ? buffer : buffer.subarray(0, length),
    );
    this.host.onCommitRecord(entry, buffer, length);
    return length;
  }

  private putRecord(batch: WriteBatch, entry: RecordEntry, record: KeyRecord, bytes: Buffer): void {
    const key = this.keyOf(entry);
    batch.put(key, bytes);
    if (record instanceof SingleRecord) this.putExpiry(batch, key, record);
    else for (const version of record.siblings) this.putExpiry(batch, key, version);
    if (isReapable(record)) {
      this.newest.writeDoubleBE(newestOf(record));
      batch.put(tombstoneKey(this.options.tombstoneSince(), key), this.newest);
    }
  }

  private putExpiry(batch: WriteBatch, key: Buffer, { expireAt, type }: Version): void {
    if (expireAt !== 0 && type !== TOMBSTONE) batch.put(expiryKey(expireAt, key), EMPTY);
  }

  private keyOf({ slot, db, hash, key }: RecordEntry): Buffer {
    return this.keys.write(slot, db, hash, key);
  }

  private write({ seq, batch, entries, rows, synced }: Group): void {
    this.host.onCommitSent(seq);
    this.leaving = null;
    this.writing = true;
    // Not before: rows about a record (a hint for it, say) are added while it is handed over, and go with it.
    for (const row of rows) {
      if (row.value === null) batch.del(row.key);
      else batch.put(row.key, row.value);
    }
    const sync = synced || this.options.syncMode() === 'always';
    batch.write(sync, (error) => {
      // Not before: a sync asked for while this group is being written may reach the log first.
      if (!sync) this.unsynced = true;
      this.end(seq, entries, error);
    });
  }

  private end(seq: number, entries: readonly RecordEntry[], error: Error | null): void {
    this.writing = false;
    this.writeError = error;
    this.counters.commits++;
    if (error) this.counters.failedCommits++;
    else this.counters.committedRecords += entries.length;
    this.committedSeq = seq;
    this.host.committed(seq, entries, error);
    this.wakeSettled(seq, error);
    if (!this.idle) this.host.plan();
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

function sizeOf({ key, record }: RecordEntry): number {
  return key.length + (firstVersion(record)?.payload.length ?? 0);
}
