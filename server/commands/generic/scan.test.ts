import { beforeEach, describe, expect, it } from 'vitest';
import { TestBench } from '../test-bench.js';
import { databaseCommands } from './database.js';
import { keysCommand } from './keys.js';
import { parseCursor, scanCommand } from './scan.js';
import { FakeKeyspace, withServer } from './server-bench.test-support.js';

let keyspace: FakeKeyspace;
let bench: TestBench;
const run = (line: string): string => bench.run(line.split(' '));

beforeEach(() => {
  keyspace = new FakeKeyspace(['a1', 'b1', 'a2']);
  bench = new TestBench(withServer([scanCommand, keysCommand, ...databaseCommands], keyspace));
});

describe('SCAN', () => {
  it('goes on from its cursor, and filters', () => {
    expect(run('scan 0 count 2')).toBe('*2\r\n$1\r\n2\r\n*2\r\n$2\r\na1\r\n$2\r\nb1\r\n');
    expect(run('scan 2 count 2')).toBe('*2\r\n$1\r\n0\r\n*1\r\n$2\r\na2\r\n');
    expect(run('scan 0 match b* type STRING')).toBe('*2\r\n$1\r\n0\r\n*1\r\n$2\r\nb1\r\n');
    expect(run('scan 0 type list')).toBe('*2\r\n$1\r\n0\r\n*0\r\n');
  });

  it('bounds what one step may cost', () => {
    run('scan 0 count 9223372036854775807');
    expect(keyspace.asked).toEqual([['scan', 0, 0, 10_000]]);
  });

  it.each([
    ['scan abc foo', 'ERR invalid cursor'],
    ['scan 0 count 0', 'ERR syntax error'],
    ['scan 0 count x', 'ERR value is not an integer or out of range'],
    ['scan 0 match', 'ERR syntax error'],
    ['scan 0 foo bar', 'ERR syntax error'],
  ])('%s is refused', (line, error) => {
    expect(run(line)).toBe(`-${error}\r\n`);
    expect(keyspace.asked).toEqual([]);
  });

  it.each([
    ['', 0],
    ['+5', 5],
    ['005', 5],
    ['-1', 0],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['9007199254740992', 0],
    ['18446744073709551615', 0],
    ['18446744073709551616', undefined],
    ['-18446744073709551616', undefined],
    ['-', undefined],
    ['1 ', undefined],
    ['0x1', undefined],
  ])('reads the cursor %j as %j', (text, cursor) => {
    expect(parseCursor(text)).toBe(cursor);
  });
});

describe('the whole keyspace', () => {
  it('lists keys over many steps, each once', () => {
    const names = Array.from({ length: 25_000 }, (_, n) => `k${n}`);
    bench = new TestBench(withServer([keysCommand], new FakeKeyspace([...names, 'k0', 'other'])));
    expect(run('keys k*').startsWith('*25000\r\n$2\r\nk0\r\n')).toBe(true);
    expect(run('keys other')).toBe('*1\r\n$5\r\nother\r\n');
  });

  it('answers DBSIZE, RANDOMKEY and the flushes', () => {
    expect(run('dbsize')).toBe(':3\r\n');
    expect(run('randomkey')).toBe('$2\r\na1\r\n');
    expect(run('flushdb ASYNC')).toBe('+OK\r\n');
    expect(run('flushall')).toBe('+OK\r\n');
    expect(keyspace.asked).toEqual([
      ['flush', 0],
      ['flush', undefined],
    ]);
    expect(run('flushdb sync async')).toBe('-ERR syntax error\r\n');
    expect(run('flushall foo')).toBe('-ERR syntax error\r\n');
  });

  it('swaps databases that there are', () => {
    expect(run('swapdb 0 1')).toBe('+OK\r\n');
    expect(run('swapdb x 1')).toBe('-ERR invalid first DB index\r\n');
    expect(run('swapdb 0 99999999999')).toBe('-ERR invalid second DB index\r\n');
    expect(run('swapdb 0 16')).toBe('-ERR DB index is out of range\r\n');
  });

  it.each(['scan 0', 'keys *', 'dbsize', 'randomkey', 'flushall', 'swapdb 0 1'])(
    '%s passes on that it cannot be done',
    (line) => {
      keyspace.error = 'NOQUORUM why';
      expect(run(line)).toBe('-NOQUORUM why\r\n');
    },
  );
});
