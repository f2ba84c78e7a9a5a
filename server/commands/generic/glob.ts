/**
 * Redis's glob (`util.c`, `stringmatchlen`): `*`, `?`, `[a-z]`, `[^a-z]` and backslash escapes, over bytes.
 *
 * Only the last `*` is ever tried again: what an earlier one could take instead, the last one can take as well. So the time is
 * bounded by pattern times text, also for `a*a*a*a*b`.
 */
export function globMatch(pattern: string, text: string, ignoreCase = false): boolean {
  // As Redis has it, `*` (every key) is all that matches an empty key besides the empty pattern.
  if (text === '') return pattern === '' || pattern === '*';
  let p = 0;
  let t = 0;
  let afterStar = -1;
  let starTook = 0;
  while (t < text.length) {
    if (pattern.charCodeAt(p) === STAR) {
      while (pattern.charCodeAt(p) === STAR) p++;
      if (p === pattern.length) return true;
      afterStar = p;
      starTook = t;
      continue;
    }
    const next = p < pattern.length ? matchOne(pattern, p, text.charCodeAt(t), ignoreCase) : NO_MATCH;
    if (next !== NO_MATCH) {
      p = next;
      t++;
    } else if (afterStar >= 0) {
      p = afterStar;
      t = ++starTook;
    } else {
      return false;
    }
  }
  while (pattern.charCodeAt(p) === STAR) p++;
  return p === pattern.length;
}

const STAR = 42;
const QUESTION = 63;
const OPEN = 91;
const CLOSE = 93;
const BACKSLASH = 92;
const CARET = 94;
const DASH = 45;
const NO_MATCH = -1;

/** Where the pattern goes on after it has matched `char` at `p`, or NO_MATCH. */
function matchOne(pattern: string, p: number, char: number, ignoreCase: boolean): number {
  let wanted = pattern.charCodeAt(p);
  if (wanted === QUESTION) return p + 1;
  if (wanted === OPEN) return matchClass(pattern, p + 1, char, ignoreCase);
  if (wanted === BACKSLASH && p + 1 < pattern.length) wanted = pattern.charCodeAt(++p);
  return wanted === char || (ignoreCase && lower(wanted) === lower(char)) ? p + 1 : NO_MATCH;
}

/** `p` is behind the `[`. A class that is not closed ends with the pattern. */
function matchClass(pattern: string, p: number, char: number, ignoreCase: boolean): number {
  const { length } = pattern;
  const negated = pattern.charCodeAt(p) === CARET;
  if (negated) p++;
  let found = false;
  for (; p < length; p++) {
    const one = pattern.charCodeAt(p);
    if (one === BACKSLASH && p + 1 < length) {
      if (pattern.charCodeAt(++p) === char) found = true;
    } else if (one === CLOSE) {
      break;
    } else if (p + 2 < length && pattern.charCodeAt(p + 1) === DASH) {
      p += 2;
      if (inRange(one, pattern.charCodeAt(p), char, ignoreCase)) found = true;
    } else if (one === char || (ignoreCase && lower(one) === lower(char))) {
      found = true;
    }
  }
  if (found === negated) return NO_MATCH;
  return Math.min(p + 1, length);
}

/** Redis compares the bytes of a range as C's signed chars, and takes its ends in either order. */
function inRange(from: number, to: number, char: number, ignoreCase: boolean): boolean {
  let low = Math.min(signed(from), signed(to));
  let high = Math.max(signed(from), signed(to));
  let one = signed(char);
  if (ignoreCase) {
    low = lower(low);
    high = lower(high);
    one = lower(one);
  }
  return one >= low && one <= high;
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}

function lower(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte + 32 : byte;
}
