import { Errors } from '../../errors.js';
import type { Call, CommandSpec, KeyPositions, KeyRef } from '../spec.js';

/** Key, value, key, value. */
const PAIRS: KeyPositions = { first: 1, last: -1, step: 2 };

/** No keys when a value is missing: then the command must not be cut in parts, but refused as a whole by its handler. */
function keysOfPairs(argv: readonly string[], db: number): KeyRef[] {
  const refs: KeyRef[] = [];
  if (argv.length % 2 === 0) return refs;
  for (let i = 1; i < argv.length; i += 2) refs.push({ db, key: argv[i] });
  return refs;
}

function writePairs(call: Call): void {
  const { argv } = call;
  for (let i = 1; i < argv.length; i += 2) call.write(argv[i], argv[i + 1], 0);
}

function anyExists(call: Call): boolean {
  for (let i = 1; i < call.argv.length; i += 2) if (call.exists(call.argv[i])) return true;
  return false;
}

/** Writes of several keys. */
export const msetCommands: readonly CommandSpec[] = [
  {
    name: 'mset',
    arity: -3,
    flags: ['write', 'denyoom'],
    keys: PAIRS,
    keysOf: keysOfPairs,
    fanout: 'ok',
    overwrites: () => true,
    since: '1.0.1',
    group: 'string',
    summary: 'Set multiple keys to multiple values',
    complexity: 'O(N) where N is the number of keys to set.',
    syntax: 'MSET key value [key value ...]',
    run(call) {
      if (call.argv.length % 2 === 0) return call.reply.error(Errors.arity('mset'));
      writePairs(call);
      call.reply.ok();
    },
  },
  {
    name: 'msetnx',
    arity: -3,
    flags: ['write', 'denyoom'],
    keys: PAIRS,
    keysOf: keysOfPairs,
    serial: true,
    since: '1.0.1',
    group: 'string',
    summary: 'Set multiple keys to multiple values, only if none of the keys exist',
    complexity: 'O(N) where N is the number of keys to set.',
    syntax: 'MSETNX key value [key value ...]',
    run(call) {
      if (call.argv.length % 2 === 0) return call.reply.error(Errors.arity('msetnx'));
      if (anyExists(call)) return call.reply.integer(0);
      writePairs(call);
      call.reply.integer(1);
    },
  },
];
