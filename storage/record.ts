import zlib from 'node:zlib';
import { counterText } from './counter.js';
import { SingleRecord } from './single-record.js';
import { COUNTER, STRING, TOMBSTONE, type VersionType } from './version-type.js';
import { WRITER_BYTES, type WriterTable } from './writers.js';

/**
 * What is stored under a key: a dotted version vector set (Almeida, Baquero et al., "Scalable and Accurate Causality
 * Tracking for Eventually Consistent Stores", 2014) with hybrid logical clocks as counters.
 *
 * Records are values: nobody changes one, a new one takes its place. `cluster/core/version.ts` says how they merge.
 */

export { COUNTER, NEVER_WRITTEN, STRING, TOMBSTONE, type VersionType } from './version-type.js';
export { isCounter, visible } from './visible.js';

export interface Version {
  readonly writer: number;
  readonly hlc: number;
  readonly type: VersionType;
  /** Absolute, Unix ms; 0 = never. Of a tombstone: when what it was expired; 0: it was deleted. */
  readonly expireAt: number;
  /** latin1 bytes; empty in a tombstone, or NEVER_WRITTEN; what `counter.ts` says in a COUNTER. */
  readonly payload: string;
}

export interface KeyRecord {
  /** Flat pairs `writer, hlc`, ordered by the writer's id: everything of that writer up to hlc has been seen. */
  readonly context: readonly number[];
  /** Concurrent versions, highest HLC first (writers' ids break ties): the first is the one a plain client sees, unless there are counters. */
  readonly siblings: readonly Version[];
}

/**
 * Any record as this program makes it: with room for its two digests (`cluster/core/version.ts`), 0 until they were asked for. Nearly all
 * are of the simplest kind: see `SingleRecord`, and `makeRecord`.
 */
export class NewRecord implements KeyRecord {
  // Private, and so no part of what is compared when records are.
  #digestA = 0;
  #digestB = 0;

  constructor(
    readonly context: readonly number[],
    readonly siblings: readonly Version[],
  ) {}

  get digestA(): number {
    return this.#digestA;
  }

  set digestA(digest: number) {
    this.#digestA = digest;
  }

  get digestB(): number {
    return this.#digestB;
  }

  set digestB(digest: number) {
    this.#digestB = digest;
  }
}

/** A record of the kind that suits it. */
export function makeRecord(context: readonly number[], siblings: readonly Version[]): KeyRecord {
  if (siblings.length === 1 && context.length === 2) {
    const [{ writer, hlc, type, expireAt, payload }] = siblings;
    if (context[0] === writer && context[1] === hlc)
      return new SingleRecord(writer, hlc, type, expireAt, payload);
  }
  return new NewRecord(context, siblings);
}

/** Bytes of all its values. */
export function payloadBytes(record: KeyRecord): number {
  if (record instanceof SingleRecord) return record.payload.length;
  let bytes = 0;
  for (const { payload } of record.siblings) bytes += payload.length;
  return bytes;
}

/** Stands for a damaged record where something must: the key exists, and nothing is known of it. Never on a disk or sent. */
export const UNKNOWN: KeyRecord = {
  context: [],
  siblings: [{ writer: 0, hlc: 0, type: STRING, expireAt: 0, payload: '' }],
};

/** Thrown by nobody: a record that fails its checksum or its form decodes to this. */
export const CORRUPT = Symbol('corrupt record');

/** The disk format's number, first byte of every record: frozen. */
const FORMAT = 1;
const HEADER_BYTES = 5;
const CONTEXT_ENTRY_BYTES = WRITER_BYTES + 8;
const SIBLING_BYTES = 2 + 1 + 8 + 8 + 4;

/** Bytes that `encodeRecord` will write. */
export function encodedBytes(record: KeyRecord): number {
  if (record instanceof SingleRecord)
    return HEADER_BYTES + 4 + CONTEXT_ENTRY_BYTES + SIBLING_BYTES + record.payload.length;
  const { context, siblings } = record;
  const rows = (context.length >> 1) * CONTEXT_ENTRY_BYTES + siblings.length * SIBLING_BYTES;
  return HEADER_BYTES + 4 + rows + payloadBytes(record);
}

/** What the checksum of an encoded record of `length` bytes is of. */
export function bodyOf(encoded: Buffer, length: number): Buffer {
  return encoded.subarray(HEADER_BYTES, length);
}

/**
 * Writes `record` at the start of `out` (at least `encodedBytes` long) and returns its length. The checksum starts from the
 * key's hash: a record read under another key is as wrong as one with a flipped bit. Who has `bodyOf(out)` at hand gives it.
 *
 *     u8 format | u32 crc32(rest), seeded with the key's hash | u16 writers | u16 siblings
 *     per writer: 18 bytes id, f64 hlc
 *     per sibling: u16 writer's place above, u8 type, f64 hlc, f64 expireAt, u32 length, payload
 */
export function encodeRecord(
  record: KeyRecord,
  keyHash: number,
  writers: WriterTable,
  out: Buffer,
  body?: Buffer,
): number {
  out[0] = FORMAT;
  let at: number;
  if (record instanceof SingleRecord) {
    at = writeCounts(1, 1, out);
    at = writeSeen(record.writer, record.hlc, writers, out, at);
    at = writeVersion(record, 0, out, at);
  } else {
    const { context, siblings } = record;
    at = writeCounts(context.length >> 1, siblings.length, out);
    for (let i = 0; i < context.length; i += 2) at = writeSeen(context[i], context[i + 1], writers, out, at);
    for (const version of siblings) at = writeVersion(version, placeOf(context, version.writer), out, at);
  }
  out.writeUInt32BE(zlib.crc32(body ?? bodyOf(out, at), keyHash), 1);
  return at;
}

