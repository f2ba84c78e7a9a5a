import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StorageEngine } from './engine.js';
import {
  all,
  bytes,
  close,
  getMany,
  makeRoot,
  memory,
  next,
  type Op,
  removeRoot,
  rocks,
  write,
} from './engine.test-support.js';

beforeAll(makeRoot);
afterAll(removeRoot);

describe.each([
  ['RocksEngine', rocks],
  ['MemoryEngine', memory],
])('%s', (_name, kind) => {
  let engine: StorageEngine;
  beforeEach(async () => {
    engine = await kind.make();
  });

  describe('batches and getMany', () => {
    it('give each key its value, in the order asked, undefined where there is none', async () => {
      await write(engine, [
        ['a', '1'],
        ['b', '2'],
        ['c', '3'],
      ]);
      await write(engine, [
        ['b', null],
        ['c', '33'],
        ['never', null],
      ]);
      expect(await getMany(engine, 'c', 'b', 'a', 'never', 'c')).toEqual([
        '33',
        undefined,
        '1',
        undefined,
        '33',
      ]);
      expect(await getMany(engine)).toEqual([]);
    });

    it('let the last word on a key in a batch win', async () => {
      await write(engine, [
        ['put-del', '1'],
        ['put-del', null],
        ['del-put', null],
        ['del-put', '2'],
        ['twice', '1'],
        ['twice', '2'],
      ]);
      expect(await getMany(engine, 'put-del', 'del-put', 'twice')).toEqual([undefined, '2', '2']);
    });

    it('show nothing of a batch before it is written, and take an empty one', async () => {
      const batch = engine.batch();
      batch.put(bytes('a'), bytes('1'));
      expect(await getMany(engine, 'a')).toEqual([undefined]);
      await write(engine, []);
    });

    it('copy keys and values at once: the caller may reuse the buffers', async () => {
      const [key, value] = [bytes('key'), bytes('value')];
      const batch = engine.batch();
      batch.put(key, value);
      key.fill(0);
      value.fill(0);
      await new Promise((resolve) => batch.write(false, resolve));
      expect(await getMany(engine, 'key')).toEqual(['value']);
    });

    it('tell empty values from none, and keep any bytes and a megabyte', async () => {
      const every = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
      const big = every.repeat(4096);
      await write(engine, [
        ['empty', ''],
        [every, every],
        ['\0', 'zero'],
        ['\0\0', 'zeros'],
        ['big', big],
      ]);
      expect(await getMany(engine, 'empty', every, '\0', '\0\0')).toEqual(['', every, 'zero', 'zeros']);
      expect((await getMany(engine, 'big'))[0] === big).toBe(true);
      expect(await all(engine, 'big', 'bih')).toEqual([`big=${big}`]);
    });

    it('write with and without sync', async () => {
      await write(engine, [['a', '1']], true);
      await write(engine, [['b', '2']], false);
      expect(await getMany(engine, 'a', 'b')).toEqual(['1', '2']);
    });

    it('never call back before the call has returned', async () => {
      let returned = false;
      const called: boolean[] = [];
      const iterator = engine.iterate({ from: bytes('a'), to: bytes('b') });
      await new Promise<void>((resolve) => {
        const note = () => {
          called.push(returned);
          if (called.length === 3) resolve();
        };
        engine.getMany([bytes('a')], note);
        engine.batch().write(false, note);
        iterator.next(1, note);
        returned = true;
      });
      expect(called).toEqual([true, true, true]);
      await close(iterator);
    });
  });

  describe('what was written', () => {
    const ops: Op[] = [
      ['a', '1'],
      ['b', ''],
      ['c', 'x'.repeat(100_000)],
    ];

    it('is there after a clean stop', async () => {
      await write(engine, [...ops, ['d', '4']]);
      await write(engine, [['d', null]]);
      const again = await kind.reopen(engine);
      expect(await getMany(again, 'a', 'b', 'c', 'd')).toEqual(['1', '', 'x'.repeat(100_000), undefined]);
    });

    it('is there after the death of the process, synced or not', async () => {
      await write(engine, ops, true);
      await write(
        engine,
        [
          ['d', '4'],
          ['a', null],
        ],
        false,
      );
      const again = await kind.afterDeath(engine);
      expect(await getMany(again, 'a', 'b', 'd')).toEqual([undefined, '', '4']);
    });

    it('is complete when close has returned, even if nobody waited for it', async () => {
      const written = write(engine, ops);
      const again = await kind.reopen(engine);
      await written;
      expect(await getMany(again, 'a')).toEqual(['1']);
    });
  });

  it('answers with an error once it is closed', async () => {
    const batch = engine.batch();
    batch.put(bytes('a'), bytes('1'));
    await engine.close();
    await engine.close();
    await expect(write(engine, [['a', '1']])).rejects.toThrow('closed');
    await expect(new Promise((_, reject) => batch.write(true, reject))).rejects.toThrow('closed');
    await expect(getMany(engine, 'a')).rejects.toThrow('closed');
    const iterator = engine.iterate({ from: bytes('a'), to: bytes('z') });
    await expect(next(iterator, 1)).rejects.toThrow('closed');
    await close(iterator);
  });

  it('has figures', () => {
    expect(engine.stats().diskBytes).toBeGreaterThanOrEqual(0);
    expect(Object.values(engine.stats().details).every((value) => !Number.isNaN(value))).toBe(true);
  });
});
