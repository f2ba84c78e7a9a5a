import { WRITER_BYTES } from './writers.js';

/**
 * What a version of type COUNTER holds: an integer, where it was counted from, and how much of it each writer has added since.
 *
 * Increments made without knowing of each other must all count, so they cannot be whole values of which the newest wins. Each
 * writer keeps one running total of its own, its *share*; of two states with the same *base* the later of each writer's
 * shares is taken, and the value is the base's and all shares together (a PN-counter: Shapiro, Preguiça, Baquero, Zawirski 2011).
 * That counts nothing twice: a share is replaced, not added, and it is found by its writer's reading.
 *
 * Why the later share of a writer holds all that its earlier ones did: a version claims to have seen all earlier ones of its
 * writer, the very rule contexts rest on (a node that might have forgotten any takes a new name).
 *
 * A *base* is what was there before the first increment: the dot of a string or of a tombstone, what expired at some moment, or
 * nothing. Who sets, deletes or lets expire makes a new one. Shares of different bases are not added: the newest base holds,
 * so of a SET and increments that did not know of it the SET is taken to be the later.
 */
export interface Counter {
  /** The base's value and all shares: exact, and perhaps no longer 64 bits wide. */
  readonly value: Int;
  readonly base: Base;
  /** By writer's bytes. */
  readonly shares: readonly Share[];
}

/** A number as long as it is a safe integer, so that most arithmetic stays cheap. */
export type Int = number | bigint;

/** The dot of what was there. */
export interface Base {
  readonly hlc: number;
  /** 18 bytes. */
  readonly writer: string;
  /** When it expired, Unix ms: who then counts on from nothing does so together with all others, whatever they had. 0: it did not. */
  readonly expiredAt: number;
}

export interface Share {
  readonly writer: string;
  /** The reading of the writer's last increment. */
  readonly hlc: number;
  readonly total: Int;
}

/** There was nothing, not even the memory of a deletion. */
export const FROM_NOTHING: Base = baseAt(0);

/** Everything up to `hlc` was there, and is no more. */
export function baseAt(hlc: number): Base {
  return { hlc, writer: '\0'.repeat(WRITER_BYTES), expiredAt: 0 };
}

export function sameBase(a: Base, b: Base): boolean {
  if (a.expiredAt !== b.expiredAt) return false;
  return a.expiredAt !== 0 || (a.hlc === b.hlc && a.writer === b.writer);
}

/** In the order of siblings: of equal readings the lower writer comes first. */
export function isNewerBase(a: Base, b: Base): boolean {
  return a.hlc > b.hlc || (a.hlc === b.hlc && a.writer < b.writer);
}

const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;
/** No 64-bit integer outside the range is written with fewer characters. */
const LONG_TEXT = 19;

export function addInts(a: Int, b: Int): Int {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return normalized(BigInt(a) + BigInt(b));
}

function normalized(n: bigint): Int {
  const small = Number(n);
  return Number.isSafeInteger(small) ? small : n;
}

/** Of decimal text. */
export function intOf(text: string): Int {
  return text.length <= 15 ? Number(text) : normalized(BigInt(text));
}

const INTEGER = /^(0|-?[1-9]\d{0,18})$/;

/** Of text that increments may start from, as Redis writes a 64-bit integer; undefined of any other. */
export function countable(text: string): Int | undefined {
  if (!INTEGER.test(text)) return undefined;
  const n = intOf(text);
  return typeof n === 'bigint' && (n < MIN_INT64 || n > MAX_INT64) ? undefined : n;
}

/** As commands see it: what increments on both sides of a partition took beyond 64 bits stands at the limit. */
function shownText(exact: string): string {
  if (exact.length < LONG_TEXT) return exact;
  const n = BigInt(exact);
  if (n > MAX_INT64) return String(MAX_INT64);
  return n < MIN_INT64 ? String(MIN_INT64) : exact;
}

/** The value of an encoded counter as decimal text. */
export function counterText(payload: string): string {
  return shownText(payload.slice(1, 1 + payload.charCodeAt(0)));
}

/** The value of a counter as decimal text. */
export function textOfCounter({ value }: Counter): string {
  return shownText(String(value));
}

