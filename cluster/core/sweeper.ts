import type { EngineIterator } from '../../storage/engine.js';
import {
  type DataKey,
  dataKeyFrom,
  expiryRange,
  parseDataKey,
  parseExpiryKey,
  SLOTS,
} from '../../storage/key-layout.js';
import { CORRUPT, type KeyRecord, makeRecord, TOMBSTONE, type Version } from '../../storage/record.js';
import type { RecordStore } from '../../storage/record-store.js';
import type { Clock } from '../environment.js';

/** An expired version is swept so long after its time, so that a replica whose clock runs ahead hides nothing still alive. */
const EXPIRY_GRACE_MS = 1000;
const SWEEP_EVERY_MS = 250;
/** A disk that has failed is tried again so often: each time the database may have to be opened anew. */
const PROBE_EVERY_MS = 1000;
/** Rows handled in one sweep: what is left is done in the next. */
const ROWS_PER_SWEEP = 2000;

/**
 * Clears in the background what is dead already for every reader: expired versions, found by the expiry index, lose their
 * payload and become tombstones of the same dot; flushed records are deleted.
 */
export class Sweeper {
  readonly counters = { expired: 0, flushed: 0 };
  /** Where the sweep of flushed records goes on; null when there is none to do. */
  private flushFrom: Buffer | null = null;
  /** Something was void in this walk: only one that finds nothing is the last, since what was cleared may not have been written. */
  private foundFlushed = false;
  /** Whose marks were raised since the last walk that found nothing. */
  private readonly flushedDbs = new Set<number>();
  private timer: unknown;
  private busy = false;
  private probeNextAt = 0;

  constructor(
    private readonly store: RecordStore,
    private readonly clock: Clock,
    /** This node is the only one. */
    private readonly alone: () => boolean,
  ) {}

  start(): void {
    this.timer = this.clock.setTimer(SWEEP_EVERY_MS, this.sweep);
  }

  stop(): void {
    this.clock.clearTimer(this.timer);
  }

  /** No flushed records are being deleted. */
  get calm(): boolean {
    return !this.busy && this.flushFrom === null;
  }

  /** The flush marks of these databases were raised: everything on disk is looked at once. */
  flushed(dbs: readonly number[]): void {
    for (const db of dbs) this.flushedDbs.add(db);
    this.walkAgain();
  }

  private walkAgain(): void {
    this.foundFlushed = false;
    this.flushFrom = dataKeyFrom(0);
  }

  private readonly sweep = (): void => {
    this.start();
    if (this.store.writeError !== null) this.probe();
    if (this.busy || this.store.writeError !== null) return;
    this.busy = true;
    this.sweepExpired(() => {
      if (this.flushFrom === null) this.busy = false;
      else this.sweepFlushed();
    });
  };

  private probe(): void {
    const now = this.clock.elapsed();
    if (now < this.probeNextAt) return;
    this.probeNextAt = now + PROBE_EVERY_MS;
    this.store.probe();
  }

  private sweepExpired(done: () => void): void {
    const { from, to } = expiryRange(this.clock.now() - EXPIRY_GRACE_MS);
    const iterator = this.store.iterate({ from, to, keysOnly: true });
    iterator.next(ROWS_PER_SWEEP, (error, rows) => {
      iterator.close(() => {
        if (error) return done();
        for (const { key } of rows) {
          const { expireAt, data } = parseExpiryKey(key);
          this.change(data, (record) => expire(record, expireAt), 'expired', Buffer.from(key));
        }
        done();
      });
    });
  }

  private sweepFlushed(): void {
    const from = this.flushFrom!;
    const iterator = this.store.iterate({ from, to: dataKeyFrom(SLOTS) });
    this.flushFrom = null;
    iterator.next(ROWS_PER_SWEEP, (error, rows) => {
      if (error === null) return this.clearFlushed(iterator, rows);
      this.flushFrom ??= from;
      iterator.close(() => {
        this.busy = false;
      });
    });
  }

  private clearFlushed(iterator: EngineIterator, rows: { key: Buffer; value: Buffer }[]): void {
    iterator.close(() => {
      for (const { key, value } of rows) {
        const row = parseDataKey(key);
        const record = this.store.decodeRow(row, value);
        if (record === CORRUPT) this.dropDamaged(row);
        if (record !== null) continue;
        this.foundFlushed = true;
        this.change(row, (record) => (record === null ? null : undefined), 'flushed');
      }
      // A flush during this sweep starts it anew.
      if (rows.length === ROWS_PER_SWEEP) this.flushFrom ??= Buffer.concat([rows[rows.length - 1].key, NEXT]);
      else if (this.foundFlushed) this.walkAgain();
      else if (this.flushFrom === null) this.flushedDbs.clear();
      this.busy = false;
    });
  }

  /** Whether it was flushed cannot be seen. With others to ask it is replaced by what they have; alone it is what FLUSHALL removes. */
  private dropDamaged(row: DataKey): void {
    if (!this.flushedDbs.has(row.db) || !this.alone()) return;
    const entry = this.store.pin(row.db, row.slot, row.key);
    const loaded = (): void => {
      if (entry.corrupt) {
        this.counters.flushed++;
        this.store.adoptAbsence(entry);
      }
      this.store.unpin(entry);
    };
    if (entry.record !== undefined) loaded();
    else this.store.load(entry, { loaded });
  }

  /**
   * Puts `change(record)` in place of the record as it is by then; undefined leaves it. `reason`, the row that led to it, goes
   * with it, but stays while the record cannot be read.
   */
  private change(
    row: DataKey,
    change: (record: KeyRecord | null) => KeyRecord | null | undefined,
    counter: 'expired' | 'flushed',
    reason?: Buffer,
  ): void {
    const entry = this.store.pin(row.db, row.slot, row.key);
    const apply = (): void => {
      if (entry.record !== undefined) {
        const changed = change(entry.record);
        if (changed !== undefined) {
          this.counters[counter]++;
          this.store.put(entry, changed);
        }
      }
      // A damaged record of a node alone never comes back.
      const isOver = entry.record !== undefined || (entry.corrupt && this.alone());
      if (reason !== undefined && isOver) this.store.putRow(reason, null);
      this.store.unpin(entry);
    };
    if (entry.record !== undefined) apply();
    else this.store.load(entry, { loaded: apply });
  }
}

const NEXT = Buffer.from([0]);

function expire(record: KeyRecord | null, expireAt: number): KeyRecord | undefined {
  if (record === null) return undefined;
  const isDue = (version: Version): boolean => version.expireAt === expireAt && version.type !== TOMBSTONE;
  if (!record.siblings.some(isDue)) return undefined;
  const siblings = record.siblings.map((version) =>
    isDue(version) ? ({ ...version, type: TOMBSTONE, payload: '' } as const) : version,
  );
  return makeRecord(record.context, siblings);
}
