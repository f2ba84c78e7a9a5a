import { type CommandSpec, ONE_KEY } from '../spec.js';
import { isTooLong, TOO_LONG } from '../strings/limits.js';
import { BAD_OFFSET, grownBytes, parseBitOffset } from './bit-args.js';

/** GETBIT, SETBIT. Bit 0 is the highest of the first byte. */
export const bitCommands: readonly CommandSpec[] = [
  {
    name: 'getbit',
    arity: 3,
    flags: ['readonly', 'fast'],
    keys: ONE_KEY,
    since: '2.2.0',
    group: 'bitmap',
    summary: 'Returns the bit value at offset in the string value stored at key',
    complexity: 'O(1)',
    syntax: 'GETBIT key offset',
    run(call) {
      const offset = parseBitOffset(call, call.argv[2]);
      if (offset === undefined) return call.reply.error(BAD_OFFSET);
      call.reply.integer(bitOf(call.read(call.argv[1])?.payload ?? '', offset));
    },
  },
  {
    name: 'setbit',
    arity: 4,
    flags: ['write', 'denyoom'],
    keys: ONE_KEY,
    since: '2.2.0',
    group: 'bitmap',
    summary: 'Sets or clears the bit at offset in the string value stored at key',
    complexity: 'O(1)',
    syntax: 'SETBIT key offset value',
    run(call) {
      const { argv, reply } = call;
      const offset = parseBitOffset(call, argv[2]);
      if (offset === undefined) return reply.error(BAD_OFFSET);
      if (argv[3] !== '0' && argv[3] !== '1') return reply.error('ERR bit is not an integer or out of range');
      const place = Math.floor(offset / 8);
      if (isTooLong(call, place + 1)) return reply.error(TOO_LONG);
      const value = call.read(argv[1]);
      const payload = value?.payload ?? '';
      const before = bitOf(payload, offset);
      const after = Number(argv[3]);
      // As in Redis nothing is written, and no WATCH fails, when the bit was there and is the same.
      if (place >= payload.length || before !== after) {
        const bytes = grownBytes(payload, place + 1);
        const mask = maskOf(offset);
        bytes[place] = after === 1 ? bytes[place] | mask : bytes[place] & ~mask;
        call.write(argv[1], bytes.latin1Slice(), value?.expireAt ?? 0);
      }
      reply.integer(before);
    },
  },
];

/** Bits behind the end are 0. */
function bitOf(payload: string, offset: number): number {
  const place = Math.floor(offset / 8);
  return place < payload.length && (payload.charCodeAt(place) & maskOf(offset)) !== 0 ? 1 : 0;
}

function maskOf(offset: number): number {
  return 0x80 >> (offset % 8);
}
