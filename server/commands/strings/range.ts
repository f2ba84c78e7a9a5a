import { Errors } from '../../errors.js';
import { parseInteger } from '../numbers.js';
import { type CommandSpec, type Handler, ONE_KEY } from '../spec.js';
import { isTooLong, TOO_LONG } from './limits.js';

/** Offsets count from the end when negative, and are cut to the string; the end is inclusive. */
const getRange: Handler = (call) => {
  const { argv, reply } = call;
  let start = parseInteger(argv[2]);
  let end = parseInteger(argv[3]);
  if (start === undefined || end === undefined) return reply.error(Errors.notInteger);
  const text = call.read(argv[1])?.payload ?? '';
  // Redis asks before it cuts: `GETRANGE k -5 -9` is empty, though both would become 0 in a short string.
  if (start < 0 && end < 0 && start > end) return reply.bulk('');
  if (start < 0) start = Math.max(text.length + start, 0);
  if (end < 0) end = Math.max(text.length + end, 0);
  reply.bulk(text.slice(start, end + 1));
};

const RANGE_COMPLEXITY =
  'O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings.';

/** Reads and writes of parts of a value. */
export const rangeCommands: readonly CommandSpec[] = [
  {
    name: 'getrange',
    arity: 4,
    flags: ['readonly'],
    keys: ONE_KEY,
    since: '2.4.0',
    group: 'string',
    summary: 'Get a substring of the string stored at a key',
    complexity: RANGE_COMPLEXITY,
    syntax: 'GETRANGE key start end',
    run: getRange,
  },
  {
    name: 'substr',
    arity: 4,
    flags: ['readonly'],
    keys: ONE_KEY,
    since: '1.0.0',
    group: 'string',
    summary: 'Get a substring of the string stored at a key',
    complexity: RANGE_COMPLEXITY,
    syntax: 'SUBSTR key start end',
    run: getRange,
  },
  {
    name: 'setrange',
    arity: 4,
    flags: ['write', 'denyoom'],
    keys: ONE_KEY,
    since: '2.2.0',
    group: 'string',
    summary: 'Overwrite part of a string at key starting at the specified offset',
    complexity:
      'O(1), not counting the time taken to copy the new string in place. Usually, this string is very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of the value argument.',
    syntax: 'SETRANGE key offset value',
    run(call) {
      const { argv, reply } = call;
      const part = argv[3];
      const offset = parseInteger(argv[2]);
      if (offset === undefined) return reply.error(Errors.notInteger);
      if (offset < 0) return reply.error('ERR offset is out of range');
      const old = call.read(argv[1]);
      const text = old?.payload ?? '';
      if (part.length === 0) return reply.integer(text.length);
      const end = offset + part.length;
      if (isTooLong(call, end)) return reply.error(TOO_LONG);
      const head = text.length < offset ? text + '\0'.repeat(offset - text.length) : text.slice(0, offset);
      const whole = head + part + text.slice(end);
      call.write(argv[1], whole, old?.expireAt ?? 0);
      reply.integer(whole.length);
    },
  },
  {
    name: 'append',
    arity: 3,
    flags: ['write', 'denyoom', 'fast'],
    keys: ONE_KEY,
    since: '2.0.0',
    group: 'string',
    summary: 'Append a value to a key',
    complexity:
      'O(1). The amortized time complexity is O(1) assuming the appended value is small and the already present value is of any size, since the dynamic string library used by Redis will double the free space available on every reallocation.',
    syntax: 'APPEND key value',
    run(call) {
      const { argv, reply } = call;
      const old = call.read(argv[1]);
      const length = (old?.payload.length ?? 0) + argv[2].length;
      if (old !== undefined && isTooLong(call, length)) return reply.error(TOO_LONG);
      call.write(argv[1], old === undefined ? argv[2] : old.payload + argv[2], old?.expireAt ?? 0);
      reply.integer(length);
    },
  },
];
