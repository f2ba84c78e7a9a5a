import { readdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Done, EngineIterator, EngineStats, Range, StorageEngine, WriteBatch } from './engine.js';
import { CLOSED, ClosedIterator, HeldIterator, RocksIterator } from './rocks-iterator.js';
import { loadRocksdb, type RocksBinding } from './rocksdb-binding.js';
import { WriteGate } from './write-gate.js';

export interface RocksOptions {
  /** RocksDB's cache of blocks, bytes. Ours of records stands in front of it. */
  readonly blockCacheBytes: number;
  /** A memtable, bytes. It bounds the log that has to be replayed after a crash, and so the time until the first reply. */
  readonly memtableBytes: number;
}

const DEFAULTS: RocksOptions = { blockCacheBytes: 32 << 20, memtableBytes: 32 << 20 };

/** What RocksDB says about itself. */
export interface EngineHealth {
  /** Flushes and merges of tables that have failed since it was opened. */
  readonly backgroundErrors: number;
  /** It takes no writes for the time being: too much is waiting to be merged. */
  readonly writesStopped: boolean;
  /** Free on its disk. */
  readonly roomBytes: number;
}

/** Bytes an iterator fetches ahead in one trip to the thread pool. */
const ITERATOR_BYTES = 64 * 1024;

/** RocksDB through npm `rocksdb`. See `engine.ts` for what it promises. */
export class RocksEngine implements StorageEngine {
  private rocks!: RocksBinding;
  private db: unknown;
  private isOpen = false;
  /** Calls under way and iterators not yet closed: the database is closed when there are none. */
  private inUse = 0;
  private whenUnused: (() => void) | null = null;
  /** Reads that wait for the database to be opened again; null when it is open. */
  private held: (() => void)[] | null = null;
  /** It was closed to be mended, and did not open again yet. */
  private down: Error | null = null;
  private mendAfterMs = 0;
  private readonly gate = new WriteGate((done) => this.mend(done));

  constructor(
    private readonly location: string,
    private readonly options: RocksOptions = DEFAULTS,
    /** Told of each read that has failed. */
    private readonly failed: (error: Error) => void = () => {},
  ) {}

  async open(): Promise<void> {
    this.rocks = loadRocksdb();
    this.db = this.rocks.db_init();
    await new Promise<void>((resolve, reject) => {
      this.openDatabase((error) => (error ? reject(error) : resolve()));
    });
    this.isOpen = true;
  }

  async close(): Promise<void> {
    if (!this.isOpen) return;
    this.isOpen = false;
    await this.gate.idle();
    if (this.inUse > 0) await new Promise<void>((resolve) => (this.whenUnused = resolve));
    if (this.down !== null) return;
    await new Promise<void>((resolve, reject) => {
      this.rocks.db_close(this.db, (error) => (error ? reject(error) : resolve()));
    });
  }

  batch(): WriteBatch {
    return new RocksBatch(this, this.rocks, this.isOpen ? this.rocks.batch_init(this.db) : null);
  }

  getMany(
    keys: readonly Buffer[],
    done: (error: Error | null, values: (Buffer | undefined)[]) => void,
  ): void {
    if (this.held !== null) return void this.held.push(() => this.getMany(keys, done));
    if (!this.enter((error) => done(error, []))) return;
    this.rocks.db_get_many(this.db, keys, GET_OPTIONS, (error, values) => {
      this.leave();
      if (error) this.failed(error);
      done(error, error ? [] : values.map((value) => value ?? undefined));
    });
  }

  iterate(range: Range): EngineIterator {
    if (this.held !== null) {
      return new HeldIterator(
        (run) => this.whenOpen(run),
        () => this.iterate(range),
      );
    }
    if (!this.enter(() => {})) return new ClosedIterator();
    const context = this.rocks.iterator_init(this.db, {
      gte: range.from,
      lt: range.to,
      reverse: range.reverse === true,
      keys: true,
      values: range.keysOnly !== true,
      keyAsBuffer: true,
      valueAsBuffer: true,
      fillCache: false,
      highWaterMark: range.aheadBytes ?? ITERATOR_BYTES,
    });
    return new RocksIterator(this.rocks, context, range.keysOnly === true, this.failed, () => this.leave());
  }

  stats(): EngineStats {
    const details: Record<string, string | number> = {};
    if (this.isOpen && this.held === null && this.down === null) {
      for (const name of PROPERTIES)
        details[name] = Number(this.rocks.db_get_property(this.db, `rocksdb.${name}`));
    }
    return { diskBytes: folderBytes(this.location), details };
  }

