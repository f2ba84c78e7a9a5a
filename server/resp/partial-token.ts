const CR = 13;
const SMALLEST_ALLOCATION = 256;
/** A buffer up to this size is kept for the connection's next partial token. */
const KEPT_ALLOCATION = 1024;

const NOTHING = Buffer.alloc(0);

/**
 * The beginning of a line or of an argument whose chunk ended too early, gathered until it is whole. The memory doubles
 * with what really arrives (never more than twice of it, whatever length was announced), so a token costs a copy or two
 * of its bytes however finely it is cut.
 */
export class PartialToken {
  /** Bytes gathered; 0 when there is no partial token. */
  length = 0;
  complete = false;
  private bytes: Buffer = NOTHING;
  /** Bytes of the whole token, 0 for a line. */
  private size = 0;
  /** A NUL was seen in the line: its end is not recognised any more. */
  private endless = false;

  /** The token's first byte. */
  get first(): number {
    return this.bytes[0];
  }

  /** Bytes of a line, without the CR if that is the terminator and has come. */
  lineLength(terminator: number): number {
    return terminator === CR && this.endsWithCr() ? this.length - 1 : this.length;
  }

  /** Takes over `source[start, end)` as the beginning of an argument of `size` bytes, or of a line (0). */
  begin(source: Buffer, start: number, end: number, size: number): void {
    this.size = size;
    this.complete = false;
    this.length = 0;
    this.add(source, start, end);
    this.endless = size === 0 && this.bytes.subarray(0, this.length).includes(0);
  }

  /** Takes what it needs from the start of `chunk`, a line ending with `terminator` (and, if that is CR, any byte more). */
  append(chunk: Buffer, terminator: number): number {
    const wanted = this.size > 0 ? this.size - this.length : this.restOfLine(chunk, terminator);
    this.complete = wanted <= chunk.length;
    const taken = Math.min(wanted, chunk.length);
    this.add(chunk, 0, taken);
    return taken;
  }

  /** Hands over the token's bytes, valid until the next `begin`. */
  release(): Buffer {
    const { bytes, length } = this;
    this.length = 0;
    if (bytes.length > KEPT_ALLOCATION) this.bytes = NOTHING;
    return bytes.subarray(0, length);
  }

  /** Bytes up to the line's end, or more than `chunk` has. */
  private restOfLine(chunk: Buffer, terminator: number): number {
    if (this.endless) return Number.POSITIVE_INFINITY;
    if (terminator === CR && this.endsWithCr()) return 1;
    const end = chunk.indexOf(terminator);
    const nul = chunk.indexOf(0);
    this.endless = nul >= 0 && (end < 0 || nul < end);
    if (this.endless || end < 0) return Number.POSITIVE_INFINITY;
    return terminator === CR ? end + 2 : end + 1;
  }

  private endsWithCr(): boolean {
    return !this.endless && this.length > 0 && this.bytes[this.length - 1] === CR;
  }

  private add(source: Buffer, start: number, end: number): void {
    const needed = this.length + end - start;
    if (needed > this.bytes.length) {
      const roomy = Math.max(needed, this.length * 2, SMALLEST_ALLOCATION);
      const grown = Buffer.allocUnsafeSlow(this.size > 0 ? Math.min(roomy, this.size) : roomy);
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    source.copy(this.bytes, this.length, start, end);
    this.length = needed;
  }
}
