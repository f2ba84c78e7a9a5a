/**
 * The 80-bit long double of x86-64 C, which Redis's INCRBYFLOAT computes with: a 64-bit mantissa, rounding half to even.
 * Every finite one is `mantissa * 2^exponent` with |mantissa| < 2^64; everything here is exact integer arithmetic.
 */
export interface LongDouble {
  /** Signed. */
  readonly mantissa: bigint;
  readonly exponent: number;
}

/** What arithmetic makes of numbers too large, and of the word `inf`. */
export type Infinite = 'infinite';

export const ZERO: LongDouble = { mantissa: 0n, exponent: 0 };

const MANTISSA_BITS = 64;
const MANTISSA_END = 1n << 64n;
/** The weight of the last bit, in the smallest denormal and in the largest number. */
const MIN_EXPONENT = -16445;
const MAX_EXPONENT = 16320;
/** Redis copies the text to a buffer of this size, with a zero at the end. */
const MAX_TEXT = 5 * 1024 - 1;
/** Decimal numbers of these many digits before (or zeros after) the point are out of range whatever their digits are. */
const MAX_DECIMAL_EXPONENT = 5000;

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i;
const HEX = /^([+-]?)0x([\da-f]*)(?:\.([\da-f]*))?(?:p([+-]?\d+))?$/i;
const INFINITY = /^[+-]?inf(?:inity)?$/i;

/** As Redis's `string2ld`: the whole text as `strtold` reads it. undefined = not a number, or too large or too small. */
export function parseLongDouble(text: string): LongDouble | Infinite | undefined {
  if (text.length > MAX_TEXT) return undefined;
  const parsed = parseDecimal(text) ?? parseHex(text);
  if (parsed === undefined) return INFINITY.test(text) ? 'infinite' : undefined;
  return parsed === 'infinite' ? undefined : parsed;
}

function parseDecimal(text: string): LongDouble | Infinite | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign, whole, fraction = '', power = '0'] = match;
  const written = whole + fraction;
  if (written === '') return undefined;
  const digits = written.replace(/^0+/, '');
  if (digits === '') return ZERO;
  const exponent = Number(power) - fraction.length;
  if (digits.length + exponent > MAX_DECIMAL_EXPONENT) return 'infinite';
  if (digits.length + exponent < -MAX_DECIMAL_EXPONENT) return undefined;
  const n = BigInt(digits);
  const scaled =
    exponent < 0 ? rounded(n, 10n ** BigInt(-exponent)) : rounded(n * 10n ** BigInt(exponent), 1n);
  return signed(scaled, sign);
}

function parseHex(text: string): LongDouble | Infinite | undefined {
  const match = HEX.exec(text);
  if (match === null) return undefined;
  const [, sign, whole, fraction = '', power = '0'] = match;
  const written = whole + fraction;
  if (written === '') return undefined;
  const n = BigInt(`0x${written}`);
  if (n === 0n) return ZERO;
  const exponent = Number(power) - 4 * fraction.length;
  if (bitLength(n) + exponent > MAX_EXPONENT + MANTISSA_BITS) return 'infinite';
  if (bitLength(n) + exponent < MIN_EXPONENT - 1) return undefined;
  return signed(
    exponent < 0 ? rounded(n, 1n << BigInt(-exponent)) : rounded(n << BigInt(exponent), 1n),
    sign,
  );
}

/** Gives a parsed number its sign; one that was not zero but rounds to it is a range error. */
function signed(value: LongDouble | Infinite, sign: string): LongDouble | Infinite | undefined {
  if (value === 'infinite' || sign !== '-')
    return value === 'infinite' || value.mantissa !== 0n ? value : undefined;
  return value.mantissa === 0n ? undefined : { mantissa: -value.mantissa, exponent: value.exponent };
}

/** The exact sum, rounded once. */
export function addLongDoubles(a: LongDouble, b: LongDouble): LongDouble | Infinite {
  const exponent = Math.min(a.exponent, b.exponent);
  const sum = (a.mantissa << BigInt(a.exponent - exponent)) + (b.mantissa << BigInt(b.exponent - exponent));
  if (sum === 0n) return ZERO;
  const size = sum < 0n ? -sum : sum;
  const value = exponent < 0 ? rounded(size, 1n << BigInt(-exponent)) : rounded(size << BigInt(exponent), 1n);
  if (value === 'infinite' || sum > 0n) return value;
  return { mantissa: -value.mantissa, exponent: value.exponent };
}

/** `%.17Lf` with the zeros at the end cut off, as Redis prints a long double for people. Never `-0`. */
export function formatLongDouble({ mantissa, exponent }: LongDouble): string {
  const size = (mantissa < 0n ? -mantissa : mantissa) * 10n ** 17n;
  const scaled = exponent < 0 ? divideHalfEven(size, 1n << BigInt(-exponent)) : size << BigInt(exponent);
  const digits = scaled.toString().padStart(18, '0');
  const whole = digits.slice(0, -17);
  const fraction = digits.slice(-17).replace(/0+$/, '');
  const text = fraction === '' ? whole : `${whole}.${fraction}`;
  return mantissa < 0n && text !== '0' ? `-${text}` : text;
}

/** The long double nearest to n/d (n, d > 0). */
function rounded(n: bigint, d: bigint): LongDouble | Infinite {
  let exponent = bitLength(n) - bitLength(d) - MANTISSA_BITS;
  // The quotient at this exponent has 64 or 65 bits; the right one has 64, before it is rounded.
  if (shiftedQuotient(n, d, exponent) >= MANTISSA_END) exponent++;
  exponent = Math.max(exponent, MIN_EXPONENT);
  let mantissa =
    exponent < 0 ? divideHalfEven(n << BigInt(-exponent), d) : divideHalfEven(n, d << BigInt(exponent));
  if (mantissa === MANTISSA_END) {
    mantissa >>= 1n;
    exponent++;
  }
  return exponent > MAX_EXPONENT ? 'infinite' : { mantissa, exponent };
}

function shiftedQuotient(n: bigint, d: bigint, exponent: number): bigint {
  return exponent < 0 ? (n << BigInt(-exponent)) / d : n / (d << BigInt(exponent));
}

function divideHalfEven(n: bigint, d: bigint): bigint {
  const quotient = n / d;
  const twice = 2n * (n % d);
  return twice > d || (twice === d && quotient % 2n === 1n) ? quotient + 1n : quotient;
}

function bitLength(n: bigint): number {
  const hex = n.toString(16);
  return hex.length * 4 - Math.clz32(Number.parseInt(hex[0], 16)) + 28;
}
