import { beforeEach, expect, it } from 'vitest';
import { TestBench } from '../test-bench.js';
import { copyCommands } from './copy.js';
import { FakeKeyspace, withServer } from './server-bench.test-support.js';
import { stored } from './stored.test-support.js';

const rows = withServer(copyCommands, new FakeKeyspace([]));
let bench: TestBench;
const run = (line: string): string => bench.run(line.split(' '));

beforeEach(() => {
  bench = new TestBench([...rows, stored]);
  run('stored k v');
});

it('copies within a database and into another', () => {
  expect(run('copy k k2')).toBe(':1\r\n');
  expect(run('copy k k2')).toBe(':0\r\n');
  expect(run('copy k k db 1')).toBe(':1\r\n');
  expect(run('copy k k DB 1')).toBe(':0\r\n');
  expect(run('copy k k REPLACE DB 1')).toBe(':1\r\n');
  expect(run('copy none k2')).toBe(':0\r\n');
  bench.db = 1;
  expect(run('stored k')).toBe('$1\r\nv\r\n');
});

it('moves only where there is no such key', () => {
  expect(run('move k 1')).toBe(':1\r\n');
  expect(run('stored k')).toBe('$-1\r\n');
  run('stored k again');
  expect(run('move k 1')).toBe(':0\r\n');
});

it.each([
  ['copy none none', 'ERR source and destination objects are the same'],
  ['copy k k db 0', 'ERR source and destination objects are the same'],
  ['copy k k2 db 16', 'ERR DB index is out of range'],
  ['copy k k2 db x', 'ERR value is not an integer or out of range'],
  ['copy k k2 db', 'ERR syntax error'],
  ['move none 0', 'ERR source and destination objects are the same'],
  ['move k -1', 'ERR DB index is out of range'],
  ['move k 4294967296', 'ERR value is out of range, value must between -2147483648 and 2147483647'],
])('%s is refused', (line, error) => {
  expect(run(line)).toBe(`-${error}\r\n`);
});

it('names its keys with their databases, and none where it refuses', () => {
  const keysOf = (line: string) =>
    rows.find((row) => line.startsWith(row.name))?.keysOf?.(line.split(' '), 2);
  expect(keysOf('copy a b replace db 3')).toEqual([
    { db: 2, key: 'a' },
    { db: 3, key: 'b' },
  ]);
  expect(keysOf('move a 0')).toEqual([
    { db: 2, key: 'a' },
    { db: 0, key: 'a' },
  ]);
  expect(keysOf('copy a b db 99')).toEqual([]);
  expect(keysOf('copy a a')).toEqual([]);
  expect(keysOf('move a 2')).toEqual([]);
});
