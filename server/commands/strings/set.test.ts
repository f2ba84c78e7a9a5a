import { describe, expect, it } from 'vitest';
import { TestBench } from '../test-bench.js';
import { getCommands } from './get.js';
import { setCommands } from './set.js';

const NULL = '$-1\r\n';
const OK = '+OK\r\n';
const SYNTAX = '-ERR syntax error\r\n';
const INVALID = (command: string) => `-ERR invalid expire time in '${command}' command\r\n`;
const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;

function start(): { bench: TestBench; run: (line: string) => string } {
  const bench = new TestBench([...setCommands, ...getCommands]);
  return { bench, run: (line) => bench.run(line.split(' ')) };
}

describe('SET', () => {
  it('honours NX, XX and GET together', () => {
    const { run } = start();
    expect(run('SET k v XX')).toBe(NULL);
    expect(run('SET k v nx GET')).toBe(NULL);
    expect(run('SET k w NX GET')).toBe(bulk('v'));
    expect(run('GET k')).toBe(bulk('v'));
    expect(run('SET k w XX GET')).toBe(bulk('v'));
    expect(run('GET k')).toBe(bulk('w'));
  });

  it('sets only what IFEQ expects, and creates nothing', () => {
    const { run } = start();
    expect(run('SET k new IFEQ old')).toBe(NULL);
    expect(run('GET k')).toBe(NULL);
    run('SET k old');
    expect(run('SET k new IFEQ other GET')).toBe(bulk('old'));
    expect(run('SET k new IFEQ old')).toBe(OK);
    expect(run('SET k newer GET IFEQ new')).toBe(bulk('new'));
    expect(run('GET k')).toBe(bulk('newer'));
    for (const bad of ['NX IFEQ a', 'IFEQ a XX', 'IFEQ a IFEQ a', 'IFEQ'])
      expect(run(`SET k v ${bad}`)).toBe(SYNTAX);
  });

  it('sets only what IFNE does not expect, and creates', () => {
    const { run } = start();
    expect(run('SET k old IFNE old')).toBe(OK);
    expect(run('SET k new IFNE old GET')).toBe(bulk('old'));
    expect(run('SET k new ifne old')).toBe(NULL);
    expect(run('GET k')).toBe(bulk('old'));
    expect(run('SET k new IFNE other EX 10')).toBe(OK);
    expect(run('SET none v GET IFNE v')).toBe(NULL);
    expect(run('GET none')).toBe(bulk('v'));
    for (const bad of ['NX IFNE a', 'IFNE a XX', 'IFNE a IFNE a', 'IFNE a IFEQ a', 'IFNE'])
      expect(run(`SET k v ${bad}`)).toBe(SYNTAX);
  });

  it('keeps, replaces and clears the expiry', () => {
    const { bench, run } = start();
    run('SET k v EX 10');
    run('SET k w KEEPTTL');
    bench.now += 9_999;
    expect(run('GET k')).toBe(bulk('w'));
    bench.now += 1;
    expect(run('GET k')).toBe(NULL);
    run('SET k v PX 5');
    run('SET k v');
    bench.now += 5;
    expect(run('GET k')).toBe(bulk('v'));
  });

  it('deletes a key whose time is already past', () => {
    const { run } = start();
    run('SET k v');
    expect(run('SET k v PXAT 5')).toBe(OK);
    expect(run('GET k')).toBe(NULL);
    run('SET k v');
    expect(run('GETEX k EXAT 5')).toBe(bulk('v'));
    expect(run('GET k')).toBe(NULL);
  });

  it.each([
    ['SET k v NX XX', SYNTAX],
    ['SET k v EX 1 PX 1', SYNTAX],
    ['SET k v EX 1 KEEPTTL', SYNTAX],
    ['SET k v PERSIST', SYNTAX],
    ['SET k v EX', SYNTAX],
    ['SET k v EX 1 EX 2', OK],
    ['SET k v EX a', '-ERR value is not an integer or out of range\r\n'],
    ['SET k v EX 0', INVALID('set')],
    ['SET k v EX 9223372036854775', INVALID('set')],
    ['SET k v EX 9223370000000000', OK],
    ['SET k v PX 9223372036854775807', INVALID('set')],
    ['SET k v PXAT 9223372036854775807', OK],
    ['SETEX k 0 v', INVALID('setex')],
    ['PSETEX k -1 v', INVALID('psetex')],
  ])('%s', (line, reply) => {
    expect(start().run(line)).toBe(reply);
  });

  it('looks at GETEX times only when there is a key', () => {
    const { run } = start();
    expect(run('GETEX k EX 0')).toBe(NULL);
    run('SET k v');
    expect(run('GETEX k EX 0')).toBe(INVALID('getex'));
  });
});
