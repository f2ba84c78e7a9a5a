import { Errors } from '../../errors.js';
import { parseInt64 } from '../numbers.js';
import type { Call } from '../spec.js';
import { BAD_OFFSET, isBitOffset } from './bit-args.js';
import { type FieldType, type Overflow, parseFieldType } from './field-integer.js';

/** One GET, SET or INCRBY of BITFIELD. */
export interface FieldOperation {
  readonly kind: 'get' | 'set' | 'incrby';
  readonly type: FieldType;
  readonly offset: number;
  /** The value to set or to add; 0 for GET. */
  readonly operand: bigint;
  /** What the last OVERFLOW before it said. */
  readonly overflow: Overflow;
}

const BAD_TYPE =
  'ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.';

/** BITFIELD's operations from `argv[2]` on, or an error line. */
export function parseFieldOperations(call: Call): FieldOperation[] | string {
  const { argv } = call;
  const operations: FieldOperation[] = [];
  let overflow: Overflow = 'wrap';
  let i = 2;
  while (i < argv.length) {
    const word = argv[i].toLowerCase();
    const left = argv.length - i - 1;
    if (word === 'overflow' && left >= 1) {
      const how = argv[i + 1].toLowerCase();
      if (how !== 'wrap' && how !== 'sat' && how !== 'fail') return 'ERR Invalid OVERFLOW type specified';
      overflow = how;
      i += 2;
    } else if ((word === 'get' && left >= 2) || ((word === 'set' || word === 'incrby') && left >= 3)) {
      const type = parseFieldType(argv[i + 1]);
      if (type === undefined) return BAD_TYPE;
      const offset = parseFieldOffset(call, argv[i + 2], type.bits);
      if (offset === undefined) return BAD_OFFSET;
      const operand = word === 'get' ? 0 : parseInt64(argv[i + 3]);
      if (operand === undefined) return Errors.notInteger;
      operations.push({ kind: word, type, offset, operand: BigInt(operand), overflow });
      i += word === 'get' ? 3 : 4;
    } else {
      return Errors.syntax;
    }
  }
  return operations;
}

/** A bit's place, or with `#` the place of the nth field of this width. */
function parseFieldOffset(call: Call, text: string, bits: number): number | undefined {
  const counted = text[0] === '#';
  const n = parseInt64(counted ? text.slice(1) : text);
  if (typeof n !== 'number') return undefined;
  const offset = counted ? n * bits : n;
  return isBitOffset(call, offset) ? offset : undefined;
}
