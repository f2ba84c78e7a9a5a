import { constants } from 'node:buffer';
import zlib from 'node:zlib';

/** The format's number, first byte of every dump: frozen, as dumps may be kept for years. */
const VERSION = '\x01';
const CHECKSUM_BYTES = 4;

/** Whether a value of this length leaves room for the rest of a dump in V8's longest string. */
export function canDump(length: number): boolean {
  return length <= constants.MAX_STRING_LENGTH - 1 - CHECKSUM_BYTES;
}

/** A value as DUMP gives it out: version byte, payload, crc32 (big endian) over both. Not Redis's RDB form. */
export function encodeDump(payload: string): string {
  const body = VERSION + payload;
  return body + checksum(body);
}

/** The payload, or undefined when the version or the checksum is wrong. */
export function decodeDump(dump: string): string | undefined {
  const end = dump.length - CHECKSUM_BYTES;
  if (end < 1 || dump[0] !== VERSION) return undefined;
  return checksum(dump.slice(0, end)) === dump.slice(end) ? dump.slice(1, end) : undefined;
}

function checksum(body: string): string {
  const bytes = Buffer.alloc(CHECKSUM_BYTES);
  bytes.writeUInt32BE(zlib.crc32(Buffer.from(body, 'latin1')));
  return bytes.latin1Slice();
}
