import {
  addShare,
  baseAt,
  type Counter,
  countable,
  encodeCounter,
  FROM_NOTHING,
  type Int,
  intOf,
} from '../../storage/counter.js';
import { COUNTER, type KeyRecord, STRING, TOMBSTONE, type VersionType } from '../../storage/record.js';
import { hasExpired, together } from '../../storage/visible.js';
import type { WriterTable } from '../../storage/writers.js';
import { highestHlc } from './version.js';

/** What a new version is to hold. */
export interface Content {
  readonly type: VersionType;
  readonly payload: string;
  readonly expireAt: number;
}

/**
 * What takes the place of `record` when `writer` adds `amount` at `hlc`, above all the record has seen. What the record shows at
 * `now` is an integer or nothing. The expiry stays.
 */
export function incremented(
  record: KeyRecord | null,
  now: number,
  writer: number,
  hlc: number,
  amount: Int,
  writers: WriterTable,
): Content {
  const { counter, expireAt } = startOf(record, now, writers);
  return {
    type: COUNTER,
    payload: encodeCounter(addShare(counter, writers.id(writer), hlc, amount)),
    expireAt,
  };
}

/**
 * What a new version is to hold that changes nothing but the expiry; something shows. A string of digits stays what it is to those
 * who count on from it without knowing of the new expiry.
 */
export function unchanged(
  record: KeyRecord,
  now: number,
  writers: WriterTable,
): Pick<Content, 'type' | 'payload'> {
  const { version, base, counter } = together(record.siblings, now, writers);
  if (counter !== undefined) return { type: COUNTER, payload: encodeCounter(counter) };
  const value = countable(version.payload);
  if (value === undefined) return { type: STRING, payload: version.payload };
  return { type: COUNTER, payload: encodeCounter({ value, base, shares: [] }) };
}

interface Start {
  readonly counter: Counter;
  readonly expireAt: number;
}

function startOf(record: KeyRecord | null, now: number, writers: WriterTable): Start {
  if (record === null) return { counter: from(FROM_NOTHING), expireAt: 0 };
  const { siblings } = record;
  if (siblings.length === 0) return { counter: from(baseAt(highestHlc(record))), expireAt: 0 };
  const { version, base, counter, expireAt } = together(siblings, now, writers);
  if (counter !== undefined) return { counter, expireAt };
  if (version.type !== TOMBSTONE && !hasExpired(version, now))
    return { counter: { base, value: intOf(version.payload), shares: [] }, expireAt };
  return { counter: from(base), expireAt: 0 };
}

function from(base: Counter['base']): Counter {
  return { base, value: 0, shares: [] };
}
