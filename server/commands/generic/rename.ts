import { Errors } from '../../errors.js';
import type { Call, CommandSpec, KeyPositions } from '../spec.js';

const TWO_KEYS: KeyPositions = { first: 1, last: 2, step: 1 };

/** RENAME, RENAMENX. */
export const renameCommands: readonly CommandSpec[] = [
  {
    name: 'rename',
    arity: 3,
    flags: ['write'],
    keys: TWO_KEYS,
    since: '1.0.0',
    group: 'generic',
    summary: 'Rename a key',
    complexity: 'O(1)',
    syntax: 'RENAME key newkey',
    run(call) {
      const [, from, to] = call.argv;
      if (call.read(from) === undefined) return call.reply.error(Errors.noKey);
      if (from !== to) rename(call, from, to);
      call.reply.ok();
    },
  },
  {
    name: 'renamenx',
    arity: 3,
    flags: ['write', 'fast'],
    keys: TWO_KEYS,
    serial: true,
    since: '1.0.0',
    group: 'generic',
    summary: 'Rename a key, only if the new key does not exist',
    complexity: 'O(1)',
    syntax: 'RENAMENX key newkey',
    run(call) {
      const [, from, to] = call.argv;
      if (call.read(from) === undefined) return call.reply.error(Errors.noKey);
      if (call.exists(to)) return call.reply.integer(0);
      rename(call, from, to);
      call.reply.integer(1);
    },
  },
];

/** The time to live goes with the value. */
function rename(call: Call, from: string, to: string) {
  const value = call.read(from);
  if (value === undefined) return;
  call.write(to, value.payload, value.expireAt);
  call.remove(from);
}
