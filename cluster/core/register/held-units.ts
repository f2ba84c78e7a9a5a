import type { RecordEntry } from '../../../storage/record-cache.js';
import type { RecordStore } from '../../../storage/record-store.js';
import { applyRecord } from '../apply.js';
import { seenOf } from '../version.js';
import { compareBallots } from './ballot.js';
import { unitRow } from './register-rows.js';
import { knowsMoreSerial } from './serial-names.js';
import { sameUnit, type Unit } from './unit.js';

/** A unit this node has accepted, until its disk has forgotten it again. */
export interface Held {
  /** The ballot is the latest it was accepted under. */
  unit: Unit;
  /** Of its keys, in their order, pinned. */
  readonly entries: readonly RecordEntry[];
  /** By `Clock.elapsed`. */
  readonly sinceMs: number;
  /** It has not been put away: who reads its keys waits. */
  open: boolean;
  /** This node has led the round that chose it: it sees to it that the other homes get it. */
  led: boolean;
}

/** What came of a unit: it was chosen, or will never be. */
export type Resolved = (unit: Unit, chosen: boolean) => void;

interface Reader {
  readonly entry: RecordEntry;
  readonly sinceMs: number;
  readonly run: (settled: boolean) => void;
}

/**
 * The units this node has accepted and not yet put away. Whether one was chosen is told by what data rows hold, since only chosen versions
 * and plain writes get there:
 *
 * - one of its keys has a record that has seen its dot: it was chosen, and all of it goes into the data rows;
 * - one of its keys has a record with a serial version that the unit has not seen and that has not seen the unit: it is an orphan. Had it been
 *   chosen, whoever proposed later would have built upon it; and it had seen all that was chosen before;
 * - neither: nobody knows, and somebody has to propose it again (`leader.ts`).
 *
 * Promise: what was chosen is on this node's disk in a data row before its unit's row is gone.
 */
export class HeldUnits {
  private readonly bySlot = new Map<number, Held[]>();
  private readonly byEntry = new Map<RecordEntry, Held[]>();
  private readers: Reader[] = [];
  /** Rows that could not be deleted, and what was kept in them. */
  private undeleted: { readonly unit: Unit; readonly held: Held }[] = [];

  constructor(
    private readonly store: RecordStore,
    private readonly elapsedMs: () => number,
    private readonly resolved: Resolved,
    /** The entry's record, just put, has to go to the key's other home replicas. */
    private readonly replicate: (entry: RecordEntry) => void,
    /** Nobody can settle a unit of this slot now, and readers are content with less. */
    private readonly isHopeless: (slot: number) => boolean,
  ) {}

  /** All units of this slot, also those whose outcome is known and not yet safe on the disk. */
  of(slot: number): readonly Held[] {
    return this.bySlot.get(slot) ?? NONE;
  }

  /** Units and readers waiting for them. */
  get size(): number {
    let size = this.readers.length;
    for (const held of this.bySlot.values()) size += held.length;
    return size;
  }

  forEach(visit: (held: Held) => void): void {
    for (const list of this.bySlot.values()) for (const held of list) visit(held);
  }

  /** Whether the unit, accepted under this very ballot, is among them. */
  has(unit: Unit): boolean {
    const { round, proposer } = unit.ballot;
    return this.of(unit.slot).some(
      ({ unit: { ballot } }) => ballot.round === round && ballot.proposer === proposer,
    );
  }

  /** Whether the content of the unit is held, under whatever ballot, and its outcome not known. */
  knows(unit: Unit): boolean {
    return this.openWith(unit) !== undefined;
  }

  /** Keeps what was accepted. The same content under another ballot takes the place of what was kept of it. */
  hold(unit: Unit): void {
    const same = this.openWith(unit);
    if (same === undefined) return this.holdNew(unit);
    if (compareBallots(same.unit.ballot, unit.ballot) !== 0) this.deleteRow(same.unit, same);
    same.unit = unit;
    this.look(same);
  }

  private openWith(unit: Unit): Held | undefined {
    return this.of(unit.slot).find((held) => held.open && sameUnit(held.unit, unit));
  }

  private holdNew(unit: Unit): void {
    const entries = unit.keys.map(({ db, key }) => this.store.pin(db, unit.slot, key));
    const held: Held = { unit, entries, sinceMs: this.elapsedMs(), open: true, led: false };
    append(this.bySlot, unit.slot, held);
    for (const entry of entries) {
      append(this.byEntry, entry, held);
      entry.unsettled = true;
    }
    this.look(held);
  }

  /**
   * This node is no home of the slot any more: what becomes of its units is others' to find out. False: some are being put away, and will be
   * gone soon.
   */
  forget(slot: number): boolean {
    for (const held of [...this.of(slot)]) {
      if (!held.open) continue;
      held.open = false;
      this.putAway(held);
      for (const entry of held.entries) this.calm(entry, false);
    }
    return this.of(slot).length === 0;
  }

  /** The round that this node led with the unit has chosen it. */
  chosen(unit: Unit): void {
    const held = this.of(unit.slot).find((other) => other.unit === unit);
    if (held === undefined) return;
    held.led = true;
    this.check(held);
  }

  /** A record has changed: what its units wait for may be known. */
  changed(entry: RecordEntry): void {
    const list = this.byEntry.get(entry);
    if (list !== undefined) for (const held of [...list]) if (held.open) this.check(held);
  }

  /** What its units wait for may be known. */
  lookAgain(slot: number): void {
    for (const held of [...this.of(slot)]) if (held.open) this.look(held);
  }

