const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/**
 * A signed 64-bit integer as Redis's `string2ll` takes it: decimal, no leading zeros, plus sign or spaces. A safe integer
 * comes as a number, a larger one as a bigint; undefined when it is none or out of range.
 */
export function parseInt64(text: string): number | bigint | undefined {
  const { length } = text;
  if (length === 0 || length > 20) return undefined;
  const negative = text.charCodeAt(0) === 45;
  const start = negative ? 1 : 0;
  if (start === length) return undefined;
  const first = text.charCodeAt(start);
  if (first === 48) return length === 1 ? 0 : undefined;
  let n = 0;
  for (let i = start; i < length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return undefined;
    n = n * 10 + digit;
  }
  if (length - start <= 15) return negative ? -n : n;
  const big = BigInt(text);
  if (big < MIN_INT64 || big > MAX_INT64) return undefined;
  return normalized(big);
}

/** The sum as a signed 64-bit integer, undefined when it would overflow. */
export function addInt64(a: number | bigint, b: number | bigint): number | bigint | undefined {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  const sum = BigInt(a) + BigInt(b);
  return sum < MIN_INT64 || sum > MAX_INT64 ? undefined : normalized(sum);
}

/** A bigint that is a safe integer as a number, so that most arithmetic stays cheap. */
export function normalized(n: bigint): number | bigint {
  const small = Number(n);
  return Number.isSafeInteger(small) ? small : n;
}

/** A 64-bit integer argument that is used as a count or a time: beyond 2^53 the nearest double serves as well. */
export function parseInteger(text: string): number | undefined {
  const n = parseInt64(text);
  return n === undefined ? undefined : Number(n);
}
