import { Errors } from '../../errors.js';
import { normalized, parseInt64 } from '../numbers.js';
import type { Call } from '../spec.js';

const MAX_INT64 = 2n ** 63n - 1n;

export type ExpiryUnit = 'EX' | 'PX' | 'EXAT' | 'PXAT';

/** All four, for SET and GETEX. */
export const ALL_UNITS: readonly ExpiryUnit[] = ['EX', 'PX', 'EXAT', 'PXAT'];

/**
 * The absolute time in ms that an expiry argument says, or the error line Redis answers (`getExpireMillisecondsOrReply`):
 * it must be positive, and stay a signed 64-bit number of ms once it is made absolute.
 */
export function expireTime(unit: ExpiryUnit, text: string, now: number, command: string): number | string {
  const n = parseInt64(text);
  if (n === undefined) return Errors.notInteger;
  if (n <= 0) return Errors.invalidExpire(command);
  const scale = unit === 'EX' || unit === 'EXAT' ? 1000 : 1;
  const start = unit === 'EX' || unit === 'PX' ? now : 0;
  // A safe integer of seconds is below 2^63 ms, with any clock added.
  if (typeof n === 'number') return n * scale + start;
  const time = n * BigInt(scale) + BigInt(start);
  return time > MAX_INT64 ? Errors.invalidExpire(command) : Number(normalized(time));
}

/**
 * The options of one command that say when the key expires: one of `units` with a time, or `keyword` (KEEPTTL, PERSIST).
 * As in Redis the same option may come twice (the last one counts), two different ones may not.
 */
export class ExpiryOption {
  /** The keyword was given. */
  keyword = false;
  unit: ExpiryUnit | undefined;
  private time = '';

  constructor(
    private readonly word: 'KEEPTTL' | 'PERSIST',
    private readonly units: readonly ExpiryUnit[] = ALL_UNITS,
  ) {}

  /** How many arguments the option at `i` takes; 0 when it is no expiry option or contradicts an earlier one. */
  take(argv: readonly string[], i: number): number {
    const word = argv[i].toUpperCase();
    if (word === this.word) {
      if (this.unit !== undefined) return 0;
      this.keyword = true;
      return 1;
    }
    if (this.keyword || i + 1 >= argv.length) return 0;
    const unit = this.units.find((one) => one === word);
    if (unit === undefined || (this.unit !== undefined && this.unit !== unit)) return 0;
    this.unit = unit;
    this.time = argv[i + 1];
    return 2;
  }

  /** Absolute ms, 0 when no time was given, or an error line. */
  expireAt(now: number, command: string): number | string {
    return this.unit === undefined ? 0 : expireTime(this.unit, this.time, now, command);
  }
}

/** Writes the key, or deletes it when its time is already past (`SET k v PXAT 1`). `expireAt` 0 = never. */
export function writeUntil(call: Call, key: string, payload: string, expireAt: number): void {
  if (expireAt !== 0 && expireAt <= call.now) call.remove(key);
  else call.write(key, payload, expireAt);
}
