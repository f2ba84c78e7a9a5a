import { Errors } from '../../errors.js';
import { type CommandSpec, ONE_KEY } from '../spec.js';
import { type BitRange, bitRange, parseIndex, parseUnit } from './bit-range.js';

/** BITCOUNT. */
export const bitcountCommand: CommandSpec = {
  name: 'bitcount',
  arity: -2,
  flags: ['readonly'],
  keys: ONE_KEY,
  since: '2.6.0',
  group: 'bitmap',
  summary: 'Count set bits in a string',
  complexity: 'O(N)',
  syntax: 'BITCOUNT key [start end [BYTE | BIT]]',
  run(call) {
    const { reply } = call;
    // Redis looks for the key first: without it, the answer is 0 whatever follows.
    const payload = call.read(call.argv[1])?.payload;
    if (payload === undefined) return reply.integer(0);
    const range = countRange(call.argv, payload.length);
    if (typeof range === 'string') return reply.error(range);
    reply.integer(countBits(payload, range));
  },
};

/** The bits that are asked for, or an error line. */
function countRange(argv: readonly string[], length: number): BitRange | string {
  if (argv.length === 2) return bitRange(0, -1, length, 'byte');
  if (argv.length !== 4 && argv.length !== 5) return Errors.syntax;
  const start = parseIndex(argv[2]);
  if (typeof start === 'string') return start;
  const end = parseIndex(argv[3]);
  if (typeof end === 'string') return end;
  // Before the unit, right or wrong, is looked at.
  if (start < 0 && end < 0 && start > end) return { first: 0, last: -1 };
  const unit = parseUnit(argv[4] ?? 'byte');
  if (unit === undefined) return Errors.syntax;
  return bitRange(start, end, length, unit);
}

function countBits(payload: string, { first, last }: BitRange): number {
  if (last < first) return 0;
  const from = Math.floor(first / 8);
  const length = Math.floor(last / 8) + 1 - from;
  // Whole 32-bit words need memory of their own, which starts on a word.
  const bytes = Buffer.allocUnsafeSlow(Math.ceil(length / 4) * 4).fill(0, length);
  bytes.latin1Write(payload.slice(from, from + length));
  bytes[0] &= 0xff >> (first % 8);
  bytes[length - 1] &= 0xff << (7 - (last % 8));
  let count = 0;
  for (const word of new Uint32Array(bytes.buffer, 0, bytes.length / 4)) count += bitsOf(word);
  return count;
}

/** Set bits of a 32-bit word: counted in pairs, nibbles and bytes, and the bytes added up by a multiplication. */
function bitsOf(word: number): number {
  word -= (word >>> 1) & 0x55555555;
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
