/** Whom chance would let look like one that routes by slot: one in 2^64. */
const ENOUGH_BITS = 64;
/** Keys of other nodes after which a connection is taken for one that knows nothing of slots, for good. */
const MAX_MISSES = 8;
/** Slots remembered of a connection. A node with so many slots that more would be needed judges nobody. */
const MAX_SLOTS = 512;

/**
 * Whether a connection sends every key to the node that coordinates it, judged by its keys.
 *
 * Cluster clients ask for the slots over one connection and send their commands over others, which nothing sets apart from those of
 * plain clients: ioredis, node-redis and redis-py do so. But the keys of a client that knows nothing of slots are this node's only by
 * chance: if it has the share p of the slots, the chance that n different slots in a row are its own is p^n. Below 2^-64 (41
 * slots in a cluster of three) the client knows the slots.
 */
export class RoutingHabit {
  /** Nothing is found out any more. */
  judged = false;
  /** It knows the slots. */
  bySlot = false;
  private bits = 0;
  private misses = 0;
  private readonly slots = new Set<number>();

  /** One of its keys is in `slot`. `bits`: minus the binary logarithm of this node's share of the slots. */
  sees(slot: number, isOwn: boolean, bits: number): void {
    if (this.judged) return;
    if (!isOwn) return this.miss();
    if (bits * MAX_SLOTS < ENOUGH_BITS || this.slots.has(slot)) return;
    this.slots.add(slot);
    this.bits += bits;
    if (this.bits >= ENOUGH_BITS || this.slots.size === MAX_SLOTS) this.judge(this.bits >= ENOUGH_BITS);
  }

  private miss(): void {
    this.bits = 0;
    this.slots.clear();
    if (++this.misses === MAX_MISSES) this.judge(false);
  }

  private judge(bySlot: boolean): void {
    this.judged = true;
    this.bySlot = bySlot;
    this.slots.clear();
  }
}
