import type { HashRange } from '../../../storage/range-list.js';
import { LEAVES, leafOf, leafRange, type SlotTrees } from '../../../storage/slot-trees.js';
import { NOTHING, type Sum, same } from './shared-slots.js';

/** Keys of one slot and database that are not the same on two nodes. */
export interface DifferingRange extends HashRange {
  /** One of the two has nothing there at all. */
  readonly empty: 'ours' | 'theirs' | null;
}

/** The leaves of a slot that differ from a peer's (undefined: all empty), neighbours together. */
export function differingRanges(
  trees: SlotTrees,
  db: number,
  slot: number,
  theirs: readonly Sum[] | undefined,
): DifferingRange[] {
  const ranges: DifferingRange[] = [];
  // Most of a node's databases are empty; their leaves need not be gone through.
  if (theirs === undefined && trees.isEmpty(db, slot)) return ranges;
  let last: DifferingRange | undefined;
  for (let leaf = 0; leaf < LEAVES; leaf++) {
    const our = { a: trees.leafA(db, slot, leaf), b: trees.leafB(db, slot, leaf) };
    const their = theirs?.[leaf] ?? NOTHING;
    if (same(our, their)) {
      last = undefined;
      continue;
    }
    const { from, to } = leafRange(leaf);
    const empty = same(our, NOTHING) ? 'ours' : same(their, NOTHING) ? 'theirs' : null;
    if (last === undefined) ranges.push({ db, slot, from, to, empty });
    else ranges[ranges.length - 1] = { ...last, to, empty: last.empty === empty ? empty : null };
    last = ranges[ranges.length - 1];
  }
  return ranges;
}

export function leavesOf({ from, to }: HashRange): number {
  return leafOf(to) - leafOf(from) + 1;
}
