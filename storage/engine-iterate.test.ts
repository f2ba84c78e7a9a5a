import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StorageEngine } from './engine.js';
import {
  all,
  bytes,
  close,
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

  const five: Op[] = ['a', 'b', 'c', 'd', 'e'].map((key) => [key, key.toUpperCase()]);

  it('walks from the first key, inclusive, to the last, exclusive', async () => {
    await write(engine, five);
    expect(await all(engine, 'b', 'd')).toEqual(['b=B', 'c=C']);
    expect(await all(engine, 'bb', 'dd')).toEqual(['c=C', 'd=D']);
    expect(await all(engine, 'x', 'z')).toEqual([]);
    expect(await all(engine, 'd', 'b')).toEqual([]);
    expect(await all(engine, 'c', 'c')).toEqual([]);
  });

  it('walks backwards, and leaves out values', async () => {
    await write(engine, five);
    expect(await all(engine, 'b', 'd', { reverse: true })).toEqual(['c=C', 'b=B']);
    expect(await all(engine, 'a', 'c', { keysOnly: true })).toEqual(['a=', 'b=']);
    expect(await all(engine, 'a', 'z', { keysOnly: true, reverse: true }, 2)).toEqual([
      'e=',
      'd=',
      'c=',
      'b=',
      'a=',
    ]);
  });

  it('gives at most as many as asked, fewer only at the end, none behind it', async () => {
    await write(engine, five);
    const iterator = engine.iterate({ from: bytes('a'), to: bytes('z') });
    expect(await next(iterator, 2)).toEqual(['a=A', 'b=B']);
    expect(await next(iterator, 3)).toEqual(['c=C', 'd=D', 'e=E']);
    expect(await next(iterator, 3)).toEqual([]);
    expect(await next(iterator, 3)).toEqual([]);
    await close(iterator);
  });

  it('walks the rows as they were when it was made', async () => {
    await write(engine, five);
    const iterator = engine.iterate({ from: bytes('a'), to: bytes('z') });
    await write(engine, [
      ['a', null],
      ['b', 'new'],
      ['bb', 'new'],
    ]);
    expect(await next(iterator, 1)).toEqual(['a=A']);
    await write(engine, [
      ['c', null],
      ['f', 'new'],
    ]);
    expect(await next(iterator, 9)).toEqual(['b=B', 'c=C', 'd=D', 'e=E']);
    await close(iterator);
    expect(await all(engine, 'a', 'z')).toEqual(['b=new', 'bb=new', 'd=D', 'e=E', 'f=new']);
  });

  it('gives many and large rows, whatever the steps', async () => {
    const rows = Array.from(
      { length: 500 },
      (_, i): Op => [`k${String(i).padStart(3, '0')}`, 'v'.repeat(i * 3)],
    );
    await write(engine, rows);
    const expected = rows.map(([key, value]) => `${key}=${value}`);
    for (const max of [1, 7, 499, 500, 501]) expect(await all(engine, 'k', 'l', {}, max)).toEqual(expected);
    expect(await all(engine, 'k', 'l', { reverse: true }, 33)).toEqual(expected.reverse());
  });

  it('can be closed before the end', async () => {
    await write(engine, five);
    const iterator = engine.iterate({ from: bytes('a'), to: bytes('z') });
    await next(iterator, 1);
    await close(iterator);
    await close(engine.iterate({ from: bytes('a'), to: bytes('z') }));
  });

  it('orders keys by unsigned bytes and agrees with a Map', async () => {
    const key = fc
      .array(fc.constantFrom('\0', '\x01', 'a', '\x7f', '\x80', '\xff'), { minLength: 1, maxLength: 4 })
      .map((all) => all.join(''));
    const ops = fc.array(fc.tuple(key, fc.option(fc.string({ unit: 'binary-ascii', maxLength: 5 }))), {
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(ops, { maxLength: 4 }), key, key, async (batches, from, to) => {
        const rows = await all(engine, '\0', '\xff\xff\xff\xff\xff', { keysOnly: true });
        await write(
          engine,
          rows.map((row): Op => [row.slice(0, -1), null]),
        );
        const model = new Map<string, string>();
        for (const batch of batches) {
          await write(engine, batch);
          for (const [name, value] of batch) {
            if (value === null) model.delete(name);
            else model.set(name, value);
          }
        }
        const inside = [...model]
          .filter(([name]) => name >= from && name < to)
          .sort(([a], [b]) => (a < b ? -1 : 1));
        expect(await all(engine, from, to)).toEqual(inside.map(([name, value]) => `${name}=${value}`));
      }),
      { numRuns: 50 },
    );
  });
});
