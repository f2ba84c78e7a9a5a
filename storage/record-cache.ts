import { type KeyRecord, payloadBytes } from './record.js';
import type { LoadWaiter } from './record-store.js';
import { SingleRecord } from './single-record.js';
import { fnv1a } from './writers.js';

const CORRUPT_TEXT =
  'ERR the stored value of this key is damaged (its checksum does not match) and no other replica has it';

/** A key's place in the cache. */
export class RecordEntry {
  /** undefined: not read from disk yet. null: the key has no record. */
  record: KeyRecord | null | undefined = undefined;
  /** The group commit that carries the latest record; below `committedSeq` the entry is clean. */
  dirtySeq = 0;
  /** The record's row is already in the batch of the group that is to carry it. */
  inBatch = false;
  /** While above 0 the entry stays cached. */
  pins = 0;
  /** Read since the last turn of the eviction clock. */
  hot = true;
  /** The record on disk failed its checksum. */
  corrupt = false;
  loadError: Error | null = null;
  waiters: LoadWaiter[] | null = null;
  /** The coordinator's: in which epoch of trust this replica's copy was known to be the newest. */
  verifiedEpoch = 0;
  /** The coordinator's: operations wait for this copy to be read and verified; newcomers queue behind them. */
  gated = false;
  /** The register's: this node has accepted a record for it and does not know whether it was chosen. */
  unsettled = false;
  /** The register's: under which lease of this node a majority was asked for it. */
  lease = 0;
  /** The coordinator's: what carries the record to the key's other replicas with the next group commit; null = nothing does. */
  replicate: object | null = null;
  /**
   * The coordinator's: what it made and sent to others but could not write here. It must be known to the next version made under
   * the same name, which claims to have seen it. The entry stays pinned meanwhile.
   */
  unwritten: KeyRecord | null = null;
  bytes = 0;

  readonly hash: number;

  /** Why a load that has just ended brought no record: a whole error line, or null. */
  get loadFailure(): string | null {
    if (this.loadError !== null) return `ERR read failed: ${this.loadError.message}`;
    return this.corrupt ? CORRUPT_TEXT : null;
  }

  constructor(
    readonly db: number,
    readonly slot: number,
    readonly key: string,
  ) {
    this.hash = fnv1a(key);
  }
}

/** What an entry costs beyond its key and payload, in bytes: measured on a heap of half a million entries. */
const ENTRY_OVERHEAD = 350;
/** And what a record costs besides that is not of the simplest kind. */
const GENERAL_OVERHEAD = 170;

/**
 * Records by key, bounded in bytes. Eviction is the CLOCK algorithm over the Maps' own order: a hit only sets a bit, which the hand takes
 * away when it comes by; an entry without it goes. The hand is an iterator that is kept: a new one has to step over everything that was
 * removed in front of it since the Map was last laid out anew, which would make each eviction as dear as half the cache is large.
 */
export class RecordCache {
  bytes = 0;
  size = 0;
  private readonly dbs: Map<string, RecordEntry>[] = [];
  private hand: Iterator<RecordEntry> = [].values();
  /** Whose entries the hand goes over. */
  private handDb = -1;

  constructor(private readonly limit: () => number) {}

  get(db: number, key: string): RecordEntry | undefined {
    return this.dbs[db]?.get(key);
  }

  getOrMake(db: number, slot: number, key: string): RecordEntry {
    this.dbs[db] ??= new Map();
    const map = this.dbs[db];
    let entry = map.get(key);
    if (entry === undefined) {
      entry = new RecordEntry(db, slot, key);
      entry.bytes = ENTRY_OVERHEAD + key.length;
      this.bytes += entry.bytes;
      this.size++;
      map.set(key, entry);
    }
    entry.hot = true;
    return entry;
  }

  replace(entry: RecordEntry, record: KeyRecord | null): void {
    entry.record = record;
    entry.inBatch = false;
    let bytes = ENTRY_OVERHEAD + entry.key.length;
    if (record !== null)
      bytes += payloadBytes(record) + (record instanceof SingleRecord ? 0 : GENERAL_OVERHEAD);
    this.bytes += bytes - entry.bytes;
    entry.bytes = bytes;
  }

  /** Back to "not read yet": for a record that could not be written. */
  forget(entry: RecordEntry): void {
    entry.record = undefined;
    entry.verifiedEpoch = 0;
    entry.replicate = null;
  }

  forEach(visit: (entry: RecordEntry) => void): void {
    for (const map of this.dbs) if (map) for (const entry of map.values()) visit(entry);
  }

  /** Evicts until the bound holds, or until every entry was looked at once. */
  trim(): void {
    const limit = this.limit();
    for (let left = this.size; left > 0 && this.bytes > limit; left--) {
      const entry = this.next();
      if (entry.hot || entry.pins > 0) entry.hot = false;
      else {
        this.dbs[entry.db].delete(entry.key);
        this.bytes -= entry.bytes;
        this.size--;
      }
    }
  }

  /** Moves the hand on, round and round; there is at least one entry. */
  private next(): RecordEntry {
    for (;;) {
      const { done, value } = this.hand.next();
      if (done !== true) return value;
      this.handDb = (this.handDb + 1) % this.dbs.length;
      this.hand = (this.dbs[this.handDb] ?? new Map<string, RecordEntry>()).values();
    }
  }
}
