import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isCorruption } from './engine.js';
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

it('tells of a damaged table: of what it cannot read, and that it cannot merge it', async () => {
  const small = { blockCacheBytes: 1 << 20, memtableBytes: 1 << 18 };
  const failures: string[] = [];
  const key = (i: number): string => `key ${String(i).padStart(6, '0')}`;
  const rows = (from: number, to: number): [string, string][] =>
    Array.from({ length: to - from }, (_, i) => [key(from + i), `${'x'.repeat(50)}${Math.random()}`]);
  let engine = new RocksEngine(folder, small);
  for (const round of [0, 1]) {
    await engine.open();
    if (round === 0) await write(engine, rows(0, 20_000), true);
    await engine.close();
  }
  const [table] = (await readdir(folder)).filter((name) => name.endsWith('.sst'));
  const whole = await readFile(join(folder, table));
  whole[whole.length >> 1] ^= 0xff;
  await writeFile(join(folder, table), whole);

  engine = new RocksEngine(folder, small, (error) => failures.push(error.message));
  await engine.open();
  const errors = new Set<string>();
  for (let i = 0; i < 20_000; i += 20) {
    await new Promise<void>((resolve) => {
      engine.getMany([bytes(key(i))], (error, [value]) => {
        if (error !== null) errors.add(error.message);
        else expect(value?.latin1Slice(0, 5)).toBe('xxxxx');
        expect(error === null || isCorruption(error)).toBe(true);
        resolve();
      });
    });
  }
  expect([...errors]).toEqual([expect.stringContaining('block checksum mismatch')]);
  expect(new Set(failures)).toEqual(errors);
  expect(engine.health().backgroundErrors).toBe(0);
  for (let i = 0; i < 60 && engine.health().backgroundErrors === 0; i++)
    await write(engine, rows((i * 1000) % 20_000, ((i * 1000) % 20_000) + 1000));
  expect(engine.health().backgroundErrors).toBeGreaterThan(0);
  expect(engine.health().roomBytes).toBeGreaterThan(0);
  await engine.close();
});
