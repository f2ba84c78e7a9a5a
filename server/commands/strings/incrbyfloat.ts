import { Errors } from '../../errors.js';
import { type CommandSpec, ONE_KEY } from '../spec.js';
import { addLongDoubles, formatLongDouble, parseLongDouble, ZERO } from './long-double.js';

/** INCRBYFLOAT prints the same digits as Redis does: clients compare them. */
export const incrByFloatCommand: CommandSpec = {
  name: 'incrbyfloat',
  arity: 3,
  flags: ['write', 'denyoom', 'fast'],
  keys: ONE_KEY,
  since: '2.6.0',
  group: 'string',
  summary: 'Increment the float value of a key by the given amount',
  note: 'Writes a string, no counter: of what two sides of a partition have added the newer stays',
  complexity: 'O(1)',
  syntax: 'INCRBYFLOAT key increment',
  run(call) {
    const { argv, reply } = call;
    const key = argv[1];
    const old = call.read(key);
    const before = old === undefined ? ZERO : parseLongDouble(old.payload);
    const amount = parseLongDouble(argv[2]);
    if (before === undefined || amount === undefined) return reply.error(Errors.notFloat);
    const sum = before === 'infinite' || amount === 'infinite' ? 'infinite' : addLongDoubles(before, amount);
    if (sum === 'infinite') return reply.error('ERR increment would produce NaN or Infinity');
    const text = formatLongDouble(sum);
    call.write(key, text, old?.expireAt ?? 0);
    reply.bulk(text);
  },
};
