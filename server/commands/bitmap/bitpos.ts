import { Errors } from '../../errors.js';
import { parseInt64 } from '../numbers.js';
import { type CommandSpec, ONE_KEY } from '../spec.js';
import { type BitRange, bitRange, parseIndex, parseUnit } from './bit-range.js';

/** BITPOS. */
export const bitposCommand: CommandSpec = {
  name: 'bitpos',
  arity: -3,
  flags: ['readonly'],
  keys: ONE_KEY,
  since: '2.8.7',
  group: 'bitmap',
  summary: 'Find first bit set or clear in a string',
  complexity: 'O(N)',
  syntax: 'BITPOS key bit [start [end [BYTE | BIT]]]',
  run(call) {
    const { argv, reply } = call;
    const bit = parseInt64(argv[2]);
    if (bit === undefined) return reply.error(Errors.notInteger);
    if (bit !== 0 && bit !== 1) return reply.error('ERR The bit argument must be 1 or 0.');
    // Without a key there are zeros without end, whatever range is asked for.
    const payload = call.read(argv[1])?.payload;
    if (payload === undefined) return reply.integer(bit === 1 ? -1 : 0);
    const range = searchRange(argv, payload.length);
    if (typeof range === 'string') return reply.error(range);
    const found = firstBit(payload, range, bit);
    // Where no end was given, zeros follow the value's end.
    if (found < 0 && bit === 0 && argv.length < 5 && range.first <= range.last)
      reply.integer(payload.length * 8);
    else reply.integer(found);
  },
};

/** The bits that are asked for, or an error line; Redis checks the start, the unit and the end in this order. */
function searchRange(argv: readonly string[], length: number): BitRange | string {
  if (argv.length > 6) return Errors.syntax;
  const start = argv.length > 3 ? parseIndex(argv[3]) : 0;
  if (typeof start === 'string') return start;
  const unit = argv.length > 5 ? parseUnit(argv[5]) : 'byte';
  if (unit === undefined) return Errors.syntax;
  const end = argv.length > 4 ? parseIndex(argv[4]) : -1;
  if (typeof end === 'string') return end;
  return bitRange(start, end, length, unit);
}

/** The place of the first such bit within the range, -1 when there is none. */
function firstBit(payload: string, { first, last }: BitRange, bit: 0 | 1): number {
  if (last < first) return -1;
  const flip = bit === 1 ? 0 : 0xff;
  const lastByte = Math.floor(last / 8);
  // Reading chars stops at the first hit; a Buffer would first have to be filled to the end.
  let mask = 0xff >> (first % 8);
  for (let i = Math.floor(first / 8); i <= lastByte; i++) {
    const hits = (payload.charCodeAt(i) ^ flip) & mask;
    if (hits !== 0) {
      const place = i * 8 + Math.clz32(hits) - 24;
      return place <= last ? place : -1;
    }
    mask = 0xff;
  }
  return -1;
}
