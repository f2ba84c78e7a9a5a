import { type KeyRecord, TOMBSTONE, type Version } from './record.js';
import type { RecordObserver } from './record-observer.js';
import { standing } from './visible.js';
import type { WriterTable } from './writers.js';

/**
 * How many keys are alive per database and slot, kept exact by telling it every change of a record. A key whose time is up
 * counts until the expiry sweep has made a tombstone of it, as in Redis it counts until it is deleted.
 */
export class LiveCounts implements RecordObserver {
  private readonly totals: number[] = [];
  private readonly expiring: number[] = [];
  /** Below nothing while the background count has not come yet to keys that were removed meanwhile. */
  private readonly slots: Int32Array[] = [];

  constructor(
    private readonly slotCount: number,
    private readonly writers: WriterTable,
  ) {}

  changed(db: number, slot: number, _hash: number, before: KeyRecord | null, after: KeyRecord | null): void {
    const old = standing(before, this.writers);
    const now = standing(after, this.writers);
    const was = alive(old);
    const is = alive(now);
    if (was !== is) this.add(db, slot, is ? 1 : -1);
    const expired = was && old!.expireAt !== 0;
    const expires = is && now!.expireAt !== 0;
    if (expired !== expires) this.expiring[db] = (this.expiring[db] ?? 0) + (expires ? 1 : -1);
  }

  private add(db: number, slot: number, keys: number): void {
    this.slots[db] ??= new Int32Array(this.slotCount);
    this.slots[db][slot] += keys;
    this.totals[db] = (this.totals[db] ?? 0) + keys;
  }

  total(db: number): number {
    return Math.max(0, this.totals[db] ?? 0);
  }

  /** Keys with an expiry. */
  withExpiry(db: number): number {
    return Math.max(0, this.expiring[db] ?? 0);
  }

  slot(db: number, slot: number): number {
    return Math.max(0, this.slots[db]?.[slot] ?? 0);
  }

  /** All figures, to be kept over a clean stop. */
  save(): Buffer {
    const dbs = this.slots.flatMap((counts, db) => (counts ? [db] : []));
    const rowBytes = 9 + this.slotCount * 4;
    const out = Buffer.alloc(dbs.length * rowBytes);
    dbs.forEach((db, i) => {
      const at = i * rowBytes;
      out[at] = db;
      out.writeDoubleBE(this.withExpiry(db), at + 1);
      for (let slot = 0; slot < this.slotCount; slot++)
        out.writeUInt32BE(this.slot(db, slot), at + 9 + slot * 4);
    });
    return out;
  }

  /** Adds what `save` kept. False when it does not fit. */
  restore(saved: Buffer): boolean {
    const rowBytes = 9 + this.slotCount * 4;
    if (saved.length % rowBytes !== 0) return false;
    for (let at = 0; at < saved.length; at += rowBytes) {
      const db = saved[at];
      this.expiring[db] = (this.expiring[db] ?? 0) + saved.readDoubleBE(at + 1);
      for (let slot = 0; slot < this.slotCount; slot++) {
        const keys = saved.readUInt32BE(at + 9 + slot * 4);
        if (keys > 0) this.add(db, slot, keys);
      }
    }
    return true;
  }

  cleared(db: number): void {
    this.totals[db] = 0;
    this.expiring[db] = 0;
    this.slots[db]?.fill(0);
  }

  /** A damaged record counts until another takes its place. */
  doubted(): void {}

  blank(): LiveCounts {
    return new LiveCounts(this.slotCount, this.writers);
  }

  /** Adds everything in `from`, or with -1 takes it out. */
  addAll(from: LiveCounts, times: 1 | -1): void {
    from.slots.forEach((counts, db) => {
      for (let slot = 0; slot < this.slotCount; slot++)
        if (counts[slot] !== 0) this.add(db, slot, times * counts[slot]);
    });
    from.expiring.forEach((keys, db) => {
      this.expiring[db] = (this.expiring[db] ?? 0) + times * keys;
    });
  }
}

function alive(version: Version | undefined): boolean {
  return version !== undefined && version.type !== TOMBSTONE;
}
