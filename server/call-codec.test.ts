import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeOutcome,
  decodeRequest,
  encodeCommand,
  encodeExec,
  encodeOutcome,
  encodeWatch,
  type RemoteSettings,
} from './call-codec.js';
import { stringCommands } from './commands/strings/strings.js';
import { CommandTable } from './commands/table.js';
import { packStrings } from './string-list.js';

const table = new CommandTable(stringCommands);
const settings: RemoteSettings = { db: 9, resp: 3, readLevel: -1, writeLevel: 2 };

const bytes = fc
  .array(
    fc.nat(255).map((code) => String.fromCharCode(code)),
    { maxLength: 12 },
  )
  .map((all) => all.join(''));
const anySettings = fc.record({
  db: fc.nat(15),
  resp: fc.constantFrom(2 as const, 3 as const),
  readLevel: fc.integer({ min: -3, max: 9 }),
  writeLevel: fc.integer({ min: -3, max: 9 }),
});
const argv = fc.oneof(
  bytes.map((key) => ['GET', key]),
  fc.tuple(bytes, bytes).map(([key, value]) => ['set', key, value]),
  fc.array(bytes, { minLength: 1, maxLength: 5 }).map((keys) => ['MGet', ...keys]),
);

describe('a command', () => {
  it('arrives as it was sent, with what its client had set', () => {
    fc.assert(
      fc.property(anySettings, argv, (sent, args) => {
        expect(decodeRequest(encodeCommand(sent, args), table)).toEqual({
          kind: 'command',
          settings: sent,
          argv: args,
        });
      }),
    );
  });
});

describe('an EXEC', () => {
  it('arrives with as many arguments as a client may send', () => {
    const argv = ['MGET', ...Array.from({ length: 300_000 }, (_, i) => String(i))];
    const queued = [{ db: 0, argv, row: table.lookup('mget')! }];
    const request = decodeRequest(encodeExec(settings, [], queued), table);
    if (request?.kind !== 'exec') throw new Error('not an exec');
    expect(request.queued[0].argv).toEqual(argv);
  });

  it('arrives as it was sent, each command with its row and each watched key with its state', () => {
    const watch = fc.record({ db: fc.nat(15), key: bytes, state: bytes });
    const queue = fc.array(fc.record({ db: fc.nat(15), argv }), { maxLength: 5 });
    fc.assert(
      fc.property(anySettings, fc.array(watch, { maxLength: 3 }), queue, (sent, watches, commands) => {
        const queued = commands.map(({ db, argv }) => ({ db, argv, row: table.lookup(argv[0])! }));
        const request = decodeRequest(encodeExec(sent, watches, queued), table);
        expect(request).toMatchObject({ kind: 'exec', settings: sent, watches });
        if (request?.kind !== 'exec') throw new Error('not an exec');
        expect(request.queued.map(({ db, argv }) => ({ db, argv }))).toEqual(commands);
        expect(request.queued.every(({ row }, i) => row === queued[i].row)).toBe(true);
      }),
    );
  });

  it('with a command this node does not have, or cannot call so, is refused', () => {
    const row = table.lookup('get')!;
    for (const argv of [['nosuch', 'k'], ['get'], ['get', 'a', 'b']])
      expect(decodeRequest(encodeExec(settings, [], [{ db: 0, argv, row }]), table)).toBeUndefined();
  });
});

describe('a WATCH', () => {
  it('arrives as it was sent', () => {
    fc.assert(
      fc.property(anySettings, fc.array(bytes, { minLength: 1, maxLength: 4 }), (sent, keys) => {
        expect(decodeRequest(encodeWatch(sent, keys), table)).toEqual({
          kind: 'watch',
          settings: sent,
          keys,
        });
      }),
    );
  });
});

describe('a garbled request', () => {
  it.each([
    [],
    ['c'],
    ['c', '0 2 0 0'],
    ['c', '0 2 0', 'get', 'k'],
    ['c', '0 4 0 0', 'get', 'k'],
    ['c', '0 2 x 0', 'get', 'k'],
    ['?', '0 2 0 0', 'get', 'k'],
    ['w', '0 2 0 0'],
    ['x', '0 2 0 0', '1', '0', 'key'],
    ['x', '0 2 0 0', '0', '0', '3', 'get', 'k'],
    ['x', '0 2 0 0', '0', '0', '0'],
    ['x', '0 2 0 0', '0', '0', '-1', 'get'],
    ['x', '0 2 0 0', '0', '0'],
  ])('%j %j %j %j %j %j is undefined', (...parts) => {
    expect(decodeRequest(packStrings(parts), table)).toBeUndefined();
  });

  it('is never an exception, whatever byte is lost or changed', () => {
    const row = table.lookup('mget')!;
    const queued = [{ db: 1, argv: ['mget', 'a', 'b'], row }];
    const watches = [{ db: 0, key: 'w', state: 's' }];
    for (const payload of [encodeCommand(settings, ['get', 'k']), encodeExec(settings, watches, queued)]) {
      for (let at = 0; at < payload.length; at++) {
        decodeRequest(payload.slice(0, at) + payload.slice(at + 1), table);
        for (const other of ['0', '9', ' ', '\n', '-', '\xff'])
          decodeRequest(payload.slice(0, at) + other + payload.slice(at + 1), table);
      }
    }
  });
});

describe('an outcome', () => {
  it.each([
    ['an abort', null],
    ['an error line', 'NOQUORUM no'],
    ['no replies', []],
    ['replies', ['+OK\r\n', '$-1\r\n', '$3\r\na\r\n\r\n']],
  ])('arrives as it was: %s', (_, outcome) => {
    expect(decodeOutcome(encodeOutcome(outcome))).toEqual(outcome);
  });

  it('has every reply whole, however many chunks it was written in', () => {
    expect(decodeOutcome(encodeOutcome(['+OK\r\n', ['$2\r\n', 'ab', '\r\n']]))).toEqual([
      '+OK\r\n',
      '$2\r\nab\r\n',
    ]);
  });

  it.each([
    '',
    '7 \nok',
    packStrings([]),
    packStrings(['error']),
    '-ERR a garbled command from another node\r\n',
  ])('that is garbled is an error: %j', (answer) =>
    expect(decodeOutcome(answer)).toBe('ERR a garbled answer from another node'),
  );
});
