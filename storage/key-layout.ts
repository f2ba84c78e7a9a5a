/**
 * Where things lie in the engine's one key space. Data is ordered by slot, then database, then the key's hash, so that a
 * slot is one key range, a leaf of its Merkle tree will be one key range, and a SCAN cursor (slot, hash) needs no state.
 *
 *     'd' slot:u16 db:u8 hash:u32 key    -> record
 *     'x' expireAt:f64 <the data key>    -> nothing: the expiry index
 *     't' since:f64 <the data key>       -> newest:f64: the index of tombstones and of long contexts; `newest` is the reading of the first version's dot
 *     'm' name                           -> small facts of this node (clock lease, flush marks, members)
 *     'h' length:u16 name <the data key> -> sinceMs:f64 order:f64: the member of this name lacks the key's newest record
 *     'q' <the data key>                 -> since:f64 and the damaged bytes that were its record
 */
const DATA = 0x64;
const EXPIRY = 0x78;
const TOMBSTONES = 0x74;
const META = 0x6d;
const HINT = 0x68;
const QUARANTINE = 0x71;

export const SLOTS = 16384;
/** Bytes in front of the key in a data key. */
export const DATA_PREFIX_BYTES = 8;

/** Writes the data key (`hash` is the key's `fnv1a`) at `offset` and returns its end. */
export function writeDataKey(
  out: Buffer,
  offset: number,
  slot: number,
  db: number,
  hash: number,
  key: string,
): number {
  out[offset] = DATA;
  out.writeUInt16BE(slot, offset + 1);
  out[offset + 3] = db;
  out.writeUInt32BE(hash, offset + 4);
  return offset + DATA_PREFIX_BYTES + out.latin1Write(key, offset + DATA_PREFIX_BYTES);
}

export function dataKey(slot: number, db: number, hash: number, key: string): Buffer {
  const out = Buffer.allocUnsafe(DATA_PREFIX_BYTES + key.length);
  writeDataKey(out, 0, slot, db, hash, key);
  return out;
}

/** Up to this length keys are written into buffers that are used again. */
const SCRATCH_KEY_BYTES = 256;

/** Data keys for those who copy them: making a buffer for each costs more than writing the key. */
export class DataKeyScratch {
  private readonly byLength: Buffer[] = [];

  /** Valid until the next call. */
  write(slot: number, db: number, hash: number, key: string): Buffer {
    const { length } = key;
    if (length > SCRATCH_KEY_BYTES) return dataKey(slot, db, hash, key);
    let out = this.byLength[length];
    if (out === undefined) {
      out = Buffer.allocUnsafeSlow(DATA_PREFIX_BYTES + length);
      this.byLength[length] = out;
    }
    writeDataKey(out, 0, slot, db, hash, key);
    return out;
  }
}

export interface DataKey {
  readonly slot: number;
  readonly db: number;
  readonly hash: number;
  readonly key: string;
}

/** Reads a data key standing at `offset` of `bytes` (to its end). */
export function parseDataKey(bytes: Buffer, offset = 0): DataKey {
  return {
    slot: bytes.readUInt16BE(offset + 1),
    db: bytes[offset + 3],
    hash: bytes.readUInt32BE(offset + 4),
    key: bytes.latin1Slice(offset + DATA_PREFIX_BYTES),
  };
}

/** The first possible data key at or after this place. `slot` may be SLOTS: the end of all data. */
export function dataKeyFrom(slot: number, db = 0, hash = 0): Buffer {
  const out = Buffer.alloc(DATA_PREFIX_BYTES);
  out[0] = DATA;
  out.writeUInt16BE(slot, 1);
  out[3] = db;
  out.writeUInt32BE(hash, 4);
  return out;
}

/** The expiry index row of a data key. */
export function expiryKey(expireAt: number, dataKeyBytes: Buffer): Buffer {
  return timedKey(EXPIRY, expireAt, dataKeyBytes);
}

export function parseExpiryKey(bytes: Buffer): { expireAt: number; data: DataKey } {
  return { expireAt: bytes.readDoubleBE(1), data: parseDataKey(bytes, 9) };
}

/** All rows of the expiry index that are due at `now` (Unix ms). */
export function expiryRange(now: number): KeyRange {
  return timedRange(EXPIRY, now);
}

/** The tombstone index row of a data key whose record can be reaped (`reapable.ts`) since then (Unix ms). */
export function tombstoneKey(since: number, dataKeyBytes: Buffer): Buffer {
  return timedKey(TOMBSTONES, since, dataKeyBytes);
}

/** The data key that a row of the tombstone index is about. */
export function parseTombstoneKey(bytes: Buffer): DataKey {
  return parseDataKey(bytes, 9);
}

/** All rows of the tombstone index up to that time (Unix ms). */
export function tombstoneRange(until: number): KeyRange {
  return timedRange(TOMBSTONES, until);
}

/** A row ordered by time. Times are positive, so the bytes of a double sort like the number. */
function timedKey(prefix: number, time: number, dataKeyBytes: Buffer): Buffer {
  const out = Buffer.allocUnsafe(9 + dataKeyBytes.length);
  out[0] = prefix;
  out.writeDoubleBE(time, 1);
  dataKeyBytes.copy(out, 9);
  return out;
}

interface KeyRange {
  readonly from: Buffer;
  readonly to: Buffer;
}

function timedRange(prefix: number, until: number): KeyRange {
  const from = Buffer.from([prefix]);
  const to = Buffer.alloc(10);
  to[0] = prefix;
  to.writeDoubleBE(until, 1);
  to[9] = 0xff;
  return { from, to };
}

export function metaKey(name: string): Buffer {
  return Buffer.from(`${String.fromCharCode(META)}${name}`, 'latin1');
}

/** The hint for a member about a key. */
export function hintKey(target: string, dataKeyBytes: Buffer): Buffer {
  const out = Buffer.allocUnsafe(3 + target.length + dataKeyBytes.length);
  out[0] = HINT;
  out.writeUInt16BE(target.length, 1);
  out.latin1Write(target, 3);
  dataKeyBytes.copy(out, 3 + target.length);
  return out;
}

export function parseHintKey(bytes: Buffer): { target: string; data: DataKey } {
  const end = 3 + bytes.readUInt16BE(1);
  return { target: bytes.latin1Slice(3, end), data: parseDataKey(bytes, end) };
}

/** All hints. */
export function hintRange(): KeyRange {
  return { from: Buffer.from([HINT]), to: Buffer.from([HINT + 1]) };
}

export function quarantineKey(dataKeyBytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([QUARANTINE]), dataKeyBytes]);
}

/** All that is in quarantine. */
export function quarantineRange(): KeyRange {
  return { from: Buffer.from([QUARANTINE]), to: Buffer.from([QUARANTINE + 1]) };
}
