import {
  type KeyRecord,
  makeRecord,
  NewRecord,
  TOMBSTONE,
  type Version,
  type VersionType,
} from '../../storage/record.js';
import { SingleRecord } from '../../storage/single-record.js';
import type { WriterTable } from '../../storage/writers.js';

/**
 * How records come together. The one merge of RingKV: idempotent, commutative, associative (property-tested). A version
 * survives unless the other side has seen it and no longer holds it. (Dotted version vector sets: Almeida, Baquero,
 * Gonçalves, Preguiça, Fonte 2014; riak_kv's `dvvset`.)
 *
 * Invariant of every record: its context covers the dots of its own siblings.
 */

/** What the context has seen of `writer`: everything up to this HLC; 0 = nothing. */
export function seenOf(context: readonly number[], writer: number): number {
  for (let i = 0; i < context.length; i += 2) if (context[i] === writer) return context[i + 1];
  return 0;
}

export function covers(context: readonly number[], version: Version): boolean {
  return seenOf(context, version.writer) >= version.hlc;
}

/** True when `a` has seen everything `b` has: merging `b` into `a` changes nothing if their siblings agree. */
export function contextDominates(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0; i < b.length; i += 2) if (seenOf(a, b[i]) < b[i + 1]) return false;
  return true;
}

/** The highest HLC a record knows of; 0 for none. A new version is written above it. */
export function highestHlc(record: KeyRecord | null): number {
  if (record === null) return 0;
  return record instanceof SingleRecord ? record.hlc : highestOf(record.context);
}

/** The highest HLC a context knows of; 0 for none. */
export function highestOf(context: readonly number[]): number {
  let highest = 0;
  for (let i = 1; i < context.length; i += 2) if (context[i] > highest) highest = context[i];
  return highest;
}

export function merge(a: KeyRecord, b: KeyRecord, writers: WriterTable): KeyRecord {
  if (a instanceof SingleRecord && b instanceof SingleRecord && a.writer === b.writer)
    return b.hlc > a.hlc ? b : a;
  if (a === b || isAllNewTo(a, b)) return a;
  if (isAllNewTo(b, a)) return b;
  const siblings: Version[] = [];
  for (const version of a.siblings) if (survives(version, b)) siblings.push(version);
  for (const version of b.siblings) {
    if (!hasDot(a.siblings, version) && survives(version, a)) siblings.push(version);
  }
  siblings.sort((x, y) => y.hlc - x.hlc || writers.compare(x.writer, y.writer));
  return makeRecord(joinContexts(a.context, b.context, writers), siblings);
}

/**
 * What nearly every merge is: `newer` has seen all that `older` has, and each of its versions is one that `older` has not. Then
 * it is the merge.
 */
function isAllNewTo(newer: KeyRecord, older: KeyRecord): boolean {
  for (const version of newer.siblings) if (covers(older.context, version)) return false;
  return contextDominates(newer.context, older.context);
}

/** A record in which one new version has taken the place of everything `record` holds. `hlc` is above all it has seen. */
export function supersede(
  record: KeyRecord | null,
  writer: number,
  hlc: number,
  type: VersionType,
  payload: string,
  expireAt: number,
  writers: WriterTable,
): KeyRecord {
  if (record === null || (record instanceof SingleRecord && record.writer === writer))
    return new SingleRecord(writer, hlc, type, expireAt, payload);
  const version: Version = { writer, hlc, type, expireAt, payload };
  return makeRecord(advanced(record.context, writer, hlc, writers), [version]);
}

/**
 * A record in which one new version has taken the place of what `seen` covers, and of nothing else: the rest stays beside it
 * (dvvset's `update`). `hlc` is above all that the record and `seen` know of. A delete leaves a tombstone only where nothing else is
 * left; otherwise its dot names no version, and whoever has seen it knows what is gone.
 */
export function supersedeSeen(
  record: KeyRecord | null,
  seen: readonly number[],
  writer: number,
  hlc: number,
  type: VersionType,
  payload: string,
  expireAt: number,
  writers: WriterTable,
): KeyRecord {
  const rest = discardSeen(record, seen, writers);
  const context = advanced(rest.context, writer, hlc, writers);
  if (type === TOMBSTONE && rest.siblings.length > 0) return makeRecord(context, rest.siblings);
  const version: Version = { writer, hlc, type, expireAt, payload };
  return makeRecord(context, [version, ...rest.siblings]);
}

/** The record without what `seen` covers, perhaps without any version. */
function discardSeen(record: KeyRecord | null, seen: readonly number[], writers: WriterTable): KeyRecord {
  if (record === null) return new NewRecord(seen, []);
  const rest = record.siblings.filter((version) => !covers(seen, version));
  return makeRecord(joinContexts(record.context, seen, writers), rest);
}

