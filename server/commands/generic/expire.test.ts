import { beforeEach, describe, expect, it } from 'vitest';
import { TestBench } from '../test-bench.js';
import { existenceCommands } from './existence.js';
import { expireCommands } from './expire.js';
import { renameCommands } from './rename.js';
import { stored } from './stored.test-support.js';
import { ttlCommands } from './ttl.js';

const NOW = 1_700_000_000_000;
let bench: TestBench;
const run = (line: string): string => bench.run(line.split(' '));

beforeEach(() => {
  bench = new TestBench(
    [...existenceCommands, ...expireCommands, ...renameCommands, ...ttlCommands, stored],
    NOW,
  );
  run('stored k v');
});

describe('EXPIRE and its kin', () => {
  it('sets, tells and removes a time', () => {
    expect(run('expire k 10')).toBe(':1\r\n');
    expect(run('pttl k')).toBe(':10000\r\n');
    expect(run('expiretime k')).toBe(`:${NOW / 1000 + 10}\r\n`);
    bench.now += 8501;
    expect(run('ttl k')).toBe(':1\r\n');
    expect(run('persist k')).toBe(':1\r\n');
    expect(run('persist k')).toBe(':0\r\n');
    expect(run('ttl k')).toBe(':-1\r\n');
    expect(run('ttl none')).toBe(':-2\r\n');
  });

  it('deletes for a time in the past', () => {
    expect(run('expire k -1')).toBe(':1\r\n');
    expect(run('exists k')).toBe(':0\r\n');
    expect(run('expireat k 5')).toBe(':0\r\n');
  });

  it.each([
    ['pexpireat k 5000000000000 xx', 0, 0],
    ['pexpireat k 5000000000000 gt', 0, 0],
    ['pexpireat k 5000000000000 lt', 0, 1],
    ['pexpireat k 5000000000000 nx', 0, 1],
    ['pexpireat k 5000000000000 nx', 4e12, 0],
    ['pexpireat k 5000000000000 lt', 4e12, 0],
    ['pexpireat k 5000000000000 gt xx', 4e12, 1],
    ['pexpireat k 4000000000000 gt', 4e12, 0],
  ])('%s where it expires at %d: %d', (line, before, expected) => {
    if (before > 0) run(`pexpireat k ${before}`);
    expect(run(line)).toBe(`:${expected}\r\n`);
  });

  it.each([
    ['expire k abc', 'ERR value is not an integer or out of range'],
    ['expire k abc foo', 'ERR Unsupported option foo'],
    ['expire k 1 nx gt', 'ERR NX and XX, GT or LT options at the same time are not compatible'],
    ['expire k 1 gt lt', 'ERR GT and LT options at the same time are not compatible'],
    ['expire none 9223372036854775', "ERR invalid expire time in 'expire' command"],
    ['expire k -9223372036854776', "ERR invalid expire time in 'expire' command"],
    ['pexpire k 9223372036854775807', "ERR invalid expire time in 'pexpire' command"],
    ['expireat k 9223372036854776', "ERR invalid expire time in 'expireat' command"],
  ])('%s is refused', (line, error) => {
    expect(run(line)).toBe(`-${error}\r\n`);
  });

  it('answers no integer above 2^63 - 1', () => {
    expect(run('pexpireat k 9223372036854775807')).toBe(':1\r\n');
    expect(run('pexpiretime k')).toBe(':9223372036854775807\r\n');
  });
});

describe('keys that are there or not', () => {
  it('counts a key as often as it is named, and deletes it once', () => {
    expect(run('exists k k none')).toBe(':2\r\n');
    expect(run('touch k none')).toBe(':1\r\n');
    expect(run('type k')).toBe('+string\r\n');
    expect(run('del k k none')).toBe(':1\r\n');
    expect(run('type k')).toBe('+none\r\n');
  });

  it('renames with the time to live, over what is there', () => {
    run('expire k 10');
    run('stored other x');
    expect(run('renamenx k other')).toBe(':0\r\n');
    expect(run('rename k other')).toBe('+OK\r\n');
    expect(run('ttl other')).toBe(':10\r\n');
    expect(run('exists k')).toBe(':0\r\n');
    expect(run('rename other other')).toBe('+OK\r\n');
    expect(run('renamenx other other')).toBe(':0\r\n');
    expect(run('rename none none')).toBe('-ERR no such key\r\n');
  });
});
