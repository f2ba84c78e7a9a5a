import { SLOTS } from '../slot.js';

/** From the first to the last, both in it. */
export type SlotRange = readonly [first: number, last: number];

/** A set of slots that knows its size. */
export class SlotSet {
  size = 0;
  private readonly flags = new Uint8Array(SLOTS);

  has(slot: number): boolean {
    return this.flags[slot] === 1;
  }

  /** False: it was there already. */
  add(slot: number): boolean {
    if (this.flags[slot] === 1) return false;
    this.flags[slot] = 1;
    this.size++;
    return true;
  }

  delete(slot: number): void {
    if (this.flags[slot] === 0) return;
    this.flags[slot] = 0;
    this.size--;
  }

  clear(): void {
    this.flags.fill(0);
    this.size = 0;
  }

  ranges(): SlotRange[] {
    const ranges: SlotRange[] = [];
    if (this.size === 0) return ranges;
    for (let slot = 0; slot < SLOTS; slot++) {
      if (this.flags[slot] === 0) continue;
      const first = slot;
      while (slot + 1 < SLOTS && this.flags[slot + 1] === 1) slot++;
      ranges.push([first, slot]);
    }
    return ranges;
  }
}
