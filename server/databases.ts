import type { Keyspace, ScanItem } from './keyspace.js';

type Failure = string | null;

/** Where the mapping is kept on disk. */
export interface DatabasesStore {
  save(mapping: readonly number[], done: (error: Failure) => void): void;
  /** Only a node alone can swap: several could not do it in one moment. */
  maySwap(): boolean;
}

/**
 * Which of the stored databases a client's number means: SWAPDB exchanges two numbers, not their data
 * (https://redis.io/docs/latest/commands/swapdb/).
 */
export class Databases implements Keyspace {
  /** By the client's number. Never changed in place: a command keeps the mapping it began with. */
  physical: readonly number[];

  constructor(
    count: number,
    saved: readonly number[] | undefined,
    private readonly stored: Omit<Keyspace, 'swap'>,
    private readonly store: DatabasesStore,
  ) {
    this.physical = Array.from({ length: count }, (_, db) => saved?.[db] ?? db);
  }

  scan(
    db: number,
    cursor: number,
    count: number,
    done: (error: Failure, next: number, items: ScanItem[]) => void,
  ): void {
    this.stored.scan(this.physical[db], cursor, count, done);
  }

  size(db: number, done: (error: Failure, keys: number) => void): void {
    this.stored.size(this.physical[db], done);
  }

  slotSize(db: number, slot: number, done: (error: Failure, keys: number) => void): void {
    this.stored.slotSize(this.physical[db], slot, done);
  }

  slotKeys(
    db: number,
    slot: number,
    count: number,
    done: (error: Failure, keys: readonly string[]) => void,
  ): void {
    this.stored.slotKeys(this.physical[db], slot, count, done);
  }

  randomKey(db: number, done: (error: Failure, key: string | undefined) => void): void {
    this.stored.randomKey(this.physical[db], done);
  }

  flush(db: number | undefined, done: (error: Failure) => void): void {
    this.stored.flush(db === undefined ? undefined : this.physical[db], done);
  }

  swap(a: number, b: number, done: (error: Failure) => void): void {
    if (!this.store.maySwap()) return done('ERR SWAPDB is not allowed in cluster mode');
    const swapped = [...this.physical];
    swapped[a] = this.physical[b];
    swapped[b] = this.physical[a];
    this.physical = swapped;
    this.store.save(swapped, done);
  }
}
