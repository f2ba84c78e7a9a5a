import { constants } from 'node:buffer';
import { splitArguments } from './inline.js';
import {
  ARGUMENT_OVERHEAD_BYTES,
  type DecoderLimits,
  UNAUTHENTICATED_MAX_ARGUMENTS,
  UNAUTHENTICATED_MAX_BULK_BYTES,
} from './limits.js';
import { cachedName } from './name-cache.js';
import { PartialToken } from './partial-token.js';

const CR = 13;
const LF = 10;
const ZERO = 48;
const STAR = 42;
const DOLLAR = 36;

/** Up to so many arguments the argv is allocated at once; beyond, it grows with what has really arrived. */
const TRUSTED_ARGUMENTS = 32;

/** Digits that can be added up without leaving the safe integers; longer numbers take the slow path. */
const FAST_DIGITS = 9;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** `readHeader`: the line has not ended yet, or it was refused (`failure` is set). */
const NO_HEADER = -1;
/** `announced` while the next thing is an argument's `$` line. */
const NOT_ANNOUNCED = -1;

const NOTHING = Buffer.alloc(0);

/** Why the connection must end. `message` is the error reply without its `-`; empty when Redis closes without a word. */
export class ProtocolError {
  constructor(readonly message: string) {}
}

/**
 * Takes commands out of a client's byte stream exactly as Redis 7.0 does (`processInlineBuffer` and
 * `processMultibulkBuffer` of `src/networking.c`), oddities included: a NUL hides the line end behind it, the byte after a
 * CR and the two bytes after an argument may be anything.
 *
 * Parsing goes on where it stopped, so bytes are looked at once however they are cut, and nothing is allocated for what
 * was only announced. A command that lies whole in its chunk is not copied, save into the strings it becomes.
 */
export class RequestDecoder {
  /** The bytes being parsed are `bytes[at, end)`. */
  private bytes: Buffer = NOTHING;
  private at = 0;
  private end = 0;
  /** Chunks that arrived before `bytes` was used up. */
  private readonly waiting: Buffer[] = [];
  private waitingBytes = 0;
  /** The beginning of a line or an argument whose chunk ended too early. */
  private readonly partial = new PartialToken();
  /** The command under way, the arguments it has and those it lacks. */
  private argv: string[] | null = null;
  private filled = 0;
  private missing = 0;
  private argvBytes = 0;
  /** Length of the argument to come, once its `$` line was read. */
  private announced = NOT_ANNOUNCED;
  private failure: ProtocolError | null = null;

  constructor(private readonly limits: DecoderLimits) {}

  /** Bytes held for commands that are not complete, and for those not yet asked for. */
  get buffered(): number {
    return this.argvBytes + this.partial.length + this.end - this.at + this.waitingBytes;
  }

  /** Gives a chunk to parse. Its memory must stay as it is until `next` has returned null, or `keep` was called. */
  push(chunk: Buffer): void {
    if (this.failure !== null) return;
    if (this.at === this.end && this.partial.length === 0 && this.waiting.length === 0) {
      this.bytes = chunk;
      this.at = 0;
      this.end = chunk.length;
    } else {
      this.waiting.push(chunk);
      this.waitingBytes += chunk.length;
      this.checkQueryBuffer();
    }
  }

  /** Copies what is not yet parsed, for a caller that stops before `next` returned null and reuses the chunk's memory. */
  keep(): void {
    const rest = Buffer.concat([this.bytes.subarray(this.at, this.end), ...this.waiting]);
    this.waiting.splice(0, this.waiting.length, rest);
    this.waitingBytes = rest.length;
    this.clear();
  }

  /**
   * The next command's arguments, one char per byte; null when it takes more bytes. After a ProtocolError the stream cannot
   * be followed any more: it comes back at every call, and the connection has to be closed.
   */
  next(): string[] | ProtocolError | null {
    while (this.failure === null && (this.at < this.end || this.refill())) {
      if (this.argv === null) {
        if (this.bytes[this.at] !== STAR) {
          const inline = this.readInline();
          if (inline !== null && inline.length > 0) return inline;
          continue;
        }
        const count = this.readHeader(STAR);
        if (count === NO_HEADER || !this.begin(count)) continue;
      }
      const argv = this.readArguments();
      if (argv !== null) return argv;
    }
    return this.failure;
  }