/** The same record, known to have been there after all it holds: `hlc` is above all it has seen, and names no version. */
export function witnessed(record: KeyRecord, writer: number, hlc: number, writers: WriterTable): KeyRecord {
  return makeRecord(advanced(record.context, writer, hlc, writers), record.siblings);
}

/** The context with one writer's newest dot; `hlc` is above what it has seen. */
function advanced(
  context: readonly number[],
  writer: number,
  hlc: number,
  writers: WriterTable,
): readonly number[] {
  let at = 0;
  while (at < context.length && context[at] !== writer) at += 2;
  if (at === context.length) return joinContexts(context, [writer, hlc], writers);
  const next = context.slice();
  next[at + 1] = hlc;
  return next;
}

/** Same dots, same contexts: the same record, since a dot names one version for ever. */
export function sameRecord(a: KeyRecord | null, b: KeyRecord | null): boolean {
  if (a === null || b === null) return a === b;
  if (a instanceof SingleRecord && b instanceof SingleRecord) return a.hlc === b.hlc && a.writer === b.writer;
  if (a.siblings.length !== b.siblings.length || a.context.length !== b.context.length) return false;
  for (const version of a.siblings) if (!hasDot(b.siblings, version)) return false;
  return contextDominates(a.context, b.context) && contextDominates(b.context, a.context);
}

/**
 * Two 32-bit hashes over the dots of a record and of its context, equal on all nodes, independent of order; 0,0 for no record.
 * Values are not hashed: a dot names its value. A record is asked at least when it comes and when it is replaced, so it remembers them:
 * as signed numbers, which cost no memory of their own.
 */
export function digestA(record: KeyRecord | null, writers: WriterTable): number {
  if (record === null) return 0;
  if (!isMade(record)) return digest(record, writers.hashA, 0x9e3779b1) >>> 0;
  if (record.digestA === 0) record.digestA = digest(record, writers.hashA, 0x9e3779b1);
  return record.digestA >>> 0;
}

export function digestB(record: KeyRecord | null, writers: WriterTable): number {
  if (record === null) return 0;
  if (!isMade(record)) return digest(record, writers.hashB, 0x85ebca77) >>> 0;
  if (record.digestB === 0) record.digestB = digest(record, writers.hashB, 0x85ebca77);
  return record.digestB >>> 0;
}

/** Not one that a test has written down. */
function isMade(record: KeyRecord): record is SingleRecord | NewRecord {
  return record instanceof SingleRecord || record instanceof NewRecord;
}

function digest(record: KeyRecord, hashes: readonly number[], salt: number): number {
  if (record instanceof SingleRecord) {
    const { writer, hlc } = record;
    return (1 + mix(hashes[writer] ^ salt, hlc) + mix(hashes[writer] + salt, hlc)) | 0;
  }
  let sum = 1;
  const { context, siblings } = record;
  for (let i = 0; i < context.length; i += 2)
    sum = (sum + mix(hashes[context[i]] ^ salt, context[i + 1])) | 0;
  for (const version of siblings) sum = (sum + mix(hashes[version.writer] + salt, version.hlc)) | 0;
  return sum;
}

function mix(seed: number, hlc: number): number {
  // The bits below 2^32: `%` would say the same, but dividing doubles was nearly half of what a digest costs.
  let h = Math.imul(seed ^ (hlc | 0), 0xcc9e2d51);
  h = Math.imul((h ^ (h >>> 15)) + Math.floor(hlc / 4294967296), 0x1b873593);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function survives(version: Version, other: KeyRecord): boolean {
  return !covers(other.context, version) || hasDot(other.siblings, version);
}

function hasDot(siblings: readonly Version[], dot: Version): boolean {
  for (const version of siblings) if (version.hlc === dot.hlc && version.writer === dot.writer) return true;
  return false;
}

function joinContexts(a: readonly number[], b: readonly number[], writers: WriterTable): readonly number[] {
  if (contextDominates(a, b)) return a;
  if (contextDominates(b, a)) return b;
  const joined: number[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const order = i >= a.length ? 1 : j >= b.length ? -1 : writers.compare(a[i], b[j]);
    if (order === 0) {
      joined.push(a[i], Math.max(a[i + 1], b[j + 1]));
      i += 2;
      j += 2;
    } else if (order < 0) {
      joined.push(a[i], a[i + 1]);
      i += 2;
    } else {
      joined.push(b[j], b[j + 1]);
      j += 2;
    }
  }
  return joined;
}
