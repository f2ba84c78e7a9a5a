import { LENGTH_BYTES } from './limits.js';

/** false: deliver nothing more. */
type Deliver = (buffer: Buffer, start: number, end: number) => boolean;

const NOTHING = Buffer.alloc(0);
/** Room taken at once for a message under way; beyond it memory grows only with the bytes that really came. */
const FIRST_RESERVE = 1024 * 1024;
/** Not to grow by a few bytes at a time while messages are small. */
const LEAST_RESERVE = 4 * 1024;
/** Up to this much is kept for the next message cut by a chunk's end. */
const KEPT_RESERVE = 64 * 1024;

/**
 * Cuts a stream of chunks into messages. Whole messages are delivered in place; only one cut by the end of a chunk is copied,
 * into memory that doubles, so a message costs time in proportion to its length however it is cut. No chunk is kept.
 */
export class MessageSplitter {
  private held: Buffer = NOTHING;
  /** Bytes of the unfinished message in `held`, its length field included. */
  private have = 0;

  constructor(
    private readonly maxFrameBytes: number,
    private readonly deliver: Deliver,
  ) {}

  /** Takes a chunk from `at`. Returns what is wrong with the stream, if anything; the rest of it is then worthless. */
  feed(chunk: Buffer, at = 0): string | undefined {
    const end = chunk.length;
    while (this.have > 0 && at < end) {
      const target = this.have < LENGTH_BYTES ? LENGTH_BYTES : LENGTH_BYTES + this.held.readUInt32BE(0);
      at = this.hold(chunk, at, Math.min(end, at + target - this.have), target);
      if (this.have === LENGTH_BYTES) {
        const length = this.held.readUInt32BE(0);
        if (length > this.maxFrameBytes) return tooLong(length, this.maxFrameBytes);
        if (length === 0) this.have = 0;
      } else if (this.have === target) {
        if (!this.deliverHeld()) return undefined;
      }
    }
    while (end - at >= LENGTH_BYTES) {
      const length = chunk.readUInt32BE(at);
      if (length > this.maxFrameBytes) return tooLong(length, this.maxFrameBytes);
      const start = at + LENGTH_BYTES;
      if (end - start < length) break;
      at = start + length;
      // An empty message is the other side's ping: hearing it was its purpose.
      if (length > 0 && !this.deliver(chunk, start, at)) return undefined;
    }
    if (at < end) {
      const target = end - at < LENGTH_BYTES ? LENGTH_BYTES : LENGTH_BYTES + chunk.readUInt32BE(at);
      this.hold(chunk, at, end, target);
    }
    return undefined;
  }

  private deliverHeld(): boolean {
    const { held, have } = this;
    this.have = 0;
    if (held.length > KEPT_RESERVE) this.held = NOTHING;
    return this.deliver(held, LENGTH_BYTES, have);
  }

  /** Copies `chunk[from..to)`, a part of a message of `target` bytes. Returns `to`. */
  private hold(chunk: Buffer, from: number, to: number, target: number): number {
    const needed = this.have + to - from;
    if (needed > this.held.length) {
      const room = Math.min(target, Math.max(FIRST_RESERVE, this.held.length * 2));
      const capacity = Math.max(needed, room, LEAST_RESERVE);
      const larger = Buffer.allocUnsafeSlow(capacity);
      this.held.copy(larger, 0, 0, this.have);
      this.held = larger;
    }
    chunk.copy(this.held, this.have, from, to);
    this.have = needed;
    return to;
  }
}

function tooLong(length: number, limit: number): string {
  return `message of ${length} bytes announced, at most ${limit} are allowed`;
}