function writeCounts(writers: number, siblings: number, out: Buffer): number {
  return out.writeUInt16BE(siblings, out.writeUInt16BE(writers, HEADER_BYTES));
}

function writeSeen(writer: number, hlc: number, writers: WriterTable, out: Buffer, at: number): number {
  const id = writers.bytes(writer);
  for (let i = 0; i < WRITER_BYTES; i++) out[at + i] = id[i];
  return out.writeDoubleBE(hlc, at + WRITER_BYTES);
}

function writeVersion(version: Version, place: number, out: Buffer, start: number): number {
  const { payload } = version;
  let at = out.writeUInt16BE(place, start);
  out[at++] = version.type;
  at = out.writeDoubleBE(version.hlc, at);
  at = out.writeDoubleBE(version.expireAt, at);
  at = out.writeUInt32BE(payload.length, at);
  return at + out.latin1Write(payload, at);
}

/** The record in `bytes[start, end)`, or CORRUPT. Payloads are copied: `bytes` may be reused. */
export function decodeRecord(
  keyHash: number,
  writers: WriterTable,
  bytes: Buffer,
  start: number,
  end: number,
): KeyRecord | typeof CORRUPT {
  if (end - start < HEADER_BYTES + 4 || bytes[start] !== FORMAT) return CORRUPT;
  const checksum = zlib.crc32(bytes.subarray(start + HEADER_BYTES, end), keyHash);
  if (bytes.readUInt32BE(start + 1) !== checksum) return CORRUPT;
  let at = start + HEADER_BYTES;
  const contextCount = bytes.readUInt16BE(at);
  const siblingCount = bytes.readUInt16BE(at + 2);
  at += 4;
  if (at + contextCount * CONTEXT_ENTRY_BYTES + siblingCount * SIBLING_BYTES > end) return CORRUPT;
  if (contextCount === 1 && siblingCount === 1) return decodeSingle(writers, bytes, at, end);
  const context: number[] = [];
  for (let i = 0; i < contextCount; i++) {
    context.push(writers.indexAt(bytes, at), bytes.readDoubleBE(at + WRITER_BYTES));
    at += CONTEXT_ENTRY_BYTES;
  }
  const siblings: Version[] = [];
  for (let i = 0; i < siblingCount; i++) {
    if (at + SIBLING_BYTES > end) return CORRUPT;
    const place = bytes.readUInt16BE(at);
    const type = bytes[at + 2];
    const length = bytes.readUInt32BE(at + 19);
    if (place >= contextCount || !isType(type)) return CORRUPT;
    if (at + SIBLING_BYTES + length > end) return CORRUPT;
    siblings.push({
      writer: context[place * 2],
      hlc: bytes.readDoubleBE(at + 3),
      type,
      expireAt: bytes.readDoubleBE(at + 11),
      payload: bytes.latin1Slice(at + SIBLING_BYTES, at + SIBLING_BYTES + length),
    });
    at += SIBLING_BYTES + length;
  }
  return at === end ? makeRecord(context, siblings) : CORRUPT;
}

/** One writer and one version, standing at `at`. */
function decodeSingle(
  writers: WriterTable,
  bytes: Buffer,
  at: number,
  end: number,
): KeyRecord | typeof CORRUPT {
  const writer = writers.indexAt(bytes, at);
  const seen = bytes.readDoubleBE(at + WRITER_BYTES);
  const version = at + CONTEXT_ENTRY_BYTES;
  const type = bytes[version + 2];
  const payload = version + SIBLING_BYTES;
  const hasForm = bytes.readUInt16BE(version) === 0 && payload + bytes.readUInt32BE(version + 19) === end;
  if (!hasForm || !isType(type)) return CORRUPT;
  const hlc = bytes.readDoubleBE(version + 3);
  const expireAt = bytes.readDoubleBE(version + 11);
  const text = bytes.latin1Slice(payload, end);
  if (hlc === seen) return new SingleRecord(writer, hlc, type, expireAt, text);
  return new NewRecord([writer, seen], [{ writer, hlc, type, expireAt, payload: text }]);
}

function isType(type: number): type is VersionType {
  return type === TOMBSTONE || type === STRING || type === COUNTER;
}

/** What one version holds, as a client is shown it; null in a tombstone. */
export function textOf({ type, payload }: Version): string | null {
  if (type === COUNTER) return counterText(payload);
  return type === TOMBSTONE ? null : payload;
}

/** Whether nothing of the key is left but the knowledge that it was deleted. */
export function isTombstone(record: KeyRecord): boolean {
  if (record instanceof SingleRecord) return record.type === TOMBSTONE;
  const { siblings } = record;
  for (const version of siblings) if (version.type !== TOMBSTONE) return false;
  return siblings.length > 0;
}

function placeOf(context: readonly number[], writer: number): number {
  for (let i = 0; i < context.length; i += 2) if (context[i] === writer) return i >> 1;
  throw new Error('a sibling whose writer is not in its context');
}
