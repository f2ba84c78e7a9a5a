import { Errors } from '../../errors.js';
import { addInt64, parseInt64 } from '../numbers.js';
import { type Call, type CommandSpec, ONE_KEY } from '../spec.js';

const MIN_INT64 = -(2n ** 63n);

/** Adds to the key's integer, 0 when there is none; the expiry stays. */
function add(call: Call, amount: number | bigint): void {
  const { reply } = call;
  const key = call.argv[1];
  const old = call.read(key);
  const before = old === undefined ? 0 : parseInt64(old.payload);
  if (before === undefined) {
    reply.error(Errors.notInteger);
    return;
  }
  const sum = addInt64(before, amount);
  if (sum === undefined) {
    reply.error('ERR increment or decrement would overflow');
    return;
  }
  call.increment(key, amount);
  // What both sides of a partition have added may be more than 64 bits can show: at the limit it is not what was seen and what is added.
  reply.integer(typeof before === 'bigint' ? parseInt64(call.read(key)!.payload)! : sum);
}

const COUNTS =
  'What both sides of a partition have added counts, unless the key holds concurrent strings of a policy that merges: then a string is written';

/** Integer counters: signed 64 bits. Increments made without knowing of each other all count (`storage/counter.ts`). */
export const incrCommands: readonly CommandSpec[] = [
  {
    name: 'incr',
    arity: 2,
    flags: ['write', 'denyoom', 'fast'],
    keys: ONE_KEY,
    since: '1.0.0',
    group: 'string',
    summary: 'Increment the integer value of a key by one',
    note: COUNTS,
    complexity: 'O(1)',
    syntax: 'INCR key',
    run: (call) => add(call, 1),
  },
  {
    name: 'decr',
    arity: 2,
    flags: ['write', 'denyoom', 'fast'],
    keys: ONE_KEY,
    since: '1.0.0',
    group: 'string',
    summary: 'Decrement the integer value of a key by one',
    note: COUNTS,
    complexity: 'O(1)',
    syntax: 'DECR key',
    run: (call) => add(call, -1),
  },
  {
    name: 'incrby',
    arity: 3,
    flags: ['write', 'denyoom', 'fast'],
    keys: ONE_KEY,
    since: '1.0.0',
    group: 'string',
    summary: 'Increment the integer value of a key by the given amount',
    note: COUNTS,
    complexity: 'O(1)',
    syntax: 'INCRBY key increment',
    run(call) {
      const amount = parseInt64(call.argv[2]);
      if (amount === undefined) return call.reply.error(Errors.notInteger);
      add(call, amount);
    },
  },
  {
    name: 'decrby',
    arity: 3,
    flags: ['write', 'denyoom', 'fast'],
    keys: ONE_KEY,
    since: '1.0.0',
    group: 'string',
    summary: 'Decrement the integer value of a key by the given number',
    note: COUNTS,
    complexity: 'O(1)',
    syntax: 'DECRBY key decrement',
    run(call) {
      const amount = parseInt64(call.argv[2]);
      if (amount === undefined) return call.reply.error(Errors.notInteger);
      // Its negation is no signed 64-bit number.
      if (amount === MIN_INT64) return call.reply.error('ERR decrement would overflow');
      add(call, -amount);
    },
  },
];
