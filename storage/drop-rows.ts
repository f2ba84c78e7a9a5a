import { dataKey, dataKeyFrom, expiryKey, parseDataKey } from './key-layout.js';
import { payloadBytes, TOMBSTONE } from './record.js';
import type { RecordEntry } from './record-cache.js';
import type { RecordStore } from './record-store.js';

/** Rows looked at in one go: they are one multi-get and one group commit. */
const ROWS_AT_ONCE = 32;
/** What a row costs beyond key and payload, about. */
const ROW_OVERHEAD = 60;

/** What became of some rows of a slot. */
export interface Dropped {
  /** Where to go on; null: these were the last. */
  readonly next: Buffer | null;
  /** Rows that had to stay. */
  readonly kept: number;
  readonly dropped: number;
  readonly bytes: number;
}

/**
 * Takes rows of a slot off this node without a word to anybody, as if they had never been here: no tombstones are written. Some at a time,
 * from `from` on (null: the beginning); whoever calls goes on at `next`. What is left behind by a crash is found again.
 *
 * `mayGo` is asked about each record, once it is in the cache; its entry is pinned. A damaged one is an entry without a record. Rows of the
 * expiry index go with their records; those of tombstones are found to be stale by who walks them.
 */
export function dropRows(
  store: RecordStore,
  slot: number,
  from: Buffer | null,
  mayGo: (entry: RecordEntry) => boolean,
  done: (error: Error | null, dropped: Dropped) => void,
): void {
  const rows = store.iterate({ from: from ?? dataKeyFrom(slot), to: dataKeyFrom(slot + 1), keysOnly: true });
  rows.next(ROWS_AT_ONCE, (error, found) => {
    rows.close(() => {
      if (error !== null) return done(error, { next: from, kept: 0, dropped: 0, bytes: 0 });
      const entries = found.map(({ key }) => {
        const { db, key: name } = parseDataKey(key);
        return store.pin(db, slot, name);
      });
      const last = found.length === ROWS_AT_ONCE ? found[ROWS_AT_ONCE - 1].key : null;
      const next = last === null ? null : Buffer.concat([last, AFTER]);
      loadAll(store, entries, () => drop(store, entries, next, mayGo, done));
    });
  });
}

function drop(
  store: RecordStore,
  entries: readonly RecordEntry[],
  next: Buffer | null,
  mayGo: (entry: RecordEntry) => boolean,
  done: (error: Error | null, dropped: Dropped) => void,
): void {
  let kept = 0;
  let dropped = 0;
  let bytes = 0;
  for (const entry of entries) {
    // One that could not be read now may be read another time.
    if (entry.loadError !== null || !mayGo(entry)) kept++;
    else {
      dropped++;
      bytes += ROW_OVERHEAD + entry.key.length + (entry.record == null ? 0 : payloadBytes(entry.record));
      dropOne(store, entry);
    }
    store.unpin(entry);
  }
  store.whenSettled((error) => done(error, { next, kept, dropped, bytes }));
}

function dropOne(store: RecordStore, entry: RecordEntry): void {
  const { record, slot, db, hash, key } = entry;
  if (record === undefined) return store.adoptAbsence(entry);
  for (const { expireAt, type } of record?.siblings ?? [])
    if (expireAt !== 0 && type !== TOMBSTONE)
      store.putRow(expiryKey(expireAt, dataKey(slot, db, hash, key)), null);
  store.put(entry, null);
  entry.verifiedEpoch = 0;
}

function loadAll(store: RecordStore, entries: readonly RecordEntry[], done: () => void): void {
  let left = 1;
  const one = { loaded: () => (--left === 0 ? done() : undefined) };
  for (const entry of entries) {
    if (entry.record !== undefined) continue;
    left++;
    store.load(entry, one);
  }
  one.loaded();
}

const AFTER = Buffer.from([0]);
