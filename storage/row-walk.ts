import type { Range } from './engine.js';
import { type DataKey, parseDataKey } from './key-layout.js';
import type { RecordStore } from './record-store.js';

/** Rows asked for at once: first few, then as many as fit the bytes below at the size of those before them. */
const FIRST_ROWS = 16;
const MAX_ROWS = 1000;
const BYTES_AT_ONCE = 256 * 1024;

/**
 * Reads data rows in their order, some at a time, so that neither memory nor the turn of the event loop is filled by a large
 * range. `visit` returns false when it has seen enough. `done` comes once, after the last row.
 */
export function walkRows(
  store: RecordStore,
  range: Range,
  visit: (row: DataKey, value: Buffer) => boolean,
  done: (error: Error | null) => void,
): void {
  const iterator = store.iterate(range);
  let wanted = FIRST_ROWS;
  const step = (): void => {
    iterator.next(wanted, (error, rows) => {
      let bytes = 1;
      let enough = false;
      for (const { key, value } of rows) {
        bytes += value.length;
        enough = !visit(parseDataKey(key), value);
        if (enough) break;
      }
      if (error !== null || enough || rows.length < wanted) return iterator.close(() => done(error));
      wanted = Math.max(1, Math.min(MAX_ROWS, Math.floor((BYTES_AT_ONCE * rows.length) / bytes)));
      step();
    });
  };
  step();
}
