import { constants } from 'node:buffer';

const EMPTY = Buffer.alloc(0);

/**
 * Reads what `FrameWriter` wrote, never beyond the message: a field that is not wholly there reads as 0 or '' and turns `ok`
 * to false for good, so a codec reads all its fields and asks `finished` once, at the end. One reader serves all messages.
 */
export class FrameReader {
  /** false: something was read that is not there. */
  ok = true;
  private buffer: Buffer = EMPTY;
  private view: DataView = new DataView(EMPTY.buffer, EMPTY.byteOffset, 0);
  private at = 0;
  private limit = 0;

  /** Aims the reader at a message; the buffer is not kept beyond the next `reset`. */
  reset(buffer: Buffer, start: number, end: number): this {
    if (buffer !== this.buffer) {
      this.buffer = buffer;
      this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    }
    this.at = start;
    this.limit = end;
    this.ok = true;
    return this;
  }

  /** Lets go of the buffer. */
  release(): void {
    this.reset(EMPTY, 0, 0);
  }

  /** Everything was there and nothing is left over. */
  get finished(): boolean {
    return this.ok && this.at === this.limit;
  }

  /** Bytes not yet read. */
  get left(): number {
    return this.limit - this.at;
  }

  u8(): number {
    return this.has(1) ? this.view.getUint8(this.at++) : 0;
  }

  u16(): number {
    if (!this.has(2)) return 0;
    this.at += 2;
    return this.view.getUint16(this.at - 2);
  }

  u32(): number {
    if (!this.has(4)) return 0;
    this.at += 4;
    return this.view.getUint32(this.at - 4);
  }

  /** May be NaN or infinite: the sender's word is not checked here. */
  f64(): number {
    if (!this.has(8)) return 0;
    this.at += 8;
    return this.view.getFloat64(this.at - 8);
  }

  latin1(): string {
    const length = this.u32();
    if (!this.has(length) || length > constants.MAX_STRING_LENGTH) {
      this.ok = false;
      return '';
    }
    this.at += length;
    return this.buffer.latin1Slice(this.at - length, this.at);
  }

  /** The next bytes, without a length, in place: copy what outlives the message. Empty when they are not there. */
  bytes(length: number): Buffer {
    if (!this.has(length)) return EMPTY;
    this.at += length;
    return this.buffer.subarray(this.at - length, this.at);
  }

  private has(count: number): boolean {
    if (!this.ok) return false;
    if (count >= 0 && this.limit - this.at >= count) return true;
    this.ok = false;
    return false;
  }
}
