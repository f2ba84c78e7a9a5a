import { type Dropped, dropRows } from '../../../storage/drop-rows.js';
import { dataKeyFrom, SLOTS } from '../../../storage/key-layout.js';
import type { RecordEntry } from '../../../storage/record-cache.js';
import { walkRows } from '../../../storage/row-walk.js';
import type { StreamEnd } from '../anti-entropy/anti-entropy.js';
import { isSettled } from '../reap-judge.js';
import { TokenBucket } from '../token-bucket.js';
import { recall } from '../unwritten.js';
import { type Duty, type DutyWorld, firstOf, fullest, Patience } from './duty.js';

/** While the ring is being cleared, a write that was begun before may still bring something: it is looked for so often, ms. */
const SCAN_EVERY_MS = 2000;
/** After a slot in which something was in use, ms. */
const PAUSE_MS = 200;
const NOTHING = [0, 0] as const;

/** A slot of which something is here that has no business here. */
class Foreign {
  /** Some of its rows are no stand-in's. */
  isLooked = false;
  /** Homes that have all that is here, as it was when the sums of the slot were these. */
  readonly has = new Set<number>();
  a = 0;
  b = 0;

  /** Its rows are not touched before that time. */
  constructor(public notBeforeMs: number) {}
}

/** Rows of a slot that are going. */
interface Dropping {
  readonly slot: number;
  from: Buffer | null;
  /** Rows that had to stay, and those of them that are stand-ins'. */
  kept: number;
  hinted: number;
}

/**
 * Lets go of slots that are not this node's: those it has lost by the present change of the ring, and whatever an earlier one has left, that was
 * given up or that it did not live to see the end of. Each is compared with all of its homes that are up, one at least, until they have all
 * that is here; who is down gets it from these. (No write needs this copy: `sealing.ts`.) Then its rows are dropped, without tombstones, and
 * what registers remember of it is forgotten (scylladb#5251).
 *
 * Promise: no row is dropped that a home might lack, and none that has a hint: that is a stand-in's, which handing it over ends
 * (`handoff.ts`). After it, a row on a node that is no home of its slot has a hint.
 */
export class Clearing implements Duty {
  done = false;
  total = 0;
  private readonly foreign = new Map<number, Foreign>();
  /** Slots with rows of stand-ins only, when their sums were these. */
  private readonly standIns = new Map<number, readonly [a: number, b: number]>();
  private readonly patience = new Patience();
  private readonly bucket: TokenBucket;
  private readonly epoch: number;
  private dropping: Dropping | null = null;
  private busy = false;
  private scanned = false;
  private scanAtMs = 0;
  private elapsedMs = 0;

  constructor(private readonly world: DutyWorld) {
    this.bucket = new TokenBucket(world.throttle);
    this.epoch = world.topology().epoch;
  }

  get left(): number {
    return this.foreign.size;
  }

  tick(elapsedMs: number): void {
    this.elapsedMs = elapsedMs;
    const { known, hints } = this.world;
    const topology = this.world.topology();
    // Without its hints a stand-in's row looks like one that nobody waits for.
    if (!known() || !hints.loaded || topology.inRing[topology.self] === 0) return;
    // Without hints no row is a stand-in's any more.
    const isOver = hints.count === 0 && this.standIns.size > 0;
    if (isOver) this.standIns.clear();
    const isDue = topology.ring.phase === 'clearing' && elapsedMs >= this.scanAtMs;
    if (!this.scanned || isDue || isOver) this.scan();
    for (const slot of [...this.foreign.keys()]) if (this.isBare(slot)) this.foreign.delete(slot);
    this.next();
    this.done ||= this.foreign.size === 0 && (hints.count === 0 || !topology.isLeaving);
  }

