import { Errors } from '../../errors.js';
import { parseInteger } from '../numbers.js';

/** Bits from `first` to `last`, both included; empty when `last` is smaller. */
export interface BitRange {
  readonly first: number;
  readonly last: number;
}

/** Two indexes, negative ones counted from the end, as the bits they mean in a value of `length` bytes. */
export function bitRange(start: number, end: number, length: number, unit: 'byte' | 'bit'): BitRange {
  const total = unit === 'bit' ? length * 8 : length;
  const first = Math.max(start < 0 ? start + total : start, 0);
  const last = Math.min(Math.max(end < 0 ? end + total : end, 0), total - 1);
  return unit === 'bit' ? { first, last } : { first: first * 8, last: last * 8 + 7 };
}

/** BYTE or BIT; undefined when it is neither. */
export function parseUnit(text: string): 'byte' | 'bit' | undefined {
  const unit = text.toLowerCase();
  return unit === 'byte' || unit === 'bit' ? unit : undefined;
}

/** An index argument, or Redis's error line. */
export function parseIndex(text: string): number | string {
  return parseInteger(text) ?? Errors.notInteger;
}
