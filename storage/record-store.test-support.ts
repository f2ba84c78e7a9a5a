import type { StorageEngine, WriteBatch } from './engine.js';
import { type MemoryDisk, MemoryEngine } from './engine-memory.js';
import type { SyncMode } from './group-commit.js';
import { dataKey } from './key-layout.js';
import { LiveCounts } from './live-counts.js';
import { type KeyRecord, STRING, TOMBSTONE } from './record.js';
import type { RecordEntry } from './record-cache.js';
import { RecordStore, type RecordStoreOptions } from './record-store.js';
import { SlotTrees } from './slot-trees.js';
import { Summaries } from './summaries.js';
import { fnv1a, WriterTable, writerId } from './writers.js';

/** A record store on the memory engine whose turns and disk move only when the test says so. */
export class StoreBench {
  readonly writers = new WriterTable();
  readonly writer = this.writers.index(writerId('a'.repeat(32), 0));
  readonly counts: LiveCounts;
  readonly trees: SlotTrees;
  readonly summaries: Summaries;
  readonly engine: StorageEngine;
  readonly store: RecordStore;
  /** Every batch handed to the engine. */
  readonly batches: { rows: number; sync: boolean }[] = [];
  /** Keys of every multi-get. */
  readonly reads: number[] = [];
  cacheBytes = 1 << 20;
  /** Unix ms, for the tombstone index. */
  now = 1;
  syncMode: SyncMode = 'everysec';
  turnBytes = 1 << 20;
  /** While set, nothing can be written (or read). */
  writeFailure: Error | null = null;
  readFailure: Error | ((keys: readonly Buffer[]) => Error | null) | null = null;
  private readonly memory: MemoryEngine;
  private readonly turnEnd: (() => void)[] = [];
  private readonly disk: (() => void)[] = [];

  constructor(
    admit: RecordStoreOptions['admit'] = (_db, record) => record,
    found?: MemoryDisk,
    /** Records of slots beyond these are not in the summaries. */
    slots = 4,
  ) {
    this.counts = new LiveCounts(slots, this.writers);
    this.trees = new SlotTrees(slots, {
      a: (record) => fnv1a(JSON.stringify(record.siblings.map(({ hlc }) => hlc))),
      b: (record) => fnv1a(JSON.stringify(record.siblings.map(({ type }) => type))),
    });
    this.summaries = new Summaries(this.counts, this.trees);
    const engine = new MemoryEngine((run) => this.disk.push(run), found);
    this.memory = engine;
    void engine.open();
    this.engine = this.watched(engine);
    this.store = new RecordStore(this.engine, this.writers, this.summaries, {
      cacheBytes: () => this.cacheBytes,
      syncMode: () => this.syncMode,
      turnBytes: () => this.turnBytes,
      plan: () => this.turnEnd.push(() => this.store.flush()),
      admit,
      tombstoneSince: () => this.now,
    });
  }

  /** The turn of the event loop ends: gathered work is handed to the engine. */
  endTurn(): void {
    for (const run of this.turnEnd.splice(0)) run();
  }

  /** The engine answers what it was asked so far. */
  answer(): void {
    for (const run of this.disk.splice(0)) run();
  }

  /** Turns and answers until nothing is left to do. */
  settle(): void {
    while (this.turnEnd.length + this.disk.length > 0) {
      this.endTurn();
      this.answer();
    }
  }

  /** What is left when the power goes now: everything synced, and nothing else. */
  diskAfterPowerLoss(): MemoryDisk {
    return this.memory.disk(0);
  }

  record(payload: string | null, hlc = 1, expireAt = 0): KeyRecord {
    const type = payload === null ? TOMBSTONE : STRING;
    const version = { writer: this.writer, hlc, type, expireAt, payload: payload ?? '' } as const;
    return { context: [this.writer, hlc], siblings: [version] };
  }

  /** The key's entry, pinned and loaded. */
  pinLoaded(key: string): RecordEntry {
    const entry = this.store.pin(0, 0, key);
    if (entry.record === undefined) {
      this.store.load(entry, { loaded: () => {} });
      this.settle();
    }
    return entry;
  }

  put(key: string, payload: string | null, hlc = 1, expireAt = 0): RecordEntry {
    const entry = this.pinLoaded(key);
    this.store.put(entry, this.record(payload, hlc, expireAt));
    this.store.unpin(entry);
    return entry;
  }

  /** Puts a record for a key that is cached, and lets nothing move. */
  putNow(key: string, payload: string | null, hlc = 1): void {
    const entry = this.store.pin(0, 0, key);
    this.store.put(entry, this.record(payload, hlc));
    this.store.unpin(entry);
  }

  /** Turns the record that is on the disk into rubbish (or into something else), unseen by the cache. */
  damage(key: string, bytes: Buffer = Buffer.from('rubbish')): void {
    const batch = this.engine.batch();
    batch.put(dataKey(0, 0, fnv1a(key), key), bytes);
    batch.write(true, () => {});
    this.settle();
  }

  /** The payload a reader of the cache finds now; undefined when the key is not cached. */
  seen(key: string): string | null | undefined {
    const entry = this.store.peek(0, key);
    return entry === undefined ? undefined : (entry.record?.siblings[0]?.payload ?? null);
  }

  /** The payload after the disk was asked, if need be. */
  read(key: string): string | null | undefined {
    this.store.unpin(this.pinLoaded(key));
    return this.seen(key);
  }

  private watched(engine: MemoryEngine): StorageEngine {
    const later = (run: () => void) => this.disk.push(run);
    return {
      open: () => engine.open(),
      close: () => engine.close(),
      iterate: (range) => engine.iterate(range),
      stats: () => engine.stats(),
      batch: (): WriteBatch => {
        const batch = engine.batch();
        return {
          put: batch.put,
          del: batch.del,
          get length() {
            return batch.length;
          },
          write: (sync, done) => {
            this.batches.push({ rows: batch.length, sync });
            const failure = this.writeFailure;
            if (failure) later(() => done(failure));
            else batch.write(sync, done);
          },
        };
      },
      getMany: (keys, done) => {
        this.reads.push(keys.length);
        const { readFailure } = this;
        const failure = typeof readFailure === 'function' ? readFailure(keys) : readFailure;
        if (failure) later(() => done(failure, []));
        else engine.getMany(keys, done);
      },
    };
  }
}
