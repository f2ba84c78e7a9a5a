import { bodyOf, encodedBytes, encodeRecord, type KeyRecord } from './record.js';
import type { WriterTable } from './writers.js';

/** Up to this length each has a buffer of its own: to cut a larger one to the length costs as much as to write the record. */
const EXACT_BYTES = 1024;
const USUAL_BYTES = 64 * 1024;
/** A buffer grown for a huge value is let go once it is beyond this. */
const KEPT_BYTES = 4 * 1024 * 1024;

/** Reused buffers in which records are encoded on their way out. */
export class RecordScratch {
  /** Holds the record encoded last: a short one alone, a longer one at its start. */
  buffer: Buffer = Buffer.alloc(0);
  private readonly exact: { readonly whole: Buffer; readonly body: Buffer }[] = [];
  private large: Buffer = Buffer.alloc(0);

  constructor(private readonly writers: WriterTable) {}

  /** Encodes at the start of `buffer` and returns the length; valid until the next call. Only then is it known which `buffer` that is. */
  encode(record: KeyRecord, keyHash: number): number {
    const bytes = encodedBytes(record);
    if (bytes > EXACT_BYTES) {
      if (bytes > this.large.length || this.large.length > KEPT_BYTES)
        this.large = Buffer.allocUnsafeSlow(Math.max(bytes, USUAL_BYTES));
      this.buffer = this.large;
      return encodeRecord(record, keyHash, this.writers, this.large);
    }
    const { whole, body } = this.exactly(bytes);
    this.buffer = whole;
    return encodeRecord(record, keyHash, this.writers, whole, body);
  }

  private exactly(bytes: number): { readonly whole: Buffer; readonly body: Buffer } {
    let exact = this.exact[bytes];
    if (exact === undefined) {
      const whole = Buffer.allocUnsafeSlow(bytes);
      exact = { whole, body: bodyOf(whole, bytes) };
      this.exact[bytes] = exact;
    }
    return exact;
  }
}
