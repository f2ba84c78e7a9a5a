import type { Done } from './engine.js';

interface Waiting {
  readonly write: (done: Done) => void;
  readonly done: Done;
}

/**
 * Lets writes to a log through one by one, and after one that failed none until the log is mended: RocksDB goes on behind a
 * record it could write only in part, and finds nothing behind it when it next reads its log.
 */
export class WriteGate {
  private readonly waiting: Waiting[] = [];
  private busy = false;
  private broken: Error | null = null;
  private whenIdle: (() => void) | null = null;

  /** `mend` makes the log sound again, or says why it cannot be now. It is tried before each write until then. */
  constructor(private readonly mend: (done: Done) => void) {}

  pass(write: (done: Done) => void, done: Done): void {
    this.waiting.push({ write, done });
    this.next();
  }

  /** Resolves when no write is under way. */
  idle(): Promise<void> {
    if (!this.busy) return Promise.resolve();
    return new Promise((resolve) => (this.whenIdle = resolve));
  }

  private next(): void {
    if (this.busy) return;
    const one = this.waiting.shift();
    if (one === undefined) {
      this.whenIdle?.();
      return;
    }
    this.busy = true;
    if (this.broken === null) this.start(one);
    else this.mend((error) => (error === null ? this.start(one) : this.end(one, this.broken)));
  }

  private start(one: Waiting): void {
    this.broken = null;
    one.write((error) => this.end(one, error));
  }

  private end(one: Waiting, error: Error | null): void {
    this.broken = error;
    this.busy = false;
    one.done(error);
    this.next();
  }
}
