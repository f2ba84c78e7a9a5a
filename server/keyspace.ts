/** One key found by a scan. */
export interface ScanItem {
  readonly key: string;
  /** TYPE's answer. */
  readonly type: string;
}

/** The whole database as one node sees the cluster: what KEYS, SCAN, DBSIZE, RANDOMKEY and FLUSHALL stand on. */
export interface Keyspace {
  /**
   * From `cursor` (0 = from the start) on, about `count` live keys; `next` 0 = the end. What was there all the time is
   * returned at least once. A cursor is a non-negative safe integer. `error` is a whole Redis error line without the `-`.
   */
  scan(
    db: number,
    cursor: number,
    count: number,
    done: (error: string | null, next: number, items: ScanItem[]) => void,
  ): void;
  size(db: number, done: (error: string | null, keys: number) => void): void;
  /** The live keys of one slot. */
  slotSize(db: number, slot: number, done: (error: string | null, keys: number) => void): void;
  /** Up to `count` of them. */
  slotKeys(
    db: number,
    slot: number,
    count: number,
    done: (error: string | null, keys: readonly string[]) => void,
  ): void;
  /** undefined when the database is empty. */
  randomKey(db: number, done: (error: string | null, key: string | undefined) => void): void;
  /** `db` undefined = all databases. Convergent: keys written before are gone on every node, also on one that is away. */
  flush(db: number | undefined, done: (error: string | null) => void): void;
  /** Refused with an error text where it cannot be done (a cluster of several nodes). */
  swap(a: number, b: number, done: (error: string | null) => void): void;
}
