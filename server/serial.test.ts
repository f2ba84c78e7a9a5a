import { describe, expect, it } from 'vitest';
import { DEFAULT, QUORUM, SERIAL } from '../cluster/core/levels.js';
import { commandTable } from './commands/all.js';
import { isSerial } from './serial.js';

const table = commandTable();

function serial(text: string, readLevel = DEFAULT, writeLevel = DEFAULT): boolean {
  const argv = text.split(' ');
  return isSerial(table.find(argv)!, argv, { readLevel, writeLevel });
}

describe('whatever the level, a register decides', () => {
  it.each([
    'SET k v NX',
    'SET k v xx',
    'SET k v EX 10 NX',
    'SET k v IFEQ old',
    'SET k v IFNE old',
    'SET k v GET',
    'SETNX k v',
    'MSETNX k v',
    'GETSET k v',
    'GETDEL k',
    'RENAMENX k l',
    'CAS k a b',
    'DELIFEQ k v',
  ])('%s', (text) => {
    expect([serial(text), serial(text, QUORUM, 1)]).toEqual([true, true]);
  });
});

describe('only at SERIAL a register decides', () => {
  it.each([
    'SET k v',
    'SET k v EX 10',
    'SET k NX',
    'INCR k',
    'DEL k l',
    'MSET k v',
    'APPEND k v',
    'RENAME k l',
  ])('%s', (text) => {
    expect([serial(text), serial(text, SERIAL), serial(text, DEFAULT, SERIAL)]).toEqual([false, false, true]);
  });
  it.each(['GET k', 'MGET k l', 'EXISTS k', 'TTL k', 'OBJECT ENCODING k', 'KV.SIBLINGS k'])('%s', (text) => {
    expect([serial(text), serial(text, SERIAL), serial(text, DEFAULT, SERIAL)]).toEqual([false, true, false]);
  });
});

it.each(['PING', 'FLUSHALL', 'DBSIZE', 'SCAN 0', 'EXEC'])('%s has no keys, hence no register', (text) => {
  expect(serial(text, SERIAL, SERIAL)).toBe(false);
});
