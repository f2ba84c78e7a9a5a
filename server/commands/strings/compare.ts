import { Errors } from '../../errors.js';
import { type CommandSpec, ONE_KEY } from '../spec.js';

const CONDITIONS = 'ERR Invalid condition. Use IFEQ or IFNE';

/** Deletes that happen only if the key has the value the client saw, or has another. */
export const compareCommands: readonly CommandSpec[] = [
  {
    name: 'delifeq',
    arity: 3,
    flags: ['write', 'fast'],
    keys: ONE_KEY,
    serial: true,
    since: '0.1.0',
    group: 'ringkv',
    summary: 'Delete a key if it has the given value, as in Valkey 9.0',
    complexity: 'O(1)',
    extraCategories: ['@string'],
    syntax: 'DELIFEQ key value',
    run(call) {
      const [, key, expected] = call.argv;
      call.reply.integer(call.read(key)?.payload === expected && call.remove(key) ? 1 : 0);
    },
  },
  {
    name: 'delex',
    arity: -2,
    flags: ['write', 'fast'],
    keys: ONE_KEY,
    // Without a condition it is a DEL.
    serial: (argv) => argv.length > 2,
    since: '0.2.0',
    group: 'ringkv',
    summary: 'Delete a key, if it has the given value or if it has another one, as in Redis 8.4',
    complexity: 'O(1)',
    extraCategories: ['@string'],
    syntax: 'DELEX key [IFEQ value | IFNE value]',
    run(call) {
      const { argv, reply } = call;
      if (argv.length !== 2 && argv.length !== 4) return reply.error(Errors.arity('delex'));
      const [, key, condition, value] = argv;
      if (condition !== undefined && !/^IF(EQ|NE)$/i.test(condition)) return reply.error(CONDITIONS);
      const old = call.read(key);
      const holds =
        old !== undefined &&
        (condition === undefined || (condition.toUpperCase() === 'IFEQ') === (old.payload === value));
      reply.integer(holds && call.remove(key) ? 1 : 0);
    },
  },
];
