import type { KeyRecord } from '../../storage/record.js';
import type { HybridClock } from './hlc.js';
import { highestOf, seenOf } from './version.js';

/**
 * What counts of a context that a client has given back, where the key's record is `record`. Null: it knows of a version further ahead of
 * this node's clock than may be, and a newer one would take the clock along.
 *
 * A cluster believes it: only its members can make one. A node alone has all there is in its own record, and takes nothing from a
 * context that the record does not know of.
 */
export function admitContext(
  seen: readonly number[],
  record: KeyRecord | null,
  hlc: HybridClock,
  nowMs: number,
  isAlone: boolean,
): readonly number[] | null {
  if (isAlone) return known(seen, record);
  const highest = highestOf(seen);
  const isNews = record === null || highest > highestOf(record.context);
  return isNews && !hlc.observe(highest, nowMs) ? null : seen;
}

function known(seen: readonly number[], record: KeyRecord | null): readonly number[] {
  const context: number[] = [];
  for (let i = 0; record !== null && i < record.context.length; i += 2) {
    const upTo = Math.min(seenOf(seen, record.context[i]), record.context[i + 1]);
    if (upTo > 0) context.push(record.context[i], upTo);
  }
  return context;
}
