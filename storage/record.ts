import zlib from 'node:zlib';
import { counterText } from './counter.js';
import { COUNTER, STRING, TOMBSTONE, type VersionType } from './version-type.js';
import { WRITER_BYTES, type WriterTable } from './writers.js';

/**
 * What is stored under a key: a dotted version vector set (Almeida, Baquero et al., "Scalable and Accurate Causality
 * Tracking for Eventually Consistent Stores", 2014) with hybrid logical clocks as counters.
 *
 * Records are values: nobody changes one, a new one takes its place. `cluster/core/version.ts` says how they merge.
 */

export { COUNTER, STRING, TOMBSTONE, type VersionType } from './version-type.js';
export { isCounter, visible } from './visible.js';

export interface Version {
  readonly writer: number;
  readonly hlc: number;
  readonly type: VersionType;
  /** Absolute, Unix ms; 0 = never. Of a tombstone: when what it was expired; 0: it was deleted. */
  readonly expireAt: number;
  /** latin1 bytes; empty in a tombstone; what `counter.ts` says in a COUNTER. */
  readonly payload: string;
}

export interface KeyRecord {
  /** Flat pairs `writer, hlc`, ordered by the writer's id: everything of that writer up to hlc has been seen. */
  readonly context: readonly number[];
  /** Concurrent versions, highest HLC first (writers' ids break ties): the first is the one a plain client sees, unless there are counters. */
  readonly siblings: readonly Version[];
}

/** A record as this program makes it: with room for its two digests (`cluster/core/version.ts`), 0 until they were asked for. */
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
  let bytes = HEADER_BYTES + 4 + (record.context.length >> 1) * CONTEXT_ENTRY_BYTES;
  for (const version of record.siblings) bytes += SIBLING_BYTES + version.payload.length;
  return bytes;
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
  const { context, siblings } = record;
  out[0] = FORMAT;
  let at = HEADER_BYTES;
  at = out.writeUInt16BE(context.length >> 1, at);
  at = out.writeUInt16BE(siblings.length, at);
  for (let i = 0; i < context.length; i += 2) {
    const id = writers.bytes(context[i]);
    for (let j = 0; j < WRITER_BYTES; j++) out[at + j] = id[j];
    at = out.writeDoubleBE(context[i + 1], at + WRITER_BYTES);
  }
  for (const version of siblings) {
    at = out.writeUInt16BE(placeOf(context, version.writer), at);
    out[at++] = version.type;
    at = out.writeDoubleBE(version.hlc, at);
    at = out.writeDoubleBE(version.expireAt, at);
    at = out.writeUInt32BE(version.payload.length, at);
    at += out.latin1Write(version.payload, at);
  }
  out.writeUInt32BE(zlib.crc32(body ?? bodyOf(out, at), keyHash), 1);
  return at;
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
    if (place >= contextCount || (type !== TOMBSTONE && type !== STRING && type !== COUNTER)) return CORRUPT;
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
  return at === end ? new NewRecord(context, siblings) : CORRUPT;
}

/** What one version holds, as a client is shown it; null in a tombstone. */
export function textOf({ type, payload }: Version): string | null {
  if (type === COUNTER) return counterText(payload);
  return type === TOMBSTONE ? null : payload;
}

/** Whether nothing of the key is left but the knowledge that it was deleted. */
export function isTombstone(record: KeyRecord): boolean {
  const { siblings } = record;
  for (const version of siblings) if (version.type !== TOMBSTONE) return false;
  return siblings.length > 0;
}

function placeOf(context: readonly number[], writer: number): number {
  for (let i = 0; i < context.length; i += 2) if (context[i] === writer) return i >> 1;
  throw new Error('a sibling whose writer is not in its context');
}
