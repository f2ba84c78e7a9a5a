import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineIterator, Range, StorageEngine } from './engine.js';
import { MemoryEngine } from './engine-memory.js';
import { RocksEngine } from './engine-rocksdb.js';

/** How an engine is had, stopped and found again. */
export interface EngineKind {
  make(): Promise<StorageEngine>;
  /** What is found after a clean stop. */
  reopen(engine: StorageEngine): Promise<StorageEngine>;
  /** What another process would find if this one died now. */
  afterDeath(engine: StorageEngine): Promise<StorageEngine>;
}

let root = '';
let folders = 0;
const opened: StorageEngine[] = [];

async function open<T extends StorageEngine>(engine: T): Promise<T> {
  await engine.open();
  opened.push(engine);
  return engine;
}

const rocksFolders = new Map<StorageEngine, string>();
async function openRocks(folder = join(root, String(folders++))): Promise<StorageEngine> {
  const engine = await open(new RocksEngine(folder));
  rocksFolders.set(engine, folder);
  return engine;
}

export const rocks: EngineKind = {
  make: () => openRocks(),
  async reopen(engine) {
    await engine.close();
    return openRocks(rocksFolders.get(engine));
  },
  async afterDeath(engine) {
    const copy = join(root, String(folders++));
    await cp(rocksFolders.get(engine)!, copy, { recursive: true });
    return openRocks(copy);
  },
};

export const memory: EngineKind = {
  make: () => open(new MemoryEngine(setImmediate)),
  async reopen(engine) {
    await engine.close();
    return open(new MemoryEngine(setImmediate, (engine as MemoryEngine).disk(0)));
  },
  afterDeath: (engine) =>
    open(new MemoryEngine(setImmediate, (engine as MemoryEngine).disk(Number.POSITIVE_INFINITY))),
};

/** Makes the folder for everything that is opened after it. */
export async function makeRoot(): Promise<void> {
  root = await mkdtemp(join(tmpdir(), 'ringkv-engine-'));
}

/** Closes every engine opened here and removes their folders. */
export async function removeRoot(): Promise<void> {
  for (const engine of opened) await engine.close();
  await rm(root, { recursive: true, force: true });
}

export const bytes = (text: string) => Buffer.from(text, 'latin1');
export const text = (value: Buffer | undefined) => value?.toString('latin1');

export type Op = readonly [key: string, value: string | null];

/** Writes one batch; null deletes. */
export function write(engine: StorageEngine, ops: readonly Op[], sync = false): Promise<void> {
  const batch = engine.batch();
  for (const [key, value] of ops) {
    if (value === null) batch.del(bytes(key));
    else batch.put(bytes(key), bytes(value));
  }
  if (batch.length !== ops.length) throw new Error(`a batch of ${ops.length} says ${batch.length}`);
  return new Promise((resolve, reject) => batch.write(sync, (error) => (error ? reject(error) : resolve())));
}

export function getMany(engine: StorageEngine, ...keys: string[]): Promise<(string | undefined)[]> {
  return new Promise((resolve, reject) => {
    engine.getMany(keys.map(bytes), (error, values) => (error ? reject(error) : resolve(values.map(text))));
  });
}

export function next(iterator: EngineIterator, max: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    iterator.next(max, (error, entries) => {
      if (error) reject(error);
      else resolve(entries.map(({ key, value }) => `${text(key)}=${text(value)}`));
    });
  });
}

export const close = (iterator: EngineIterator) => new Promise<void>((resolve) => iterator.close(resolve));

export async function all(
  engine: StorageEngine,
  from: string,
  to: string,
  more: Partial<Range> = {},
  max = 100,
): Promise<string[]> {
  const iterator = engine.iterate({ from: bytes(from), to: bytes(to), ...more });
  const entries: string[] = [];
  for (;;) {
    const some = await next(iterator, max);
    entries.push(...some);
    if (some.length < max) break;
  }
  await close(iterator);
  return entries;
}