  private scan(): void {
    const topology = this.world.topology();
    const isClearing = topology.ring.phase === 'clearing';
    // What is asked by who does not know yet that the ring has changed is still answered.
    const wait = isClearing && !this.scanned ? this.world.requestTimeout() : 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      if (topology.ownsRows(slot) || this.foreign.has(slot)) continue;
      if (!this.isLeft(slot) && !this.world.registers.remembers(slot)) continue;
      this.foreign.set(slot, new Foreign(this.elapsedMs + wait));
      this.total++;
    }
    this.scanned = true;
    this.scanAtMs = this.elapsedMs + SCAN_EVERY_MS;
  }

  /** There are rows of it, and not only those of stand-ins. */
  private isLeft(slot: number): boolean {
    return !this.isAs(slot, NOTHING) && !this.isAs(slot, this.standIns.get(slot));
  }

  private isAs(slot: number, sums: readonly [a: number, b: number] | undefined): boolean {
    const { trees } = this.world;
    return sums !== undefined && trees.slotA(slot) === sums[0] && trees.slotB(slot) === sums[1];
  }

  /** Nothing is left of the slot. Its register is forgotten at once: others vote now. */
  private isBare(slot: number): boolean {
    const { registers } = this.world;
    if (registers.remembers(slot) && !registers.forget(slot)) return false;
    return !this.isLeft(slot) && this.dropping?.slot !== slot;
  }

  /** Looks, compares or drops, one thing at a time. */
  private next(): void {
    if (this.busy || this.world.topology().epoch !== this.epoch) return;
    if (this.dropping !== null) return this.drop(this.dropping);
    const ready = this.firstReady();
    if (ready !== undefined) {
      this.dropping = { slot: ready, from: null, kept: 0, hinted: 0 };
      return this.drop(this.dropping);
    }
    const isUnseen = (slot: number): boolean => !this.foreign.get(slot)!.isLooked;
    const [unseen] = this.world.hints.count === 0 ? [] : firstOf(this.due(), isUnseen);
    if (unseen === undefined) this.compare();
    else this.look(unseen);
  }

  private *due(): Iterable<number> {
    for (const [slot, { notBeforeMs }] of this.foreign)
      if (notBeforeMs <= this.elapsedMs && this.isLeft(slot)) yield slot;
  }

  // --- whether there is anything but stand-ins' rows ---

  private look(slot: number): void {
    const { store, hints } = this.world;
    const foreign = this.foreign.get(slot)!;
    const sums = this.sumsOf(slot);
    this.busy = true;
    const rows = { from: dataKeyFrom(slot), to: dataKeyFrom(slot + 1), keysOnly: true };
    walkRows(
      store,
      rows,
      (row) => {
        foreign.isLooked ||= !hints.isHinted(row);
        return !foreign.isLooked;
      },
      (error) => {
        this.busy = false;
        if (error !== null) foreign.notBeforeMs = this.elapsedMs + PAUSE_MS;
        else if (!foreign.isLooked) this.standIns.set(slot, sums);
        this.next();
      },
    );
  }

  private sumsOf(slot: number): [number, number] {
    const { trees } = this.world;
    return [trees.slotA(slot), trees.slotB(slot)];
  }

  // --- whether the homes have everything ---

  private compare(): void {
    const topology = this.world.topology();
    const lacks = (slot: number, home: number): boolean =>
      topology.alive[home] === 1 && !this.foreign.get(slot)!.has.has(home);
    const lacking = (slot: number): Uint16Array => topology.homes(slot).filter((home) => lacks(slot, home));
    const peer = fullest(this.due(), lacking, (one) => this.patience.isOver(one, this.elapsedMs));
    if (peer === undefined) return;
    const some = firstOf(this.due(), (slot) => lacking(slot).includes(peer));
    for (const slot of some) this.note(slot);
    this.busy = this.world.streams.streamWith(peer, some, true, (end) => this.compared(peer, some, end));
  }

  /** What is compared is the slot as it is now; if it is not what others were compared with, these count no more. */
  private note(slot: number): void {
    const foreign = this.foreign.get(slot)!;
    if (!this.isAs(slot, [foreign.a, foreign.b])) foreign.has.clear();
    [foreign.a, foreign.b] = this.sumsOf(slot);
  }

  private compared(peer: number, slots: readonly number[], end: StreamEnd): void {
    this.busy = false;
    this.patience.ended(peer, end, this.elapsedMs);
    if (end.failure !== null) return;
    for (const slot of slots) this.foreign.get(slot)?.has.add(peer);
    this.next();
  }

  /** A slot of which enough homes have everything. */
  private firstReady(): number | undefined {
    const topology = this.world.topology();
    for (const slot of this.due()) {
      const { has, a, b } = this.foreign.get(slot)!;
      const homes = topology.homes(slot);
      if (has.size === 0) continue;
      if (homes.some((home) => topology.alive[home] === 1 && !has.has(home))) continue;
      if (this.isAs(slot, [a, b])) return slot;
      has.clear();
    }
    return undefined;
  }

  // --- letting go ---

  private drop(dropping: Dropping): void {
    if (!this.bucket.open(this.elapsedMs)) return;
    this.busy = true;
    const { store, hints, forgot } = this.world;
    const mayGo = (entry: RecordEntry): boolean => {
      const isHinted = hints.isHinted(entry);
      if (isHinted) dropping.hinted++;
      if (isHinted || !this.isFree(entry)) return false;
      forgot(entry.record ?? null);
      return true;
    };
    dropRows(store, dropping.slot, dropping.from, mayGo, (error, dropped) => {
      this.busy = false;
      this.bucket.take(dropped.bytes);
      this.wentOn(dropping, error, dropped);
      this.next();
    });
  }

  /** Nothing is under way with it, and the slot is still foreign. */
  private isFree(entry: RecordEntry): boolean {
    if (this.world.topology().epoch !== this.epoch || entry.replicate !== null) return false;
    // What this disk did not take, the homes are to see first; nobody else writes the key here any more.
    if (recall(this.world.store, entry)) return false;
    return entry.corrupt || isSettled(this.world.store, entry);
  }

  private wentOn(dropping: Dropping, error: Error | null, { kept, next }: Dropped): void {
    const { slot } = dropping;
    dropping.kept += kept;
    dropping.from = next;
    if (error === null && next !== null) return;
    this.dropping = null;
    const foreign = this.foreign.get(slot);
    if (foreign === undefined) return;
    if (error === null && dropping.kept === dropping.hinted) {
      this.standIns.set(slot, this.sumsOf(slot));
      return;
    }
    // Something is in use, or the disk has failed: it is compared again, as it is then.
    foreign.has.clear();
    foreign.notBeforeMs = this.elapsedMs + PAUSE_MS;
  }
}
