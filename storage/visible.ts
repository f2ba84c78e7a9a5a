import {
  type Base,
  type Counter,
  counterText,
  decodeCounter,
  isNewerBase,
  joinCounters,
  sameBase,
  textOfCounter,
} from './counter.js';
import type { KeyRecord, Version } from './record.js';
import { firstVersion, SingleRecord } from './single-record.js';
import { COUNTER, STRING, TOMBSTONE } from './version-type.js';
import type { WriterTable } from './writers.js';

/**
 * What a plain client sees at `now` (Unix ms): the newest version, unless it is a tombstone or has expired; a counter as a string.
 * Of counters it is all that were counted from the newest base, together.
 */
export function visible(record: KeyRecord | null, now: number, writers: WriterTable): Version | undefined {
  if (record === null) return undefined;
  if (mayBeTogether(record)) return visibleTogether(record.siblings, now, writers);
  const version = firstVersion(record);
  if (version === undefined || version.type === TOMBSTONE || hasExpired(version, now)) return undefined;
  return version.type === COUNTER
    ? shownAs(version, counterText(version.payload), version.expireAt)
    : version;
}

/** The version that decides whether the key is there, and when it expires; that its time is up is not looked at. */
export function standing(record: KeyRecord | null, writers: WriterTable): Version | undefined {
  if (record === null) return undefined;
  if (!mayBeTogether(record)) return firstVersion(record);
  const { version, expireAt } = together(record.siblings, BEFORE_ALL_EXPIRIES, writers);
  return { ...version, expireAt };
}

/** Whether its versions are more than the newest of them. */
function mayBeTogether(record: KeyRecord): boolean {
  if (record instanceof SingleRecord) return false;
  const { siblings } = record;
  return siblings.length > 1 && siblings.some(isCounter);
}

const BEFORE_ALL_EXPIRIES = 0;

/** What there is of a key when all that were counted from the newest base are taken together. */
export interface Together {
  /** The newest of them. */
  readonly version: Version;
  readonly base: Base;
  /** Undefined where it is no counter. */
  readonly counter: Counter | undefined;
  /** The earliest: an EXPIRE must not be lost because of an increment that did not know of it. 0 = never. */
  readonly expireAt: number;
}

/** `siblings`: one at least. */
export function together(siblings: readonly Version[], now: number, writers: WriterTable): Together {
  if (siblings.length === 1) return byItself(siblings[0], now, writers);
  const all = siblings.map((version) => byItself(version, now, writers));
  // Not while looking for the newest: what has expired at one moment has one base, of which the newest counts for all.
  const newest = all.reduce((best, next) => (isNewerBase(next.base, best.base) ? next : best));
  return all.filter(({ base }) => sameBase(base, newest.base)).reduce(joined);
}

export function hasExpired({ expireAt }: Version, now: number): boolean {
  return expireAt !== 0 && expireAt <= now;
}

function byItself(version: Version, now: number, writers: WriterTable): Together {
  const { type, hlc, expireAt, payload } = version;
  if (type === COUNTER && !hasExpired(version, now)) {
    const counter = decodeCounter(payload);
    return { version, base: counter.base, counter, expireAt };
  }
  // The sweeper makes a tombstone of what has expired, on each replica when it comes to it: that must make no difference here.
  const isPast = hasExpired(version, now) || type === TOMBSTONE;
  const base = { hlc, writer: writers.id(version.writer), expiredAt: isPast ? expireAt : 0 };
  return { version, base, counter: undefined, expireAt };
}

function joined(a: Together, b: Together): Together {
  if (b.counter === undefined) return a;
  if (a.counter === undefined) return b;
  return { ...a, counter: joinCounters(a.counter, b.counter), expireAt: earlier(a.expireAt, b.expireAt) };
}

function earlier(a: number, b: number): number {
  if (a === 0 || b === 0) return a + b;
  return Math.min(a, b);
}

function visibleTogether(
  siblings: readonly Version[],
  now: number,
  writers: WriterTable,
): Version | undefined {
  const { version, counter, expireAt } = together(siblings, now, writers);
  if (counter !== undefined) return shownAs(version, textOfCounter(counter), expireAt);
  return version.type === TOMBSTONE || hasExpired(version, now) ? undefined : version;
}

export function isCounter({ type }: Version): boolean {
  return type === COUNTER;
}

function shownAs({ writer, hlc }: Version, payload: string, expireAt: number): Version {
  return { writer, hlc, type: STRING, expireAt, payload };
}
