import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { bytes, close, next, write } from './engine.test-support.js';
import { RocksEngine } from './engine-rocksdb.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringkv-rocks-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('does not open a folder twice, and names it', async () => {
  const engine = new RocksEngine(join(folder, 'db'));
  await engine.open();
  await expect(new RocksEngine(join(folder, 'db')).open()).rejects.toThrow(
    `the database in ${join(folder, 'db')} does not open: `,
  );
  await engine.close();
});

it('does not open a damaged database, and names its folder', async () => {
  const engine = new RocksEngine(folder);
  await engine.open();
  await write(engine, [['a', '1']]);
  await engine.close();
  const current = (await readdir(folder)).find((name) => name === 'CURRENT');
  await writeFile(join(folder, current!), 'nonsense\n');
  await expect(new RocksEngine(folder).open()).rejects.toThrow(`the database in ${folder} does not open: `);
});

it('closes only when every iterator is closed: the binding would crash the process', async () => {
  const engine = new RocksEngine(folder);
  await engine.open();
  await write(engine, [['a', '1']]);
  const iterator = engine.iterate({ from: bytes('a'), to: bytes('b') });
  let closed = false;
  const closing = engine.close().then(() => {
    closed = true;
  });
  expect(await next(iterator, 1)).toEqual(['a=1']);
  expect(closed).toBe(false);
  await close(iterator);
  await closing;
});

it('counts its bytes on disk', async () => {
  const engine = new RocksEngine(folder);
  await engine.open();
  await write(engine, [['a', 'x'.repeat(1_000_000)]], true);
  expect(engine.stats().diskBytes).toBeGreaterThan(1_000_000);
  expect(engine.stats().details['cur-size-all-mem-tables']).toBeGreaterThan(1_000_000);
  await engine.close();
});
