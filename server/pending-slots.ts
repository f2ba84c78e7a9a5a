/**
 * How a command holds a slot: `exclusive` is a write of several keys, whose parts may take their time one by one, and what goes through a
 * register, in whose queue it neither overtakes what is written past it nor is overtaken.
 */
export type Hold = 'read' | 'write' | 'exclusive';

/** The slots of a session's commands whose effect is still to come, and whether something else may overtake them. */
export class PendingSlots {
  private readonly counts = new Map<number, { reads: number; writes: number }>();

  /** True when a command on `slot` has to wait. Two reads need not, nor two writes of one key each: they take the same way. */
  conflicts(slot: number, hold: Hold): boolean {
    const count = this.counts.get(slot);
    if (count === undefined) return false;
    if (hold === 'exclusive') return true;
    return hold === 'write' ? count.reads > 0 : count.writes > 0;
  }

  add(slot: number, hold: Hold): void {
    this.change(slot, hold, 1);
  }

  remove(slot: number, hold: Hold): void {
    this.change(slot, hold, -1);
  }

  private change(slot: number, hold: Hold, by: 1 | -1): void {
    let count = this.counts.get(slot);
    if (count === undefined) {
      count = { reads: 0, writes: 0 };
      this.counts.set(slot, count);
    }
    if (hold !== 'write') count.reads += by;
    if (hold !== 'read') count.writes += by;
    if (count.reads === 0 && count.writes === 0) this.counts.delete(slot);
  }
}
