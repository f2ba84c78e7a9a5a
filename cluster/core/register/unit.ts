import {
  CORRUPT,
  decodeRecord,
  encodedBytes,
  encodeRecord,
  type KeyRecord,
} from '../../../storage/record.js';
import { fnv1a, WRITER_BYTES, type WriterTable } from '../../../storage/writers.js';
import { slotOf } from '../slot.js';
import { seenOf } from '../version.js';
import type { Ballot } from './ballot.js';

/** One key's new record, as a round of its slot's register proposes it. */
export interface UnitKey {
  readonly db: number;
  readonly key: string;
  readonly record: KeyRecord;
  /** The dot that is new in it: whoever has seen this knows that the unit was chosen. */
  readonly writer: number;
  readonly hlc: number;
}

/** What one round proposes: whole records of keys of one slot, accepted all or none. */
export interface Unit {
  readonly slot: number;
  readonly ballot: Ballot;
  readonly keys: readonly UnitKey[];
}

/** The same content, whatever ballots it was proposed under. */
export function sameUnit(a: Unit, b: Unit): boolean {
  if (a.keys.length !== b.keys.length) return false;
  return a.keys.every(({ db, key, writer, hlc }, i) => {
    const other = b.keys[i];
    return other.hlc === hlc && other.writer === writer && other.key === key && other.db === db;
  });
}

const COUNT_BYTES = 4;
const KEY_HEAD_BYTES = 1 + 4 + WRITER_BYTES + 8 + 4;

/**
 *     u32 keys, then of each: u8 db, u32 length, key, 18 bytes writer, f64 hlc, u32 length, record
 *
 * Records carry checksums of their own; slot and ballot stand beside the unit, in the row's key or in the message.
 */
export function encodeUnit({ keys }: Unit, writers: WriterTable): Buffer {
  let bytes = COUNT_BYTES;
  for (const { key, record } of keys) bytes += KEY_HEAD_BYTES + key.length + encodedBytes(record);
  const out = Buffer.allocUnsafe(bytes);
  let at = out.writeUInt32BE(keys.length, 0);
  for (const { db, key, record, writer, hlc } of keys) {
    out[at++] = db;
    at = out.writeUInt32BE(key.length, at);
    at += out.latin1Write(key, at);
    at += out.latin1Write(writers.id(writer), at);
    at = out.writeDoubleBE(hlc, at);
    const length = encodedBytes(record);
    at = out.writeUInt32BE(length, at);
    at += encodeRecord(record, fnv1a(key), writers, out.subarray(at, at + length));
  }
  return out;
}

/** undefined: it is garbled, or not of this slot. */
export function decodeUnit(
  bytes: Buffer,
  slot: number,
  ballot: Ballot,
  writers: WriterTable,
): Unit | undefined {
  if (bytes.length < COUNT_BYTES) return undefined;
  const count = bytes.readUInt32BE(0);
  const keys: UnitKey[] = [];
  let at = COUNT_BYTES;
  for (let i = 0; i < count; i++) {
    if (at + KEY_HEAD_BYTES > bytes.length) return undefined;
    const db = bytes[at];
    const keyEnd = at + 5 + bytes.readUInt32BE(at + 1);
    const head = keyEnd + WRITER_BYTES + 12;
    if (head > bytes.length) return undefined;
    const key = bytes.latin1Slice(at + 5, keyEnd);
    const writer = writers.indexAt(bytes, keyEnd);
    const hlc = bytes.readDoubleBE(keyEnd + WRITER_BYTES);
    const end = head + bytes.readUInt32BE(head - 4);
    if (end > bytes.length || slotOf(key) !== slot) return undefined;
    const record = decodeRecord(fnv1a(key), writers, bytes, head, end);
    // Nobody would ever know what came of a dot that its own record has not.
    if (record === CORRUPT || !(hlc > 0) || seenOf(record.context, writer) !== hlc) return undefined;
    keys.push({ db, key, record, writer, hlc });
    at = end;
  }
  return at === bytes.length && count > 0 ? { slot, ballot, keys } : undefined;
}
