import { expect, it } from 'vitest';
import { getMany, write } from './engine.test-support.js';
import { type MemoryDisk, MemoryEngine } from './engine-memory.js';

async function open(disk?: MemoryDisk): Promise<MemoryEngine> {
  const engine = new MemoryEngine(setImmediate, disk);
  await engine.open();
  return engine;
}

it('after a loss of power holds all that was synced and as many batches more as were lucky', async () => {
  const engine = await open();
  await write(engine, [['a', '1']]);
  await write(engine, [['b', '2']], true);
  await write(engine, [['c', '3']]);
  await write(engine, [
    ['d', '4'],
    ['a', null],
  ]);
  expect(engine.unsynced).toBe(2);
  const after = async (kept: number) => getMany(await open(engine.disk(kept)), 'a', 'b', 'c', 'd');
  expect(await after(0)).toEqual(['1', '2', undefined, undefined]);
  expect(await after(1)).toEqual(['1', '2', '3', undefined]);
  expect(await after(2)).toEqual([undefined, '2', '3', '4']);
  expect(await after(99)).toEqual([undefined, '2', '3', '4']);
});

it('what a loss of power left over is lost by no second one', async () => {
  const first = await open();
  await write(first, [['a', '1']]);
  const second = await open(first.disk(1));
  expect(second.unsynced).toBe(0);
  expect(await getMany(await open(second.disk(0)), 'a')).toEqual(['1']);
});

it('after the death of the process holds all that was confirmed and as much of what was under way as was lucky', async () => {
  const engine = await open();
  await write(engine, [['a', '1']]);
  const batch = engine.batch();
  batch.put(Buffer.from('b'), Buffer.from('2'));
  batch.write(false, () => {});
  expect(engine.unconfirmed).toBe(1);
  const after = async (kept: number) => getMany(await open(engine.diskAfterKill(kept)), 'a', 'b');
  expect(await after(0)).toEqual(['1', undefined]);
  expect(await after(1)).toEqual(['1', '2']);
});
