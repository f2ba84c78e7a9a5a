/**
 * `max` and `min` of values that are numbers. The order is total, so that every node picks the same value: what is no number is less
 * wanted than any number, equal numbers differ by how they are written.
 */
export function largest(values: readonly string[]): string {
  return values.reduce((best, value) => (precedes(best, value, 1) ? value : best));
}

export function smallest(values: readonly string[]): string {
  return values.reduce((best, value) => (precedes(best, value, -1) ? value : best));
}

const INTEGER = /^-?\d{1,400}$/;

/** Whether `b` is to be taken rather than `a`; `sign` 1 for the largest, -1 for the smallest. */
function precedes(a: string, b: string, sign: 1 | -1): boolean {
  const [x, y] = [numberOf(a), numberOf(b)];
  if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x);
  if (x !== y && !Number.isNaN(x)) return sign === 1 ? y > x : y < x;
  return compareAlike(a, b) === -sign;
}

/** NaN for what is no finite number. */
function numberOf(text: string): number {
  const value = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : Number.NaN;
}

/** Of values that are the same as doubles, or no numbers: whole numbers to their last digit, then by how they are written. */
function compareAlike(a: string, b: string): -1 | 0 | 1 {
  const whole = [INTEGER.test(a), INTEGER.test(b)];
  if (whole[0] !== whole[1]) return whole[0] ? 1 : -1;
  if (whole[0]) {
    const [x, y] = [BigInt(a), BigInt(b)];
    if (x !== y) return x < y ? -1 : 1;
  }
  return a === b ? 0 : a < b ? -1 : 1;
}