  /** Starts a command of `count` arguments; false when there is none to start. */
  private begin(count: number): boolean {
    if (count > this.limits.maxMultibulk) return this.fail('invalid multibulk length');
    if (count > UNAUTHENTICATED_MAX_ARGUMENTS && !this.limits.authenticated()) {
      return this.fail('unauthenticated multibulk length');
    }
    if (count === 0) return false;
    this.argv = count <= TRUSTED_ARGUMENTS ? new Array<string>(count) : [];
    this.missing = count;
    return true;
  }

  /** Reads arguments until the command is complete (returned) or the bytes are used up or refused (null). */
  private readArguments(): string[] | null {
    const argv = this.argv!;
    while (this.missing > 0) {
      let length = this.announced;
      if (length === NOT_ANNOUNCED) {
        if (this.at === this.end) return null;
        length = this.readHeader(DOLLAR);
        if (length === NO_HEADER || !this.admits(length)) return null;
        this.announced = length;
      }
      const start = this.at;
      // The line end after the argument is waited for, but never looked at.
      if (this.end - start < length + 2) {
        this.suspend(length + 2);
        return null;
      }
      const stop = start + length;
      argv[this.filled] =
        this.filled === 0 ? cachedName(this.bytes, start, stop) : this.bytes.latin1Slice(start, stop);
      this.filled++;
      this.missing--;
      this.argvBytes += length + ARGUMENT_OVERHEAD_BYTES;
      this.at = stop + 2;
      this.announced = NOT_ANNOUNCED;
    }
    this.argv = null;
    this.filled = 0;
    this.argvBytes = 0;
    return argv;
  }

  /** Whether an argument of so many bytes may come; sets `failure` if not. */
  private admits(length: number): boolean {
    if (length > this.limits.maxBulkBytes() || length > constants.MAX_STRING_LENGTH) {
      return this.fail('invalid bulk length');
    }
    if (length > UNAUTHENTICATED_MAX_BULK_BYTES && !this.limits.authenticated()) {
      return this.fail('unauthenticated bulk length');
    }
    return true;
  }

  /** The number of the `*` or `$` line at `at`, at least 0, and steps over the line; or NO_HEADER. */
  private readHeader(type: number): number {
    const { bytes, end } = this;
    const first = this.at + 1;
    const stop = Math.min(first + FAST_DIGITS, end - 1);
    let at = first;
    let n = 0;
    for (; at < stop; at++) {
      const digit = bytes[at] - ZERO;
      if (digit < 0 || digit > 9) break;
      n = n * 10 + digit;
    }
    const regular = at > first && at < end - 1 && bytes[at] === CR && bytes[first - 1] === type;
    if (!regular || (bytes[first] === ZERO && at > first + 1)) return this.readOddHeader(type);
    this.at = at + 2;
    return n;
  }

  /** `readHeader` for lines that are cut, negative, very long or wrong. */
  private readOddHeader(type: number): number {
    const start = this.at;
    const lineEnd = this.findLineEnd(CR);
    // Redis parses the line only when the byte after the CR is there too.
    if (lineEnd < 0 || lineEnd + 2 > this.end) {
      if (this.failure === null) this.suspend();
      return NO_HEADER;
    }
    if (this.bytes[start] !== type) {
      const got = this.bytes.latin1Slice(start, start + 1).replace(/[\r\n]/, ' ');
      this.fail(`expected '$', got '${got}'`);
      return NO_HEADER;
    }
    const n = parseInt64(this.bytes.latin1Slice(start + 1, lineEnd));
    if (n === null || (type === DOLLAR && n < 0n)) {
      this.fail(type === STAR ? 'invalid multibulk length' : 'invalid bulk length');
      return NO_HEADER;
    }
    this.at = lineEnd + 2;
    return n < 0n ? 0 : Number(n);
  }

