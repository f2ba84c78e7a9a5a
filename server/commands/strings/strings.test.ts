import { describe, expect, it } from 'vitest';
import type { CommandSpec } from '../spec.js';
import { TestBench } from '../test-bench.js';
import { stringCommands } from './strings.js';

const NOT_INTEGER = '-ERR value is not an integer or out of range\r\n';
const TOO_LONG = '-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n';
const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;

function start(): { bench: TestBench; run: (line: string) => string } {
  const bench = new TestBench(stringCommands as unknown as readonly CommandSpec[]);
  return { bench, run: (line) => bench.run(line.split(' ')) };
}

describe('string ranges', () => {
  it.each([
    ['0 3', 'This'],
    ['-3 -1', 'ing'],
    ['0 -1', 'This is a string'],
    ['10 9223372036854775807', 'string'],
    ['-9223372036854775808 0', 'T'],
    ['-90 -99', ''],
    ['-99 -90', 'T'],
    ['5 4', ''],
  ])('GETRANGE %s', (range, part) => {
    const { bench, run } = start();
    bench.run(['SET', 'k', 'This is a string']);
    expect(run(`GETRANGE k ${range}`)).toBe(bulk(part));
  });

  it('writes into a value, past its end and into none', () => {
    const { bench, run } = start();
    run('SET k abcdef PX 100');
    expect(run('SETRANGE k 2 XY')).toBe(':6\r\n');
    expect(run('SETRANGE k 8 Z')).toBe(':9\r\n');
    expect(run('GET k')).toBe(bulk('abXYef\0\0Z'));
    expect(bench.run(['SETRANGE', 'none', '5', ''])).toBe(':0\r\n');
    expect(run('GET none')).toBe('$-1\r\n');
    expect(run('APPEND k !')).toBe(':10\r\n');
    bench.now += 100;
    expect(run('STRLEN k')).toBe(':0\r\n');
  });

  it('refuses offsets that are out of range', () => {
    const { run } = start();
    expect(run('SETRANGE k -1 a')).toBe('-ERR offset is out of range\r\n');
    expect(run('SETRANGE k 536870911 ab')).toBe(TOO_LONG);
    expect(run('SETRANGE k 9223372036854775807 ab')).toBe(TOO_LONG);
    expect(run('SETRANGE k 1.5 ab')).toBe(NOT_INTEGER);
  });
});

describe('several keys', () => {
  it('sets all, or none when one exists', () => {
    const { run } = start();
    expect(run('MSET a 1 b 2 a 3')).toBe('+OK\r\n');
    expect(run('MSETNX c 1 a 2')).toBe(':0\r\n');
    expect(run('MGET a b c')).toBe('*3\r\n$1\r\n3\r\n$1\r\n2\r\n$-1\r\n');
    expect(run('MSETNX c 1 d 2')).toBe(':1\r\n');
  });

  it('refuses a key without a value as a whole, wherever its keys live', () => {
    const { run } = start();
    expect(run('MSET a 1 b')).toBe("-ERR wrong number of arguments for 'mset' command\r\n");
    expect(run('MSETNX a 1 b')).toBe("-ERR wrong number of arguments for 'msetnx' command\r\n");
    const mset = stringCommands.find(({ name }) => name === 'mset')!;
    expect(mset.keysOf!(['MSET', 'a', '1', 'b'], 0)).toEqual([]);
    expect(mset.keysOf!(['MSET', 'a', '1', 'b', '2'], 3)).toEqual([
      { db: 3, key: 'a' },
      { db: 3, key: 'b' },
    ]);
  });
});

describe('counters', () => {
  it('counts to the ends of 64 bits and keeps the expiry', () => {
    const { bench, run } = start();
    run('SET k 9223372036854775806 PX 100');
    expect(run('INCR k')).toBe(':9223372036854775807\r\n');
    expect(run('INCR k')).toBe('-ERR increment or decrement would overflow\r\n');
    expect(run('DECRBY k -9223372036854775808')).toBe('-ERR decrement would overflow\r\n');
    bench.now += 100;
    expect(run('DECR k')).toBe(':-1\r\n');
    expect(run('INCRBY k 01')).toBe(NOT_INTEGER);
    expect(run('INCRBY k 1000000')).toBe(':999999\r\n');
    run('SET k 1.0');
    expect(run('INCR k')).toBe(NOT_INTEGER);
  });
});

describe('LCS', () => {
  it('tells the text, its length or its stretches', () => {
    const { run, bench } = start();
    run('MSET key1 ohmytext key2 mynewtext');
    expect(run('LCS key1 key2')).toBe(bulk('mytext'));
    expect(run('LCS key1 key2 LEN')).toBe(':6\r\n');
    expect(run('LCS key1 none')).toBe(bulk(''));
    expect(run('LCS key1 key2 LEN IDX')).toBe(
      '-ERR If you want both the length and indexes, please just use IDX.\r\n',
    );
    const text = '*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n';
    const my = '*3\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n:2\r\n';
    const whole = `$7\r\nmatches\r\n*2\r\n${text}${my}$3\r\nlen\r\n:6\r\n`;
    expect(run('LCS key1 key2 IDX WITHMATCHLEN')).toBe(`*4\r\n${whole}`);
    expect(bench.run(['LCS', 'key1', 'key2', 'IDX', 'WITHMATCHLEN'], 3)).toBe(`%2\r\n${whole}`);
    expect(run('LCS key1 key2 IDX MINMATCHLEN 4')).toBe(
      '*4\r\n$7\r\nmatches\r\n*1\r\n*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n$3\r\nlen\r\n:6\r\n',
    );
  });

  it('refuses strings whose table would be too large', () => {
    const { bench, run } = start();
    bench.run(['SET', 'k', 'x'.repeat(20_000)]);
    expect(run('LCS k k')).toMatch(/transient memory for LCS exceeds proto-max-bulk-len/);
  });
});
