import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RocksEngine } from '../../storage/engine-rocksdb.js';
import { type DataKey, dataKeyFrom, metaKey, parseDataKey, SLOTS } from '../../storage/key-layout.js';

/** The folder in which a stopped node has its database. */
export function databaseOf(dir: string): string {
  return join(dir, 'db');
}

/** Flips a bit in the stored records of a stopped node that `choose` picks. Returns their keys. */
export async function damageRecords(dir: string, choose: (row: DataKey) => boolean): Promise<string[]> {
  const engine = new RocksEngine(databaseOf(dir));
  await engine.open();
  const batch = engine.batch();
  const keys: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const iterator = engine.iterate({ from: dataKeyFrom(0), to: dataKeyFrom(SLOTS) });
    iterator.next(1_000_000, (error, rows) => {
      for (const { key, value } of rows) {
        const row = parseDataKey(key);
        if (!choose(row)) continue;
        const damaged = Buffer.from(value);
        damaged[damaged.length - 1] ^= 1;
        batch.put(key, damaged);
        keys.push(row.key);
      }
      iterator.close(() => (error === null ? resolve() : reject(error)));
    });
  });
  await new Promise<void>((resolve, reject) => {
    batch.write(true, (error) => (error === null ? resolve() : reject(error)));
  });
  await engine.close();
  return keys;
}

/** Flips a bit in a row that a stopped node keeps about itself. */
export async function damageOwnRow(dir: string, name: string): Promise<void> {
  const engine = new RocksEngine(databaseOf(dir));
  await engine.open();
  const key = metaKey(name);
  await new Promise<void>((resolve, reject) => {
    engine.getMany([key], (error, [row]) => {
      if (error !== null || row === undefined) return reject(error ?? new Error(`there is no row ${name}`));
      const damaged = Buffer.from(row);
      damaged[damaged.length - 1] ^= 1;
      const batch = engine.batch();
      batch.put(key, damaged);
      batch.write(true, (failure) => (failure === null ? resolve() : reject(failure)));
    });
  });
  await engine.close();
}

/** Puts everything a stopped node has in its log into tables. */
export async function emptyLog(dir: string): Promise<void> {
  for (let i = 0; i < 2; i++) {
    const engine = new RocksEngine(databaseOf(dir));
    await engine.open();
    await engine.close();
  }
}

/** Changes the files of a stopped node's database whose names match. Returns how many there were. */
export function damageFiles(dir: string, names: RegExp, change: (bytes: Buffer) => void): number {
  const found = readdirSync(databaseOf(dir)).filter((name) => names.test(name));
  for (const name of found) {
    const path = join(databaseOf(dir), name);
    const bytes = readFileSync(path);
    change(bytes);
    writeFileSync(path, bytes);
  }
  return found.length;
}