  /**
   * Runs once nothing is unsettled about the entry, or nobody can settle it; `settled` is false when that took too long. Perhaps before
   * it returns.
   */
  whenSettled(entry: RecordEntry, run: (settled: boolean) => void): void {
    if (!entry.unsettled || this.isHopeless(entry.slot)) return run(true);
    this.readers.push({ entry, sinceMs: this.elapsedMs(), run });
  }

  /** Readers that have waited since `limitMs` or longer are sent away; those who wait in vain have what there is. */
  expire(limitMs: number): void {
    if (this.readers.length === 0) return;
    const waiting = this.readers;
    this.readers = [];
    for (const reader of waiting) {
      if (this.isHopeless(reader.entry.slot)) reader.run(true);
      else if (reader.sinceMs <= limitMs) reader.run(false);
      else this.readers.push(reader);
    }
  }

  /** Once the disk writes again: what it did not delete must not be found at a start long after, when nothing tells what came of it. */
  tidy(): void {
    const { undeleted } = this;
    if (undeleted.length === 0 || this.store.writeError !== null) return;
    this.undeleted = [];
    for (const { unit, held } of undeleted) {
      // The disk may have its unit in this row alone.
      if (this.of(unit.slot).includes(held)) this.undeleted.push({ unit, held });
      else if (!this.has(unit)) this.deleteRow(unit, held);
    }
  }

  private look(held: Held): void {
    let missing = 0;
    const waiter = { loaded: () => (--missing === 0 ? this.check(held) : undefined) };
    for (const entry of held.entries) {
      if (entry.record !== undefined) continue;
      missing++;
      this.store.load(entry, waiter);
    }
    if (missing === 0) this.check(held);
  }

  private check(held: Held): void {
    const { unit, entries } = held;
    // One that is damaged, or about to be read again, is looked at when it is there.
    if (!held.open || entries.some(({ record }) => record === undefined)) return;
    const outcome = held.led ? 'chosen' : this.judge(unit, entries);
    if (outcome === 'chosen') this.settle(held);
    else if (outcome === 'orphan') this.drop(held);
  }

  private judge({ keys }: Unit, entries: readonly RecordEntry[]): 'chosen' | 'orphan' | 'unknown' {
    const { store } = this;
    let isOrphan = false;
    let isVoid = true;
    for (let i = 0; i < entries.length; i++) {
      const { writer, hlc, record, db } = keys[i];
      const context = entries[i].record?.context ?? NO_CONTEXT;
      if (seenOf(context, writer) >= hlc) return 'chosen';
      if (knowsMoreSerial(context, record.context, store.writers)) isOrphan = true;
      if (store.admit(db, record) !== null) isVoid = false;
    }
    if (isOrphan) return 'orphan';
    // All of it was flushed: nothing is left to be settled.
    return isVoid ? 'chosen' : 'unknown';
  }

  private settle(held: Held): void {
    held.open = false;
    const { unit, entries } = held;
    for (let i = 0; i < entries.length; i++)
      if (applyRecord(this.store, entries[i], unit.keys[i].record) && held.led) this.replicate(entries[i]);
    this.whenKept(entries, (isKept) => {
      if (isKept) this.putAway(held);
      else this.reopen(held);
    });
    this.release(held, true);
  }

  /**
   * Runs when the data rows are in the log. The unit's row is deleted then, and not with them: groups of rows may go before those of
   * records.
   */
  private whenKept(entries: readonly RecordEntry[], run: (isKept: boolean) => void): void {
    const { store } = this;
    const groups = new Set<number>();
    for (const { dirtySeq } of entries) if (dirtySeq > store.committedSeq) groups.add(dirtySeq);
    if (groups.size === 0) return run(true);
    let left = groups.size;
    let isKept = true;
    for (const seq of groups)
      store.whenOver(seq, (error) => {
        if (error !== null) isKept = false;
        if (--left === 0) run(isKept);
      });
  }

  private drop(held: Held): void {
    held.open = false;
    this.putAway(held);
    this.release(held, false);
  }

  private putAway(held: Held): void {
    const { unit, entries } = held;
    this.deleteRow(unit, held);
    takeOut(this.bySlot, unit.slot, held);
    for (const entry of entries) {
      takeOut(this.byEntry, entry, held);
      this.store.unpin(entry);
    }
  }

  private deleteRow(unit: Unit, held: Held): void {
    const seq = this.store.putRow(unitRow(unit), null);
    this.store.whenOver(seq, (error) => {
      if (error !== null) this.undeleted.push({ unit, held });
    });
  }

  /** The disk has not taken it: it still says what it said, and so do we. */
  private reopen(held: Held): void {
    held.open = true;
    for (const entry of held.entries) entry.unsettled = true;
    // What this node has led would be put again at once, and again while the disk is full: `lookAgain` does it.
    if (!held.led) this.look(held);
  }

  private release({ unit, entries }: Held, chosen: boolean): void {
    for (const entry of entries) this.calm(entry, true);
    this.resolved(unit, chosen);
  }

  /** One unit less is open of the entry's. */
  private calm(entry: RecordEntry, settled: boolean): void {
    if (this.byEntry.get(entry)?.some(({ open }) => open)) return;
    entry.unsettled = false;
    if (this.readers.length === 0) return;
    const due = this.readers.filter((reader) => reader.entry === entry);
    this.readers = this.readers.filter((reader) => reader.entry !== entry);
    for (const { run } of due) run(settled);
  }
}

const NONE: readonly Held[] = [];
const NO_CONTEXT: readonly number[] = [];

function append<K>(map: Map<K, Held[]>, key: K, held: Held): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [held]);
  else list.push(held);
}

function takeOut<K>(map: Map<K, Held[]>, key: K, held: Held): void {
  const left = map.get(key)!.filter((other) => other !== held);
  if (left.length === 0) map.delete(key);
  else map.set(key, left);
}
