import { encodedBytes, encodeRecord, type KeyRecord } from './record.js';
import type { WriterTable } from './writers.js';

const USUAL_BYTES = 64 * 1024;
/** A buffer grown for a huge value is let go once it is beyond this. */
const KEPT_BYTES = 4 * 1024 * 1024;

/** A reused buffer in which records are encoded on their way out. */
export class RecordScratch {
  buffer = Buffer.allocUnsafeSlow(USUAL_BYTES);

  constructor(private readonly writers: WriterTable) {}

  /** Encodes at the start of `buffer` and returns the length; valid until the next call. Only then is it known which `buffer` that is. */
  encode(record: KeyRecord, keyHash: number): number {
    const bytes = encodedBytes(record);
    if (bytes > this.buffer.length || this.buffer.length > KEPT_BYTES) {
      this.buffer = Buffer.allocUnsafeSlow(Math.max(bytes, USUAL_BYTES));
    }
    return encodeRecord(record, keyHash, this.writers, this.buffer);
  }
}
