import type { Done, EngineIterator, Range, StorageEngine, WriteBatch } from '../../storage/engine.js';
import { type MemoryDisk, MemoryEngine } from '../../storage/engine-memory.js';
import type { ProcessClock } from './sim-clock.js';
import type { SimRandom } from './sim-random.js';

/** Changes what an engine does with a batch: how a test makes a node lie. */
export type BatchFilter = (batch: WriteBatch) => WriteBatch;

const EMPTY: MemoryDisk = { batches: [], synced: 0 };
/** First byte of the rows that carry checksums and may be damaged. */
const DATA = 0x64;

/** A simulated machine's disk: it outlives the processes that use it, without what their deaths lose. */
export class SimDisk {
  private left = EMPTY;
  private engine: MemoryEngine | undefined;
  /** Values that read otherwise than they were written, until they are written anew. */
  private readonly damaged = new Map<Buffer, Buffer>();
  filter: BatchFilter = (batch) => batch;
  /** Writes fail; whether they reach the log all the same is chance. Reads go on. */
  full = false;
  /** The chance that a value comes damaged from a disk that holds it sound. */
  misreads = 0;
  /** Every access takes up to so much longer, ms. */
  slowMs = 0;

  /** How long one access takes, ms. */
  delay: () => number = () => usualDelay(this.random);

  constructor(private readonly random: SimRandom) {}

  /** A new process opens it. */
  open(clock: ProcessClock): StorageEngine {
    const inner = new MemoryEngine((run) => void clock.setTimer(this.wait(), run), this.left);
    void inner.open();
    this.engine = inner;
    return {
      open: () => inner.open(),
      close: () => inner.close(),
      batch: () => this.filter(this.failing(inner.batch(), clock)),
      getMany: (keys, done) =>
        inner.getMany(keys, (error, values) =>
          done(
            error,
            values.map((value, i) => value && this.shown(keys[i], value)),
          ),
        ),
      iterate: (range: Range) => this.showing(inner.iterate(range)),
      stats: () => inner.stats(),
    };
  }

  /** The rows of records, as a process that reads them would find them. */
  dataRows(): { readonly key: Buffer; readonly value: Buffer }[] {
    return rowsOf(this.present)
      .filter(({ key }) => isData(key))
      .map(({ key, value }) => ({ key, value: this.damaged.get(value) ?? value }));
  }

  /** The keys of all rows that begin with this byte, also of a machine that is off. */
  rowsOfKind(kind: number): Buffer[] {
    return rowsOf(this.present).flatMap(({ key }) => (key[0] === kind ? [key] : []));
  }

  private get present(): MemoryDisk {
    return this.engine?.disk(Number.POSITIVE_INFINITY) ?? this.left;
  }

  /** Some of the values on it are damaged from now on. */
  rot(share: number): void {
    const { engine, random } = this;
    if (engine === undefined) return;
    for (const { key, value } of rowsOf(engine.disk(Number.POSITIVE_INFINITY)))
      if (isData(key) && random.chance(share)) this.damaged.set(value, flipped(value, random));
  }

  /** The process is gone; of what nobody was told is safe, a part chosen by chance remains. */
  processDied(withMachine: boolean): void {
    const { engine, random } = this;
    if (engine === undefined) return;
    this.left = folded(
      withMachine
        ? engine.disk(random.below(engine.unsynced + 1))
        : engine.diskAfterKill(random.below(engine.unconfirmed + 1)),
    );
    this.engine = undefined;
  }

  /** After a clean stop. */
  closed(): void {
    if (this.engine !== undefined) this.left = folded(this.engine.disk(Number.POSITIVE_INFINITY));
    this.engine = undefined;
  }

  /** What is on it now, as a snapshot of the file system would have it. */
  copy(): MemoryDisk {
    return this.engine === undefined ? this.left : folded(this.present);
  }

  /** The process is down, and something else is put in the place of what it has left. */
  replace(copy: MemoryDisk = EMPTY): void {
    this.left = copy;
  }

  private wait(): number {
    return this.slowMs === 0 ? this.delay() : this.delay() + this.random.between(0, this.slowMs);
  }

  private failing(batch: WriteBatch, clock: ProcessClock): WriteBatch {
    const write = (sync: boolean, done: Done): void => {
      if (!this.full) return batch.write(sync, done);
      const failed = (): void => done(new Error('no space left'));
      if (this.random.chance(0.5)) batch.write(sync, failed);
      else clock.setTimer(this.delay(), failed);
    };
    return {
      put: (key, value) => batch.put(key, value),
      del: (key) => batch.del(key),
      get length() {
        return batch.length;
      },
      write,
    };
  }

  private shown(key: Buffer, value: Buffer): Buffer {
    if (this.misreads > 0 && isData(key) && this.random.chance(this.misreads))
      return flipped(value, this.random);
    return this.damaged.size === 0 ? value : (this.damaged.get(value) ?? value);
  }

  private showing(iterator: EngineIterator): EngineIterator {
    return {
      next: (max, done) =>
        iterator.next(max, (error, entries) =>
          done(
            error,
            entries.map(({ key, value }) => ({ key, value: this.shown(key, value) })),
          ),
        ),
      close: (done) => iterator.close(done),
    };
  }
}

function usualDelay(random: SimRandom): number {
  const luck = random.next();
  if (luck < 0.95) return random.between(0.05, 1);
  return luck < 0.998 ? random.between(1, 20) : random.between(20, 500);
}

/** One batch that leaves the same rows: what a disk remembers need not grow with its history. */
function folded(disk: MemoryDisk): MemoryDisk {
  const rows = new Map<string, Buffer>();
  for (const batch of disk.batches)
    for (const [key, value] of batch) {
      if (value === null) rows.delete(key);
      else rows.set(key, value);
    }
  return { batches: [[...rows]], synced: 1 };
}

function rowsOf(disk: MemoryDisk): { key: Buffer; value: Buffer }[] {
  const [rows] = folded(disk).batches;
  return rows.map(([key, value]) => ({ key: Buffer.from(key, 'latin1'), value: value! }));
}

function isData(key: Buffer): boolean {
  return key[0] === DATA;
}

/** With one bit the other way. */
function flipped(value: Buffer, random: SimRandom): Buffer {
  const bytes = Buffer.from(value);
  if (bytes.length > 0) bytes[random.below(bytes.length)] ^= 1 << random.below(8);
  return bytes;
}
