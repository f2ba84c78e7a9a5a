import { parseInt64 } from '../numbers.js';
import type { Call } from '../spec.js';
import { maxBulkBytes } from '../strings/limits.js';

export const BAD_OFFSET = 'ERR bit offset is not an integer or out of range';

/** A bit's place in a value that may be as long as a value can get; undefined when there can be no such bit. */
export function parseBitOffset(call: Call, text: string): number | undefined {
  const offset = parseInt64(text);
  return typeof offset === 'number' && isBitOffset(call, offset) ? offset : undefined;
}

/** Whether a value may have this bit. */
export function isBitOffset(call: Call, offset: number): boolean {
  return offset >= 0 && Math.floor(offset / 8) < maxBulkBytes(call);
}

/** `payload` as bytes to change, with zeros behind it up to `length`. */
export function grownBytes(payload: string, length: number): Buffer {
  const bytes = Buffer.alloc(Math.max(payload.length, length));
  bytes.latin1Write(payload);
  return bytes;
}
