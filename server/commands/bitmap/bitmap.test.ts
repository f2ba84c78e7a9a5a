import { beforeEach, describe, expect, it } from 'vitest';
import { stored } from '../generic/stored.test-support.js';
import { TestBench } from '../test-bench.js';
import { bitmapCommands } from './bitmap.js';

let bench: TestBench;
const run = (line: string): string => bench.run(line.split(' '));
const numbers = (line: string): (number | null)[] =>
  [...run(line).matchAll(/^(?::(-?\d+)|\$-1)\r$/gm)].map(([, n]) => (n === undefined ? null : Number(n)));

beforeEach(() => {
  bench = new TestBench([...bitmapCommands, stored]);
  run('stored k foobar');
  run('stored ones \xff\xff');
});

// All expectations are redis-server 7.0.15's.

it.each([
  ['getbit k 1', 1],
  ['getbit k 4294967295', 0],
  ['bitcount k', 26],
  ['bitcount k 0 0', 4],
  ['bitcount k 5 30 BIT', 17],
  ['bitcount k -100 2 byte', 16],
  ['bitcount k -1 -3', 0],
  ['bitcount k -100 -200', 0],
  ['bitcount k -9223372036854775808 9223372036854775807 bit', 26],
  ['bitcount none a b c', 0],
  ['bitpos k 1', 1],
  ['bitpos k 1 1', 9],
  ['bitpos k 1 8 -1 bit', 9],
  ['bitpos k 1 -100 -200', 1],
  ['bitpos k 0 8 -1', -1],
  ['bitpos ones 0', 16],
  ['bitpos ones 0 1', 16],
  ['bitpos ones 0 2', -1],
  ['bitpos ones 0 0 -1', -1],
  ['bitpos none 0 a b c d', 0],
  ['bitpos none 1', -1],
])('%s is %d', (line, expected) => {
  expect(run(line)).toBe(`:${expected}\r\n`);
});

it.each([
  ['getbit k 4294967296', 'ERR bit offset is not an integer or out of range'],
  ['getbit k #0', 'ERR bit offset is not an integer or out of range'],
  ['setbit k x 2', 'ERR bit offset is not an integer or out of range'],
  ['setbit k 0 2', 'ERR bit is not an integer or out of range'],
  ['bitcount k 0', 'ERR syntax error'],
  ['bitcount k 1 b foo', 'ERR value is not an integer or out of range'],
  ['bitcount k 0 -1 foo', 'ERR syntax error'],
  ['bitpos none 2', 'ERR The bit argument must be 1 or 0.'],
  ['bitpos k 1 a b foo', 'ERR value is not an integer or out of range'],
  ['bitpos k 1 0 b foo', 'ERR syntax error'],
  ['bitpos k 1 0 1 bit x', 'ERR syntax error'],
  ['bitop foo a b', 'ERR syntax error'],
  ['bitop not a b c', 'ERR BITOP NOT must be called with a single source key.'],
  ['bitfield k get', 'ERR syntax error'],
  ['bitfield k overflow foo', 'ERR Invalid OVERFLOW type specified'],
  ['bitfield k get u8 -1', 'ERR bit offset is not an integer or out of range'],
  ['bitfield k set u8 0 99999999999999999999', 'ERR value is not an integer or out of range'],
  ['bitfield_ro k set u8 0 1', 'ERR BITFIELD_RO only supports the GET subcommand'],
  ['bitfield_ro k set u8 0 x', 'ERR value is not an integer or out of range'],
  ['setbit k 4294967295 1', 'ERR string exceeds maximum allowed size (proto-max-bulk-len)'],
])('%s is refused', (line, error) => {
  expect(run(line)).toBe(`-${error}\r\n`);
});

it.each(['u64', 'i65', 'u0', 'u08', 'U8', 'u', 'ux8'])('has no field type %s', (type) => {
  expect(run(`bitfield k get ${type} 0`)).toBe(
    '-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.\r\n',
  );
});

it('SETBIT answers the bit before, and grows the value', () => {
  expect(run('setbit new 23 1')).toBe(':0\r\n');
  expect(run('setbit new 23 0')).toBe(':1\r\n');
  expect(run('stored new')).toBe('$3\r\n\0\0\0\r\n');
});

describe('BITOP', () => {
  it.each([
    ['and', 'd k ones', '\x66\x6f\0\0\0\0'],
    ['or', 'd k ones none', '\xff\xffobar'],
    ['xor', 'd k k', '\0\0\0\0\0\0'],
    ['NOT', 'd ones', '\0\0'],
  ])('%s %s', (operation, keys, result) => {
    expect(run(`bitop ${operation} ${keys}`)).toBe(`:${result.length}\r\n`);
    expect(run('stored d')).toBe(`$${result.length}\r\n${result}\r\n`);
  });

  it('deletes the destination where nothing results', () => {
    expect(run('bitop not k none')).toBe(':0\r\n');
    expect(run('stored k')).toBe('$-1\r\n');
  });
});

describe('BITFIELD', () => {
  it('reads fields of any width at any place, and beyond the end', () => {
    expect(run('bitfield k get i64 0 get u8 #1 get u5 3 get i8 44')).toBe(
      '*4\r\n:7381240782615871488\r\n:111\r\n:6\r\n:32\r\n',
    );
    expect(run('bitfield_ro none get u63 7')).toBe('*1\r\n:0\r\n');
    expect(run('bitfield k overflow sat')).toBe('*0\r\n');
  });

  it('overflows as it is told', () => {
    expect(numbers('bitfield v set u8 8 300 get u8 8')).toEqual([0, 44]);
    expect(numbers('bitfield v overflow sat set u8 0 -1 get u8 0 incrby u8 0 -256')).toEqual([0, 255, 0]);
    expect(
      numbers('bitfield v incrby i8 0 -129 overflow fail incrby i8 0 1 overflow sat incrby i8 0 1'),
    ).toEqual([127, null, 127]);
    expect(run('bitfield w set i64 0 9223372036854775807 incrby i64 0 1 overflow sat incrby i64 0 -1')).toBe(
      '*3\r\n:0\r\n:-9223372036854775808\r\n:-9223372036854775808\r\n',
    );
  });

  it('saturates upwards, as Redis does, far below the smallest value', () => {
    expect(numbers('bitfield v overflow sat set i8 0 -9223372036854775808 get i8 0')).toEqual([0, 127]);
    expect(numbers('bitfield v overflow sat set i8 0 -300 get i8 0')).toEqual([127, -128]);
  });

  it('grows the value for a change that fails', () => {
    expect(run('bitfield v overflow fail set u8 8 300')).toBe('*1\r\n$-1\r\n');
    expect(run('stored v')).toBe('$2\r\n\0\0\r\n');
  });

  it('leaves the bits around a field alone', () => {
    run('stored v \xff\xff\xff');
    expect(numbers('bitfield v set u10 7 0 get u7 0 get u10 7 get u7 17')).toEqual([1023, 127, 0, 127]);
  });
});