/** Both states together; they have the same base. */
export function joinCounters(a: Counter, b: Counter): Counter {
  const shares: Share[] = [];
  let { value } = a;
  let i = 0;
  let j = 0;
  while (i < a.shares.length || j < b.shares.length) {
    const mine = a.shares[i];
    const other = b.shares[j];
    if (other === undefined || (mine !== undefined && mine.writer < other.writer)) {
      shares.push(mine);
      i++;
      continue;
    }
    j++;
    const isCommon = mine !== undefined && mine.writer === other.writer;
    if (isCommon) i++;
    if (isCommon && mine.hlc >= other.hlc) shares.push(mine);
    else {
      shares.push(other);
      value = addInts(value, other.total);
      if (isCommon) value = addInts(value, negated(mine.total));
    }
  }
  return { value, base: isNewerBase(b.base, a.base) ? b.base : a.base, shares };
}

function negated(n: Int): Int {
  return typeof n === 'number' ? 0 - n : normalized(-n);
}

/** `writer` has added `amount` at `hlc`, later than all it added before. */
export function addShare(counter: Counter, writer: string, hlc: number, amount: Int): Counter {
  const { shares, base } = counter;
  const value = addInts(counter.value, amount);
  let at = 0;
  while (at < shares.length && shares[at].writer < writer) at++;
  const isKnown = at < shares.length && shares[at].writer === writer;
  const total = isKnown ? addInts(shares[at].total, amount) : amount;
  const next = shares.slice();
  next.splice(at, isKnown ? 1 : 0, { writer, hlc, total });
  return { value, base, shares: next };
}

const DOT_BYTES = 8 + WRITER_BYTES;
/** No total comes near 255 digits: each increment adds 64 bits at most. */
const MOST_SHARE_BYTES = DOT_BYTES + 256;

let scratch = Buffer.allocUnsafeSlow(4096);

/** Valid until it is asked for again. */
function scratchOf(bytes: number): Buffer {
  if (bytes > scratch.length) scratch = Buffer.allocUnsafeSlow(bytes * 2);
  return scratch;
}

/** What follows of a base: nothing, its dot, its dot and when it expired. On disk: frozen. */
const NO_BASE = 0;
const DOT = 1;
const EXPIRED_DOT = 2;

/**
 *     u8 length, value | u8 base | f64 hlc, 18 bytes writer | f64 expiredAt | per share: f64 hlc, 18 bytes writer, u8 length, total
 *
 * Integers are decimal text. As a latin1 string, since that is what payloads are.
 */
export function encodeCounter({ value, base, shares }: Counter): string {
  const text = String(value);
  const out = scratchOf(1 + text.length + 1 + DOT_BYTES + 8 + shares.length * MOST_SHARE_BYTES);
  let at = writeBase(out, writeText(out, 0, text), base);
  for (const share of shares) {
    at = writeDot(out, at, share);
    at = writeText(out, at, String(share.total));
  }
  return out.latin1Slice(0, at);
}

export function decodeCounter(payload: string): Counter {
  const bytes = scratchOf(payload.length);
  bytes.latin1Write(payload, 0);
  const value = intAt(payload, 0);
  let at = 1 + bytes[0];
  const kind = bytes[at++];
  let base = FROM_NOTHING;
  if (kind !== NO_BASE) {
    const expiredAt = kind === DOT ? 0 : bytes.readDoubleBE(at + DOT_BYTES);
    base = { hlc: bytes.readDoubleBE(at), writer: writerAt(payload, at), expiredAt };
    at += kind === DOT ? DOT_BYTES : DOT_BYTES + 8;
  }
  const shares: Share[] = [];
  while (at < payload.length) {
    const hlc = bytes.readDoubleBE(at);
    const writer = writerAt(payload, at);
    at += DOT_BYTES;
    shares.push({ writer, hlc, total: intAt(payload, at) });
    at += 1 + bytes[at];
  }
  return { value, base, shares };
}

function writeBase(out: Buffer, at: number, base: Base): number {
  if (base.hlc === 0) {
    out[at] = NO_BASE;
    return at + 1;
  }
  out[at] = base.expiredAt === 0 ? DOT : EXPIRED_DOT;
  const end = writeDot(out, at + 1, base);
  return base.expiredAt === 0 ? end : out.writeDoubleBE(base.expiredAt, end);
}

/** Of the dot that stands there. */
function writerAt(payload: string, at: number): string {
  return payload.slice(at + 8, at + DOT_BYTES);
}

function intAt(payload: string, at: number): Int {
  return intOf(payload.slice(at + 1, at + 1 + payload.charCodeAt(at)));
}

function writeText(out: Buffer, at: number, text: string): number {
  out[at] = text.length;
  return at + 1 + out.latin1Write(text, at + 1);
}

function writeDot(out: Buffer, at: number, { hlc, writer }: Pick<Base, 'hlc' | 'writer'>): number {
  const end = out.writeDoubleBE(hlc, at);
  return end + out.latin1Write(writer, end);
}