  health(): EngineHealth {
    if (!this.isOpen || this.held !== null || this.down !== null)
      return { backgroundErrors: 0, writesStopped: false, roomBytes: 0 };
    const property = (name: string): number => Number(this.rocks.db_get_property(this.db, `rocksdb.${name}`));
    return {
      backgroundErrors: property('background-errors'),
      writesStopped: property('is-write-stopped') === 1,
      roomBytes: roomBytes(this.location),
    };
  }

  /** Runs at once, or when the database is open again. */
  private whenOpen(run: () => void): void {
    if (this.held === null) run();
    else this.held.push(run);
  }

  write(batch: unknown, sync: boolean, done: Done): void {
    if (!this.isOpen) return void process.nextTick(done, new Error(CLOSED));
    const options = sync ? SYNC : NO_SYNC;
    this.gate.pass((written) => {
      this.rocks.batch_write(batch, options, (error) => written(error ?? null));
    }, done);
  }

  /** False, and `failed` is told, when the engine is closed: the binding would crash the process. */
  private enter(failed: Done): boolean {
    if (this.isOpen && this.down === null) {
      this.inUse++;
      return true;
    }
    process.nextTick(failed, this.down ?? new Error(CLOSED));
    return false;
  }

  private leave(): void {
    this.inUse--;
    if (this.inUse === 0 && this.whenUnused !== null) this.whenUnused();
  }

  private openDatabase(done: Done): void {
    const options = {
      createIfMissing: true,
      cacheSize: this.options.blockCacheBytes,
      writeBufferSize: this.options.memtableBytes,
      maxFileSize: 32 << 20,
      compression: true,
    };
    this.rocks.db_open(this.db, this.location, options, (error) => {
      done(error ? new Error(`the database in ${this.location} does not open: ${error.message}`) : null);
    });
  }

  /**
   * Opens the database anew, which reads the log up to where it broke and begins another. Reads wait meanwhile. Not
   * tried without the room it takes: while the disk is full, reads go on.
   */
  private mend(done: Done): void {
    const now = performance.now();
    if (!this.isOpen) return void process.nextTick(done, new Error(CLOSED));
    if (now < this.mendAfterMs || !hasRoomToOpen(this.location))
      return void process.nextTick(done, new Error('not now'));
    this.mendAfterMs = now + MEND_EVERY_MS;
    this.held = [];
    const opened = (error: Error | null): void => {
      this.down = error;
      const held = this.held ?? [];
      this.held = null;
      done(error);
      for (const run of held) run();
    };
    if (this.down !== null) return this.openDatabase(opened);
    const reopen = (): void => {
      this.whenUnused = null;
      this.rocks.db_close(this.db, (error) => (error ? opened(error) : this.openDatabase(opened)));
    };
    if (this.inUse === 0) reopen();
    else this.whenUnused = reopen;
  }
}

const MEND_EVERY_MS = 500;
/** For the new log, manifest and options, and what RocksDB rounds up. */
const ROOM_TO_OPEN_BYTES = 8 << 20;

/** Opening turns what is in the logs into tables before the logs are deleted. */
function hasRoomToOpen(folder: string): boolean {
  const room = roomBytes(folder);
  return room > ROOM_TO_OPEN_BYTES && room > folderBytes(folder, '.log') + ROOM_TO_OPEN_BYTES;
}

function roomBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return 0; // The disk itself is gone.
  }
}

const GET_OPTIONS = { asBuffer: true, fillCache: true };
const PROPERTIES = [
  'estimate-num-keys',
  'cur-size-all-mem-tables',
  'total-sst-files-size',
  'num-running-compactions',
];
const SYNC = { sync: true };
const NO_SYNC = { sync: false };

class RocksBatch implements WriteBatch {
  length = 0;

  constructor(
    private readonly engine: RocksEngine,
    private readonly rocks: RocksBinding,
    /** null: the engine was closed already. */
    private readonly context: unknown,
  ) {}

  put(key: Buffer, value: Buffer): void {
    this.length++;
    if (this.context !== null) this.rocks.batch_put(this.context, key, value);
  }

  del(key: Buffer): void {
    this.length++;
    if (this.context !== null) this.rocks.batch_del(this.context, key);
  }

  write(sync: boolean, done: Done): void {
    this.engine.write(this.context, sync, done);
  }
}

function folderBytes(folder: string, ending = ''): number {
  let bytes = 0;
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(ending)) continue;
    // Compaction deletes files while we look.
    bytes += statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}
