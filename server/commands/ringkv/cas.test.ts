import { describe, expect, it } from 'vitest';
import type { KeyRecord } from '../../../storage/record.js';
import { WriterTable, writerId } from '../../../storage/writers.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import type { CommandSpec } from '../spec.js';
import { getCommands } from '../strings/get.js';
import { setCommands } from '../strings/set.js';
import { TestBench } from '../test-bench.js';
import { casCommand } from './cas.js';
import { versionText } from './dots.js';

const writers = new WriterTable();
const writer = writers.index(writerId('ab'.repeat(16), 3));

/** What every key is taken to hold, as far as versions go. */
function holding(...hlcs: readonly number[]): KeyRecord {
  const version = { writer, type: 1 as const, expireAt: 0, payload: 'a' };
  return { context: [writer, hlcs[0]], siblings: hlcs.map((hlc) => ({ ...version, hlc })) };
}

function start(record = holding(7)): { bench: TestBench; run: (line: string) => string } {
  const inServer = (row: ServerCommandSpec): CommandSpec => ({
    ...row,
    subcommands: undefined,
    run: (call) => {
      row.run({ ...call, server: { writers }, recordOf: () => record } as unknown as ServerCall);
    },
  });
  const bench = new TestBench([...setCommands, ...getCommands, inServer(casCommand)]);
  const run = (line: string): string => bench.run(line.split(' ')).trim();
  run('SET k a EX 10');
  return { bench, run };
}

const version = versionText(holding(7), writers);
const other = versionText(holding(8), writers);
const both = versionText(holding(8, 7), writers);

describe('CAS key expected new', () => {
  it('sets a key only if it has the value', () => {
    const { run } = start();
    expect([run('CAS k x b'), run('GET k')]).toEqual([':0', '$1\r\na']);
    expect([run('CAS k a b'), run('GET k')]).toEqual([':1', '$1\r\nb']);
    expect([run('CAS none a b'), run('GET none')]).toEqual([':0', '$-1']);
  });

  it.each([
    ['', 'never'],
    ['KEEPTTL', 'in 10 s'],
    ['EX 20', 'later'],
    ['PXAT 1', 'at once'],
  ])('with %j the key expires %s', (option, when) => {
    const { bench, run } = start();
    run(`CAS k a b ${option}`.trim());
    expect(run('GET k')).toBe(when === 'at once' ? '$-1' : '$1\r\nb');
    bench.now += 10_000;
    expect(run('GET k')).toBe(when === 'never' || when === 'later' ? '$1\r\nb' : '$-1');
    bench.now += 10_000;
    expect(run('GET k')).toBe(when === 'never' ? '$1\r\nb' : '$-1');
  });

  it('takes the word VERSION for a value where nothing else is given', () => {
    const { run } = start();
    run('SET k VERSION');
    expect([run('CAS k VERSION b'), run('GET k')]).toEqual([':1', '$1\r\nb']);
  });
});

describe('CAS key VERSION version new', () => {
  it('sets a key only if it is in that state', () => {
    const { run } = start();
    expect([run(`CAS k VERSION ${other} b`), run('GET k')]).toEqual([':0', '$1\r\na']);
    expect([run(`CAS k VERSION ${both} b`), run('GET k')]).toEqual([':0', '$1\r\na']);
    expect([run(`CAS k version ${version} b`), run('GET k')]).toEqual([':1', '$1\r\nb']);
  });

  it('sees a version more', () => {
    const { run } = start(holding(8, 7));
    expect([run(`CAS k VERSION ${version} b`), run(`CAS k VERSION ${other} b`)]).toEqual([':0', ':0']);
    expect(run(`CAS k VERSION ${both} b`)).toBe(':1');
  });

  it('sets nothing where the value has expired', () => {
    const { bench, run } = start();
    bench.now += 10_000;
    expect([run(`CAS k VERSION ${version} b`), run('GET k')]).toEqual([':0', '$-1']);
  });

  it('takes the options that the other form takes', () => {
    const { bench, run } = start();
    expect(run(`CAS k VERSION ${version} b KEEPTTL`)).toBe(':1');
    bench.now += 10_000;
    expect(run('GET k')).toBe('$-1');
  });
});

describe('CAS', () => {
  const syntax = '-ERR syntax error';
  const bad = '-ERR invalid version, expected the one that KV.GET answers';
  it.each([
    ['CAS k a b NX', syntax],
    ['CAS k a b EX', syntax],
    ['CAS k a b EX 1 KEEPTTL', syntax],
    ['CAS k a b EX 0', "-ERR invalid expire time in 'cas' command"],
    ['CAS k VERSION a b', bad],
    [`CAS k VERSION ${version.slice(1)} b`, bad],
    [`CAS k VERSION ${version}+ b`, bad],
    [`CAS k VERSION ${version} b EX`, syntax],
  ])('%s: %s', (line, error) => {
    const { run } = start();
    expect([run(line), run('GET k')]).toEqual([error, '$1\r\na']);
  });
});
