import { beforeNul } from '../../errors.js';

const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

/**
 * A point in time, Unix ms, from a client's number in `unitMs` steps counted from `base`; undefined where Redis's 64-bit
 * arithmetic would overflow. Beyond 2^53 (the year 287396) the nearest double stands for it.
 */
export function expiryTime(when: number | bigint, unitMs: number, base: number): number | undefined {
  // A safe integer of seconds is below 2^63 ms, with any clock added.
  if (typeof when === 'number') return when * unitMs + base;
  const time = when * BigInt(unitMs);
  if (time > MAX_INT64 - BigInt(base) || time < MIN_INT64) return undefined;
  return Number(time + BigInt(base));
}

/** A time or duration as a reply: a double beyond 2^53 printed to its last digit, and never above Redis's largest integer. */
export function replyTime(ms: number): number | bigint {
  if (Number.isSafeInteger(ms)) return ms;
  const big = BigInt(ms);
  return big > MAX_INT64 ? MAX_INT64 : big;
}

/** Redis's rounding of milliseconds to seconds. */
export function toSeconds(ms: number): number {
  return Math.floor((ms + 500) / 1000);
}

/** When EXPIRE's options let a new time take the place of the old. */
export interface ExpireCondition {
  readonly nx: boolean;
  readonly xx: boolean;
  readonly gt: boolean;
  readonly lt: boolean;
}

/** EXPIRE's options from `argv[3]` on, or an error line. */
export function parseExpireCondition(argv: readonly string[]): ExpireCondition | string {
  const given = { nx: false, xx: false, gt: false, lt: false };
  for (let i = 3; i < argv.length; i++) {
    const option = argv[i].toLowerCase();
    if (option !== 'nx' && option !== 'xx' && option !== 'gt' && option !== 'lt')
      return `ERR Unsupported option ${beforeNul(argv[i])}`;
    given[option] = true;
  }
  if (given.nx && (given.xx || given.gt || given.lt))
    return 'ERR NX and XX, GT or LT options at the same time are not compatible';
  if (given.gt && given.lt) return 'ERR GT and LT options at the same time are not compatible';
  return given;
}

/** `current` 0 = never expires, which counts as later than any time. */
export function conditionHolds(condition: ExpireCondition, current: number, next: number): boolean {
  if (condition.nx && current !== 0) return false;
  if (condition.xx && current === 0) return false;
  if (condition.gt && (current === 0 || next <= current)) return false;
  return !(condition.lt && current !== 0 && next >= current);
}
