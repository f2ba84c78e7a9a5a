import zlib from 'node:zlib';

const CRC_BYTES = 4;

/** The value of a row that must not be believed when it is damaged: its checksum, and the body. */
export function checked(body: Buffer): Buffer {
  const head = Buffer.alloc(CRC_BYTES);
  head.writeUInt32BE(zlib.crc32(body));
  return Buffer.concat([head, body]);
}

/** The body of such a value; undefined: it is damaged. */
export function uncheckedBody(value: Buffer): Buffer | undefined {
  if (value.length < CRC_BYTES) return undefined;
  const body = value.subarray(CRC_BYTES);
  return zlib.crc32(body) === value.readUInt32BE(0) ? body : undefined;
}

/** A row that nobody can do without, and that is not what was written. */
export class DamagedRow extends Error {
  constructor(what: string) {
    super(`the database is damaged: its row of ${what} is not what was written`);
  }
}

/** The value of a checked row that holds JSON. */
export function jsonRow(value: unknown): Buffer {
  return checked(Buffer.from(JSON.stringify(value)));
}

/** What such a row says; undefined: it is damaged. Rows from before they were checked are plain. */
export function parseJsonRow(row: Buffer): unknown {
  const body = uncheckedBody(row);
  try {
    return JSON.parse((body ?? row).toString());
  } catch {
    return undefined;
  }
}
