import zlib from 'node:zlib';
import { type DataKey, dataKey, quarantineKey, quarantineRange } from './key-layout.js';
import type { RecordStore } from './record-store.js';

/** Rows kept, at most: each costs some memory. */
const MAX_ROWS = 10_000;
const ROWS_PER_TRIP = 16;
const TIME_BYTES = 8;

interface Held {
  readonly key: Buffer;
  readonly bytes: number;
  /** Tells whether a damaged record is the one that is held already. */
  readonly crc: number;
  readonly sinceMs: number;
}

/**
 * Damaged records as they were found, for whoever wants to know what the disk has done to them: their place itself is filled
 * again from the other replicas. The oldest go when there are too many.
 */
export class Quarantine {
  /** Oldest first. */
  private held = new Map<string, Held>();
  private heldBytes = 0;

  constructor(
    private readonly store: Pick<RecordStore, 'putRow' | 'iterate'>,
    private readonly maxBytes: () => number,
  ) {}

  get rows(): number {
    return this.held.size;
  }

  get bytes(): number {
    return this.heldBytes;
  }

  /** Learns what earlier runs of the node have put there. */
  start(): void {
    const iterator = this.store.iterate(quarantineRange());
    const found: Held[] = [];
    const step = (): void => {
      iterator.next(ROWS_PER_TRIP, (error, rows) => {
        for (const { key, value } of rows) if (value.length >= TIME_BYTES) found.push(heldOf(key, value));
        if (error === null && rows.length === ROWS_PER_TRIP) step();
        else iterator.close(() => this.restore(found));
      });
    };
    step();
  }

  /** Keeps a copy of a damaged record; false: it is held already. */
  keep({ slot, db, hash, key }: DataKey, record: Buffer, nowMs: number): boolean {
    const row = quarantineKey(dataKey(slot, db, hash, key));
    const value = Buffer.allocUnsafe(TIME_BYTES + record.length);
    value.writeDoubleBE(nowMs);
    record.copy(value, TIME_BYTES);
    const held = heldOf(row, value);
    const name = row.latin1Slice();
    const before = this.held.get(name);
    if (before?.crc === held.crc && before.bytes === held.bytes) return false;
    this.forget(name, before);
    if (held.bytes > this.maxBytes()) return true;
    this.add(name, held);
    this.store.putRow(row, value);
    this.trim();
    return true;
  }

  private restore(found: Held[]): void {
    const since = this.held;
    this.held = new Map();
    this.heldBytes = 0;
    for (const one of found.sort((a, b) => a.sinceMs - b.sinceMs)) {
      const name = one.key.latin1Slice();
      if (!since.has(name)) this.add(name, one);
    }
    for (const [name, one] of since) this.add(name, one);
    this.trim();
  }

  private add(name: string, held: Held): void {
    this.held.set(name, held);
    this.heldBytes += held.bytes;
  }

  private forget(name: string, held: Held | undefined): void {
    if (held === undefined) return;
    this.held.delete(name);
    this.heldBytes -= held.bytes;
    this.store.putRow(held.key, null);
  }

  private trim(): void {
    for (const [name, held] of this.held) {
      if (this.held.size <= MAX_ROWS && this.heldBytes <= this.maxBytes()) return;
      this.forget(name, held);
    }
  }
}

function heldOf(key: Buffer, value: Buffer): Held {
  const crc = zlib.crc32(value.subarray(TIME_BYTES));
  return { key: Buffer.from(key), bytes: key.length + value.length, crc, sinceMs: value.readDoubleBE(0) };
}