  /** The arguments of the inline command at `at` (none for a blank line); null when it is cut or refused. */
  private readInline(): string[] | null {
    const start = this.at;
    const lineEnd = this.findLineEnd(LF);
    if (lineEnd < 0) {
      if (this.failure === null) this.suspend();
      return null;
    }
    this.at = lineEnd + 1;
    const stop = lineEnd > start && this.bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    const args = splitArguments(this.bytes.latin1Slice(start, stop));
    if (args === null) this.fail('unbalanced quotes in request');
    return args;
  }

  /** Index of the byte that ends the line at `at`, -1 when it has not come or a NUL hides it. Refuses endless lines. */
  private findLineEnd(terminator: number): number {
    const stop = Math.min(this.end, this.at + this.limits.maxInlineBytes + 1);
    for (let at = this.at; at < stop; at++) {
      const byte = this.bytes[at];
      if (byte === terminator) return at;
      if (byte === 0) break;
    }
    if (this.end - this.at > this.limits.maxInlineBytes) this.failLine();
    return -1;
  }

  private failLine(): void {
    if (this.argv !== null) this.fail('too big bulk count string');
    else this.fail(this.terminator() === CR ? 'too big mbulk count string' : 'too big inline request');
  }

  /** The byte that ends the line under way. */
  private terminator(): number {
    if (this.argv !== null) return CR;
    const first = this.partial.length > 0 ? this.partial.first : this.bytes[this.at];
    return first === STAR ? CR : LF;
  }

  /** Sets the rest of the chunk aside: the beginning of an argument of `size` bytes, or of a line. */
  private suspend(size = 0): void {
    this.partial.begin(this.bytes, this.at, this.end, size);
    this.clear();
    this.checkQueryBuffer();
  }

  /** Brings bytes to parse: the waiting chunk, or before it what completes the partial token. False when there are none. */
  private refill(): boolean {
    this.clear();
    while (this.failure === null && this.waiting.length > 0) {
      const chunk = this.waiting.shift()!;
      this.waitingBytes -= chunk.length;
      if (this.partial.length === 0) {
        this.bytes = chunk;
        this.end = chunk.length;
        if (this.end > 0) return true;
        continue;
      }
      const terminator = this.terminator();
      const taken = this.partial.append(chunk, terminator);
      if (this.partial.complete) {
        if (taken < chunk.length) {
          this.waiting.unshift(chunk.subarray(taken));
          this.waitingBytes += chunk.length - taken;
        }
        this.end = this.partial.length;
        this.bytes = this.partial.release();
        return true;
      }
      if (
        this.announced === NOT_ANNOUNCED &&
        this.partial.lineLength(terminator) > this.limits.maxInlineBytes
      )
        this.failLine();
      this.checkQueryBuffer();
    }
    return false;
  }

  /** Lets go of the chunk: it is the caller's again, and must not live on because of an idle connection. */
  private clear(): void {
    this.bytes = NOTHING;
    this.at = 0;
    this.end = 0;
  }

  /** Redis closes such a connection without a reply. */
  private checkQueryBuffer(): void {
    if (this.buffered > this.limits.maxQueryBuffer) this.stop('');
  }

  private fail(reason: string): false {
    this.stop(`ERR Protocol error: ${reason}`);
    return false;
  }

  private stop(message: string): void {
    this.failure ??= new ProtocolError(message);
    this.clear();
    this.waiting.length = 0;
    this.waitingBytes = 0;
    this.partial.release();
    this.argv = null;
    this.argvBytes = 0;
  }
}

/** Redis's `string2ll`: digits without leading zeros or plus sign, a minus allowed, in 64 bits; otherwise null. */
function parseInt64(text: string): bigint | null {
  if (!/^(?:0|-?[1-9][0-9]{0,18})$/.test(text)) return null;
  const n = BigInt(text);
  return n >= INT64_MIN && n <= INT64_MAX ? n : null;
}
