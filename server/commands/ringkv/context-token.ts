import { createHmac } from 'node:crypto';
import { WRITER_BYTES, type WriterTable } from '../../../storage/writers.js';

/**
 * What a client has seen of one key, as a printable token it gives back unread: the causal context of the record it was shown.
 *
 *     base64url( u8 format | per writer: 18 bytes id, f64 hlc | 8 bytes of an HMAC over all of that, database and key )
 *
 * The HMAC's key is the cluster's secret: a token that is garbled, made up, or of another key is refused by every node. A node
 * alone may have no secret; it takes nothing on trust from a token (`cluster/core/seen.ts`), and remembers no writer because of one.
 */
const FORMAT = 1;
const ENTRY_BYTES = WRITER_BYTES + 8;
const MAC_BYTES = 8;

/** The key a token is of. */
export interface TokenOf {
  /** The stored database: SWAPDB moves the tokens along with their keys. */
  readonly db: number;
  readonly key: string;
}

/** `''` for an empty context. */
export function encodeToken(
  context: readonly number[],
  of: TokenOf,
  secret: string,
  writers: WriterTable,
): string {
  if (context.length === 0) return '';
  const bodyBytes = 1 + (context.length >> 1) * ENTRY_BYTES;
  const out = Buffer.allocUnsafe(bodyBytes + MAC_BYTES);
  let at = out.writeUInt8(FORMAT, 0);
  for (let i = 0; i < context.length; i += 2) {
    at += out.latin1Write(writers.id(context[i]), at);
    at = out.writeDoubleBE(context[i + 1], at);
  }
  mac(out.subarray(0, bodyBytes), of, secret).copy(out, bodyBytes, 0, MAC_BYTES);
  return out.toString('base64url');
}

/** The context in a token; undefined when it is none, or one of another key. */
export function decodeToken(
  token: string,
  of: TokenOf,
  secret: string,
  writers: WriterTable,
): readonly number[] | undefined {
  if (token === '') return [];
  const bytes = Buffer.from(token, 'base64url');
  // Decoding skips what is no base64.
  if (bytes.toString('base64url') !== token) return undefined;
  const bodyBytes = bytes.length - MAC_BYTES;
  if (bodyBytes < 1 + ENTRY_BYTES || (bodyBytes - 1) % ENTRY_BYTES !== 0 || bytes[0] !== FORMAT)
    return undefined;
  const expected = mac(bytes.subarray(0, bodyBytes), of, secret).subarray(0, MAC_BYTES);
  if (!expected.equals(bytes.subarray(bodyBytes))) return undefined;
  const context: number[] = [];
  for (let at = 1; at < bodyBytes; at += ENTRY_BYTES) {
    const hlc = bytes.readDoubleBE(at + WRITER_BYTES);
    if (!Number.isSafeInteger(hlc) || hlc <= 0) return undefined;
    if (secret !== '' || writers.has(bytes.latin1Slice(at, at + WRITER_BYTES)))
      context.push(writers.indexAt(bytes, at), hlc);
  }
  return isOrdered(context, writers) ? context : undefined;
}

/** The writers of a context stand in their order, each once. */
function isOrdered(context: readonly number[], writers: WriterTable): boolean {
  for (let i = 2; i < context.length; i += 2)
    if (writers.compare(context[i - 2], context[i]) >= 0) return false;
  return true;
}

function mac(body: Buffer, { db, key }: TokenOf, secret: string): Buffer {
  return createHmac('sha256', secret).update(body).update(`${db}:`).update(key, 'latin1').digest();
}
