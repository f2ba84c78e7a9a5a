import { createRequire } from 'node:module';

/**
 * The part of npm `rocksdb`'s native binding that RingKV calls. Going below abstract-leveldown saves an object and a dozen
 * argument checks per row; what those checks guarded (no use after close) is guarded in `engine-rocksdb.ts`.
 */
export interface RocksBinding {
  db_init(): unknown;
  db_open(db: unknown, location: string, options: object, done: (error: Error | null) => void): void;
  db_close(db: unknown, done: (error: Error | null) => void): void;
  db_get_many(
    db: unknown,
    keys: readonly Buffer[],
    options: object,
    done: (error: Error | null, values: (Buffer | undefined | null)[]) => void,
  ): void;
  db_get_property(db: unknown, name: string): string;
  batch_init(db: unknown): unknown;
  batch_put(batch: unknown, key: Buffer, value: Buffer): void;
  batch_del(batch: unknown, key: Buffer): void;
  batch_write(batch: unknown, options: object, done: (error: Error | null) => void): void;
  iterator_init(db: unknown, options: object): unknown;
  iterator_next(
    iterator: unknown,
    done: (error: Error | null, reversedPairs: Buffer[] | null, finished: boolean) => void,
  ): void;
  iterator_end(iterator: unknown, done: (error: Error | null) => void): void;
}

/** Throws with the way out when this platform has no binary. */
export function loadRocksdb(): RocksBinding {
  try {
    return createRequire(import.meta.url)('rocksdb/binding') as RocksBinding;
  } catch (error) {
    throw new Error(
      `the package "rocksdb" has no binary for ${process.platform} ${process.arch}: install a C++ compiler and python3, ` +
        `then run "npm rebuild rocksdb --build-from-source" (${(error as Error).message})`,
    );
  }
}
