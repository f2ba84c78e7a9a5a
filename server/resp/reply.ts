/**
 * Writes RESP2 or RESP3 replies (https://redis.io/docs/latest/develop/reference/protocol-spec/).
 *
 * Inside RingKV bytes travel as latin1 strings (one char per byte): they concatenate without copying, live compactly on
 * the JavaScript heap and are written to a socket in one call. A reply is one such string, or several when it is large:
 * a single string ends at V8's limit of 512 MiB - 24 bytes, and a rope of huge payloads would be copied to be flattened.
 */
export type RespVersion = 2 | 3;

/** A finished reply: one chunk of bytes, or several to be written in order. */
export type ReplyBytes = string | string[];

/** A chunk is closed once it is longer than this many bytes. */
const CHUNK_BYTES = 64 * 1024;
/** So much is written before more is gathered. */
const FULL_BYTES = 1024 * 1024;

const SMALL_INTEGERS = Array.from({ length: 1024 }, (_, n) => `:${n}\r\n`);
const SMALL_BULK_HEADERS = Array.from({ length: 1024 }, (_, n) => `$${n}\r\n`);

export class ReplyWriter {
  private chunks: string[] | undefined;
  private out = '';
  private chunkBytes = 0;

  constructor(public resp: RespVersion = 2) {}

  /** True when nothing was written since the last `take`. */
  get empty(): boolean {
    return this.out === '' && this.chunks === undefined;
  }

  /** So much was written that it should be taken before more is. */
  get full(): boolean {
    return this.chunkBytes > FULL_BYTES;
  }

  /** Hands over what was written and starts afresh. */
  take(): ReplyBytes {
    const last = this.out;
    this.out = '';
    const chunks = this.chunks;
    if (chunks === undefined) return last;
    this.chunks = undefined;
    this.chunkBytes = 0;
    if (last !== '') chunks.push(last);
    return chunks;
  }

  /** Already encoded reply bytes, passed through. */
  raw(bytes: ReplyBytes): void {
    if (typeof bytes === 'string') this.append(bytes);
    else for (const chunk of bytes) this.append(chunk);
  }

  ok(): void {
    this.out += '+OK\r\n';
  }

  simple(text: string): void {
    this.append(`+${text}\r\n`);
  }

  /** `text` starts with its code: `ERR syntax error`. Line breaks, which would end the reply early, become spaces. */
  error(text: string): void {
    this.append(`-${/[\r\n]/.test(text) ? text.replace(/[\r\n]/g, ' ') : text}\r\n`);
  }

  integer(n: number | bigint): void {
    this.out += typeof n === 'number' && n >= 0 && n < 1024 ? SMALL_INTEGERS[n] : `:${n}\r\n`;
  }

  /** A bulk string, or the null of this RESP version. */
  bulk(bytes: string | null | undefined): void {
    if (bytes === null || bytes === undefined) {
      this.null();
      return;
    }
    const length = bytes.length;
    if (length < 1024) {
      this.append(`${SMALL_BULK_HEADERS[length] + bytes}\r\n`);
      return;
    }
    this.append(`$${length}\r\n`);
    this.append(bytes);
    this.append('\r\n');
  }

  null(): void {
    this.out += this.resp === 3 ? '_\r\n' : '$-1\r\n';
  }

  nullArray(): void {
    this.out += this.resp === 3 ? '_\r\n' : '*-1\r\n';
  }

  array(length: number): void {
    this.append(`*${length}\r\n`);
  }

  /** A map of `pairs` key-value pairs; a flat array in RESP2. */
  map(pairs: number): void {
    this.append(this.resp === 3 ? `%${pairs}\r\n` : `*${pairs * 2}\r\n`);
  }

  set(length: number): void {
    this.append(this.resp === 3 ? `~${length}\r\n` : `*${length}\r\n`);
  }

  push(length: number): void {
    this.append(this.resp === 3 ? `>${length}\r\n` : `*${length}\r\n`);
  }

  boolean(value: boolean): void {
    this.out += this.resp === 3 ? (value ? '#t\r\n' : '#f\r\n') : value ? ':1\r\n' : ':0\r\n';
  }

  /** `text` is the number as Redis would print it; a bulk string in RESP2. */
  double(text: string): void {
    if (this.resp === 3) this.append(`,${text}\r\n`);
    else this.bulk(text);
  }

  /** Text with a three-letter format (`txt`, `mkd`); a plain bulk string in RESP2. */
  verbatim(format: string, text: string): void {
    if (this.resp === 3) this.append(`=${text.length + 4}\r\n${format}:${text}\r\n`);
    else this.bulk(text);
  }

  private append(bytes: string): void {
    if (bytes.length + this.out.length <= CHUNK_BYTES) {
      this.out += bytes;
      return;
    }
    this.chunks ??= [];
    this.chunkBytes += bytes.length + this.out.length;
    if (this.out !== '') this.chunks.push(this.out);
    this.out = '';
    if (bytes.length > CHUNK_BYTES) this.chunks.push(bytes);
    else this.out = bytes;
  }
}
