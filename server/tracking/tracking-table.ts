import { SLOTS } from '../../cluster/core/slot.js';

/** Ids of clients: nearly always there is one. */
type Ids = number | Set<number>;

/**
 * Which clients may hold which keys, by slot: Redis's tracking table (`src/tracking.c`). Like there, databases make no difference, and
 * a client that has gone is only noticed when its key comes up.
 */
export class TrackingTable {
  /** Keys, and clients of all keys together. */
  keys = 0;
  items = 0;
  private readonly slots: (Map<string, Ids> | undefined)[] = [];
  /** Where the next key to be given up is looked for. */
  private hand = 0;

  add(key: string, slot: number, id: number): void {
    this.slots[slot] ??= new Map();
    const map = this.slots[slot];
    const ids = map.get(key);
    if (ids === undefined) {
      map.set(key, id);
      this.keys++;
    } else if (typeof ids === 'number') {
      if (ids === id) return;
      map.set(key, new Set([ids, id]));
    } else if (ids.has(id)) return;
    else ids.add(id);
    this.items++;
  }

  has(slot: number): boolean {
    return this.slots[slot] !== undefined;
  }

  /** Takes a key out; who may hold it. */
  take(key: string, slot: number): Iterable<number> {
    const map = this.slots[slot];
    const ids = map?.get(key);
    if (map === undefined || ids === undefined) return NOBODY;
    map.delete(key);
    if (map.size === 0) this.slots[slot] = undefined;
    this.keys--;
    const all = typeof ids === 'number' ? [ids] : ids;
    this.items -= typeof ids === 'number' ? 1 : ids.size;
    return all;
  }

  keysOf(slot: number): string[] {
    return [...(this.slots[slot]?.keys() ?? [])];
  }

  keyCount(slot: number): number {
    return this.slots[slot]?.size ?? 0;
  }

  /** Some key, another one each time: the oldest of the next slot that has any. */
  next(): { readonly key: string; readonly slot: number } | null {
    if (this.keys === 0) return null;
    for (;;) {
      this.hand = (this.hand + 1) % SLOTS;
      const map = this.slots[this.hand];
      if (map !== undefined) return { key: map.keys().next().value!, slot: this.hand };
    }
  }

  clear(): void {
    this.slots.length = 0;
    this.keys = 0;
    this.items = 0;
  }
}

const NOBODY: readonly number[] = [];
