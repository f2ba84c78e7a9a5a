/** An integer of BITFIELD: `i5` is signed and 5 bits wide. */
export interface FieldType {
  readonly signed: boolean;
  readonly bits: number;
}

export type Overflow = 'wrap' | 'sat' | 'fail';

/** undefined when it is no type. Unsigned fields end at 63 bits: Redis replies with signed 64-bit integers. */
export function parseFieldType(text: string): FieldType | undefined {
  if (!/^[iu][1-9]\d?$/.test(text)) return undefined;
  const signed = text[0] === 'i';
  const bits = Number(text.slice(1));
  return bits <= (signed ? 64 : 63) ? { signed, bits } : undefined;
}

/** The field at a bit offset; `byteAt` gives 0 behind the end. */
export function readField(
  byteAt: (i: number) => number,
  offset: number,
  { signed, bits }: FieldType,
): bigint {
  const end = offset + bits;
  const lastByte = Math.floor((end - 1) / 8);
  let value = 0n;
  for (let i = Math.floor(offset / 8); i <= lastByte; i++) value = (value << 8n) | BigInt(byteAt(i));
  value >>= BigInt((lastByte + 1) * 8 - end);
  return signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
}

/** Puts the lowest bits of `value` into bytes that are long enough. */
export function writeField(bytes: Buffer, offset: number, { bits }: FieldType, value: bigint): void {
  const end = offset + bits;
  const firstByte = Math.floor(offset / 8);
  const lastByte = Math.floor((end - 1) / 8);
  const shift = BigInt((lastByte + 1) * 8 - end);
  const mask = ((1n << BigInt(bits)) - 1n) << shift;
  let rest = (BigInt.asUintN(bits, value) << shift) & mask;
  let kept = ~mask;
  for (let i = lastByte; i >= firstByte; i--) {
    bytes[i] = (bytes[i] & Number(kept & 0xffn)) | Number(rest & 0xffn);
    rest >>= 8n;
    kept >>= 8n;
  }
}

/**
 * `value + increment` as a field of this type, undefined where it does not fit and shall fail. `value` is taken as Redis takes
 * it: as an unsigned 64-bit integer for an unsigned field.
 */
export function fitField(
  { signed, bits }: FieldType,
  overflow: Overflow,
  value: bigint,
  increment: bigint,
): bigint | undefined {
  const start = signed ? value : BigInt.asUintN(64, value);
  const sum = start + increment;
  const max = signed ? (1n << BigInt(bits - 1)) - 1n : (1n << BigInt(bits)) - 1n;
  const min = signed ? -max - 1n : 0n;
  if (sum >= min && sum <= max) return sum;
  if (overflow === 'fail') return undefined;
  if (overflow === 'wrap') return signed ? BigInt.asIntN(bits, sum) : BigInt.asUintN(bits, sum);
  // Redis's room up to `max` is a signed 64-bit integer as well: far enough below, it wraps, and too small looks too large.
  const tooLarge = sum > max || (signed && bits < 64 && max - start >= 2n ** 63n);
  return tooLarge ? max : min;
}
