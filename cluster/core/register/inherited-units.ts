import type { RecordEntry } from '../../../storage/record-cache.js';
import type { RecordStore } from '../../../storage/record-store.js';
import { seenOf } from '../version.js';
import { compareBallots } from './ballot.js';
import { knowsMoreSerial } from './serial-names.js';
import { sameUnit, type Unit, type UnitKey } from './unit.js';

/** Units that acceptors have told of without knowing what came of them, for a new leader to find out. */
export class InheritedUnits {
  private units: Unit[] = [];

  get any(): boolean {
    return this.units.length > 0;
  }

  add(unit: Unit): void {
    const at = this.units.findIndex((other) => sameUnit(other, unit));
    if (at < 0) this.units.push(unit);
    else if (compareBallots(this.units[at].ballot, unit.ballot) < 0) this.units[at] = unit;
  }

  /** Highest ballots first: what was chosen later knows what was chosen before it. */
  inOrder(): readonly Unit[] {
    this.units.sort((a, b) => compareBallots(b.ballot, a.ballot));
    return this.units;
  }

  /** The first `count` of `inOrder` are done with. */
  drop(count: number): void {
    this.units = this.units.slice(count);
  }

  clear(): void {
    this.units = [];
  }
}

/**
 * What of a unit has to be proposed again, by what a majority holds of its keys, which is in the entries: nothing if it is an orphan
 * (`held-units.ts`), or all of it has been seen.
 */
export function adoptable(
  { keys }: Unit,
  entries: readonly RecordEntry[],
  store: RecordStore,
): readonly UnitKey[] {
  const contexts = entries.map(({ record }) => record?.context ?? []);
  const unseen = keys.filter(({ writer, hlc }, i) => seenOf(contexts[i], writer) < hlc);
  const isOrphan =
    unseen.length === keys.length &&
    keys.some(({ record }, i) => knowsMoreSerial(contexts[i], record.context, store.writers));
  // Otherwise it was chosen, or may have been; and if it was not, it is now, as nothing has come between.
  return isOrphan ? [] : unseen.filter(({ db, record }) => store.admit(db, record) !== null);
}
