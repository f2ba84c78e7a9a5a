import type { KeyPlace } from '../../cluster/core/operation.js';
import type { KeyRecord } from '../../storage/record.js';
import { payloadBytes } from '../../storage/record.js';

/** What an entry costs beyond its key and its values, bytes: roughly. */
const ENTRY_OVERHEAD = 400;
/** Own writes are told apart by this much of their slot. */
const STAMPS = 1024;

/** A record as a replica gave it to this node. */
interface HotRead {
  readonly record: KeyRecord | null;
  /** By `Clock.elapsed`. */
  readonly untilMs: number;
  readonly bytes: number;
}

export interface HotReadOptions {
  /** How long an answer serves, ms; 0: not at all. */
  readonly cacheMs: () => number;
  readonly maxBytes: () => number;
  readonly elapsedMs: () => number;
}

/**
 * Answers of other nodes to reads of hot keys at ONE, kept for some ms, so that not every read of a viral key crosses the network.
 *
 * Promise: an answer is at most `hot-key-cache-ms` older than what a read at ONE would have found, and not from before a write that came
 * through this node. Records are kept whole, so expiry is judged at each read. Reads of a client that caches itself are not served from
 * here: what it is told of a change would come first.
 */
export class HotReads {
  hits = 0;
  bytes = 0;
  private readonly dbs: Map<string, HotRead>[] = [];
  /** Goes up with each write of this node: what a read that began before it brings is not kept. */
  private readonly stamps = new Uint32Array(STAMPS);

  constructor(private readonly options: HotReadOptions) {}

  get on(): boolean {
    return this.options.cacheMs() > 0;
  }

  /** undefined: it has to be asked for. */
  find(db: number, key: string): KeyRecord | null | undefined {
    const found = this.dbs[db]?.get(key);
    if (found === undefined) return undefined;
    if (found.untilMs > this.options.elapsedMs()) {
      this.hits++;
      return found.record;
    }
    this.drop(db, key);
    return undefined;
  }

  get nowMs(): number {
    return this.options.elapsedMs();
  }

  /** For `keep`, when the read begins. */
  stampOf(slot: number): number {
    return this.stamps[slot % STAMPS];
  }

  /** What a read has brought that began at `stamp` and `atMs`. */
  keep({ db, slot, key }: KeyPlace, record: KeyRecord | null, stamp: number, atMs: number): void {
    if (stamp !== this.stampOf(slot)) return;
    const bytes = ENTRY_OVERHEAD + key.length + (record === null ? 0 : payloadBytes(record));
    const most = this.options.maxBytes();
    this.drop(db, key);
    if (bytes > most) return;
    this.dbs[db] ??= new Map();
    this.dbs[db].set(key, { record, untilMs: atMs + this.options.cacheMs(), bytes });
    this.bytes += bytes;
    if (this.bytes > most) this.dropOldest(most);
  }

  /** Before a write of this node begins, and when it is over: nothing from before it is answered any more. */
  written({ places, count }: { readonly places: readonly KeyPlace[]; readonly count: number }): void {
    for (let i = 0; i < count; i++) {
      const { db, slot, key } = places[i];
      this.stamps[slot % STAMPS]++;
      this.drop(db, key);
    }
  }

  clear(): void {
    for (let i = 0; i < STAMPS; i++) this.stamps[i]++;
    this.dbs.length = 0;
    this.bytes = 0;
  }

  /** Now and then: what serves no more goes. */
  tick(): void {
    if (this.bytes === 0) return;
    const now = this.options.elapsedMs();
    this.dbs.forEach((map, db) => {
      for (const [key, { untilMs }] of map) if (untilMs <= now) this.drop(db, key);
    });
  }

  private drop(db: number, key: string): void {
    const found = this.dbs[db]?.get(key);
    if (found === undefined) return;
    this.dbs[db].delete(key);
    this.bytes -= found.bytes;
  }

  private dropOldest(most: number): void {
    this.dbs.forEach((map, db) => {
      for (const key of map.keys()) {
        if (this.bytes <= most) return;
        this.drop(db, key);
      }
    });
  }
}
