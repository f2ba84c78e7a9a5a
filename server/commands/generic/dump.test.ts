import { beforeEach, describe, expect, it } from 'vitest';
import type { CommandSpec } from '../spec.js';
import { TestBench } from '../test-bench.js';
import { dumpCommands } from './dump.js';
import { decodeDump, encodeDump } from './dump-format.js';
import { objectCommand } from './object.js';
import { stored } from './stored.test-support.js';
import { ttlCommands } from './ttl.js';

const ALL_BYTES = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));
let bench: TestBench;

beforeEach(() => {
  // Only FREQ asks for a server: `compat-tests/hot-keys.test.ts`.
  const object = objectCommand as unknown as CommandSpec;
  bench = new TestBench([...dumpCommands, ...ttlCommands, object, stored]);
  bench.run(['stored', 'k', 'v']);
});

describe('a dump', () => {
  it.each(['', 'v', ALL_BYTES])('gives back what went in', (payload) => {
    expect(decodeDump(encodeDump(payload))).toBe(payload);
  });

  it('has a frozen form', () => {
    expect(encodeDump('v')).toBe('\x01v\xe1\xa4\xf7\xb7');
  });

  it('shows every flipped byte', () => {
    const dump = encodeDump('value');
    for (let i = 0; i < dump.length; i++) {
      const flipped = String.fromCharCode(dump.charCodeAt(i) ^ 1);
      expect(decodeDump(dump.slice(0, i) + flipped + dump.slice(i + 1))).toBe(undefined);
    }
  });
});

describe('RESTORE', () => {
  const dump = encodeDump('new');
  const restore = (...args: string[]): string => bench.run(['restore', ...args]);

  it('creates a key, with a time to live', () => {
    expect(bench.run(['dump', 'none'])).toBe('$-1\r\n');
    expect(restore('a', '0', dump)).toBe('+OK\r\n');
    expect(bench.run(['stored', 'a'])).toBe('$3\r\nnew\r\n');
    expect(bench.run(['ttl', 'a'])).toBe(':-1\r\n');
    expect(restore('b', '5000', dump, 'idletime', '1')).toBe('+OK\r\n');
    expect(bench.run(['pttl', 'b'])).toBe(':5000\r\n');
    expect(restore('c', String(bench.now + 7000), dump, 'ABSTTL', 'freq', '255')).toBe('+OK\r\n');
    expect(bench.run(['pttl', 'c'])).toBe(':7000\r\n');
    expect(restore('k', '1', dump, 'absttl', 'replace')).toBe('+OK\r\n');
    expect(bench.run(['stored', 'k'])).toBe('$-1\r\n');
  });

  it.each([
    [['k', 'x', 'xx'], 'BUSYKEY Target key name already exists.'],
    [['a', 'x', 'xx'], 'ERR value is not an integer or out of range'],
    [['a', '-1', 'xx'], 'ERR Invalid TTL value, must be >= 0'],
    [['a', '0', 'xx'], 'ERR DUMP payload version or checksum are wrong'],
    [['a', '0', ''], 'ERR DUMP payload version or checksum are wrong'],
    [['a', '0', 'xx', 'idletime', '-1'], 'ERR Invalid IDLETIME value, must be >= 0'],
    [['a', '0', 'xx', 'freq', '256'], 'ERR Invalid FREQ value, must be >= 0 and <= 255'],
    [['a', '0', 'xx', 'idletime', '1', 'freq', '1'], 'ERR syntax error'],
    [['a', '0', 'xx', 'idletime'], 'ERR syntax error'],
  ])('of %j is refused', (args, error) => {
    expect(restore(...args)).toBe(`-${error}\r\n`);
  });
});

describe('OBJECT', () => {
  const object = (name: string, value: string): string => {
    bench.run(['stored', 'k', value]);
    return bench.run(['object', name, 'k']);
  };

  it.each([
    ['-9223372036854775808', 'int'],
    ['9223372036854775808', 'embstr'],
    ['012', 'embstr'],
    ['x'.repeat(44), 'embstr'],
    ['x'.repeat(45), 'raw'],
  ])('ENCODING of %s is %s', (value, encoding) => {
    expect(object('encoding', value)).toBe(`$${encoding.length}\r\n${encoding}\r\n`);
  });

  it('answers the rest as Redis does', () => {
    expect(object('refcount', '9999')).toBe(':2147483647\r\n');
    expect(object('REFCOUNT', '10000')).toBe(':1\r\n');
    expect(object('idletime', 'v')).toBe(':0\r\n');
    expect(bench.run(['object', 'freq', 'none'])).toBe('$-1\r\n');
    expect(bench.run(['object', 'help']).startsWith('*15\r\n+OBJECT <subcommand>')).toBe(true);
  });
});
