import type { Done, Range, StorageEngine, WriteBatch } from '../../storage/engine.js';
import { type MemoryDisk, MemoryEngine } from '../../storage/engine-memory.js';
import type { ProcessClock } from './sim-clock.js';
import type { SimRandom } from './sim-random.js';

/** Changes what an engine does with a batch: how a test makes a node lie. */
export type BatchFilter = (batch: WriteBatch) => WriteBatch;

/** A simulated machine's disk: it outlives the processes that use it, without what their deaths lose. */
export class SimDisk {
  private left: MemoryDisk = { batches: [], synced: 0 };
  private engine: MemoryEngine | undefined;
  filter: BatchFilter = (batch) => batch;
  /** Writes fail; whether they reach the log all the same is chance. Reads go on. */
  full = false;

  /** How long one access takes, ms. */
  delay: () => number = () => usualDelay(this.random);

  constructor(private readonly random: SimRandom) {}

  /** A new process opens it. */
  open(clock: ProcessClock): StorageEngine {
    const inner = new MemoryEngine((run) => void clock.setTimer(this.delay(), run), this.left);
    void inner.open();
    this.engine = inner;
    return {
      open: () => inner.open(),
      close: () => inner.close(),
      batch: () => this.filter(this.failing(inner.batch(), clock)),
      getMany: (keys, done) => inner.getMany(keys, done),
      iterate: (range: Range) => inner.iterate(range),
      stats: () => inner.stats(),
    };
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

  /** The process is gone; of what nobody was told is safe, a part chosen by chance remains. */
  processDied(withMachine: boolean): void {
    const { engine, random } = this;
    if (engine === undefined) return;
    this.left = withMachine
      ? engine.disk(random.below(engine.unsynced + 1))
      : engine.diskAfterKill(random.below(engine.unconfirmed + 1));
    this.engine = undefined;
  }

  /** After a clean stop. */
  closed(): void {
    if (this.engine !== undefined) this.left = this.engine.disk(Number.POSITIVE_INFINITY);
    this.engine = undefined;
  }
}

function usualDelay(random: SimRandom): number {
  const luck = random.next();
  if (luck < 0.95) return random.between(0.05, 1);
  return luck < 0.998 ? random.between(1, 20) : random.between(20, 500);
}
