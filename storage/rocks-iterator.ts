import type { EngineIterator, Entry } from './engine.js';
import type { RocksBinding } from './rocksdb-binding.js';

export const CLOSED = 'the database is closed';

const EMPTY = Buffer.alloc(0);

/** Walks a snapshot of RocksDB. */
export class RocksIterator implements EngineIterator {
  private ready: Entry[] = [];
  private at = 0;
  private finished = false;
  private closed = false;

  constructor(
    private readonly rocks: RocksBinding,
    private readonly context: unknown,
    private readonly keysOnly: boolean,
    private readonly failed: (error: Error) => void,
    private readonly leave: () => void,
  ) {}

  next(max: number, done: (error: Error | null, entries: Entry[]) => void): void {
    if (this.ready.length - this.at >= max || this.finished) {
      const entries = this.ready.slice(this.at, this.at + max);
      this.at += entries.length;
      process.nextTick(done, null, entries);
      return;
    }
    this.rocks.iterator_next(this.context, (error, pairs, finished) => {
      if (error) {
        this.failed(error);
        return done(error, []);
      }
      this.ready = this.ready.slice(this.at);
      this.at = 0;
      this.finished = finished;
      // The binding gives pairs back to front, to be popped.
      for (let i = (pairs?.length ?? 0) - 1; i > 0; i -= 2) {
        this.ready.push({ key: pairs![i], value: this.keysOnly ? EMPTY : pairs![i - 1] });
      }
      this.next(max, done);
    });
  }

  close(done: () => void): void {
    if (this.closed) return;
    this.closed = true;
    this.rocks.iterator_end(this.context, () => {
      this.leave();
      done();
    });
  }
}

/** An iterator asked for while the database is being opened again. */
export class HeldIterator implements EngineIterator {
  private real: EngineIterator | undefined;

  constructor(
    private readonly whenOpen: (run: () => void) => void,
    private readonly make: () => EngineIterator,
  ) {}

  next(max: number, done: (error: Error | null, entries: Entry[]) => void): void {
    this.whenOpen(() => {
      this.real ??= this.make();
      this.real.next(max, done);
    });
  }

  close(done: () => void): void {
    if (this.real === undefined) process.nextTick(done);
    else this.real.close(done);
  }
}

/** What a closed database walks. */
export class ClosedIterator implements EngineIterator {
  next(_max: number, done: (error: Error | null, entries: Entry[]) => void): void {
    process.nextTick(done, new Error(CLOSED), []);
  }

  close(done: () => void): void {
    process.nextTick(done);
  }
}
