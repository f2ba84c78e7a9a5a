import { type Dropped, dropRows } from '../../../storage/drop-rows.js';
import { dataKeyFrom, SLOTS } from '../../../storage/key-layout.js';
import type { RecordEntry } from '../../../storage/record-cache.js';
import { walkRows } from '../../../storage/row-walk.js';
import type { StreamEnd } from '../anti-entropy/anti-entropy.js';
import { isSettled } from '../reap-judge.js';
import { recall } from '../unwritten.js';
import { type Duty, type DutyWorld, firstOf, fullest, Patience } from './duty.js';

/** While the ring is being cleared, a write that was begun before may still bring something: it is looked for so often, ms. */
const SCAN_EVERY_MS = 2000;
/** After a slot in which something was in use, ms. */
const PAUSE_MS = 200;
/** Slots that are looked at at once, and as many that are dropped: each mostly waits for the disk, and for others' turns of the event loop. */
const AT_ONCE = 8;
/** What a row costs that goes: as much as this part of one that is sent, or taken. */
const DROPPED = 1 / 2;
const NOTHING = [0, 0] as const;

/** A slot of which something is here that has no business here. */
class Foreign {
  /** Some of its rows are no stand-in's. */
  isLooked = false;
  /** A home has all that is here, as it was when the sums of the slot were these. */
  isSafe = false;
  a = 0;
  b = 0;

  /** Its rows are not touched before that time. */
  constructor(public notBeforeMs: number) {}
}

/** Rows of a slot that are going. */
interface Dropping {
  readonly slot: number;
  from: Buffer | null;
  /** The sums of the slot when it was begun. */
  readonly sums: readonly [a: number, b: number];
  /** Rows that went, that had to stay, and those of the latter that are stand-ins'. */
  dropped: number;
  kept: number;
  hinted: number;
  /** Some of them are under way. */
  isBusy: boolean;
}

/**
 * Lets go of slots that are not this node's: those it has lost by the present change of the ring, and whatever an earlier one has left, that was
 * given up or that it did not live to see the end of. Each is compared with one of its homes, until that has all that is here. Then its rows are
 * dropped, without tombstones, and what registers remember of it is forgotten (scylladb#5251).
 *
 * Why one home is enough: no acknowledged write needs this copy. As many homes as it needs have it without this one (`sealing.ts`), also when
 * the home that was asked dies for good the next moment. What only this node has, nobody was promised more of than that one replica has it, and
 * one replica still does; repair takes it to the others.
 *
 * Promise: no row is dropped that no home has, and none that has a hint: that is a stand-in's, which handing it over ends
 * (`handoff.ts`). After it, a row on a node that is no home of its slot has a hint.
 */
export class Clearing implements Duty {
  done = false;
  total = 0;
  private readonly foreign = new Map<number, Foreign>();
  /** Slots with rows of stand-ins only, when their sums were these. */
  private readonly standIns = new Map<number, readonly [a: number, b: number]>();
  private readonly patience = new Patience();
  private readonly epoch: number;
  /** Slots that were safe when they were compared, and are to be dropped. */
  private readonly ready: number[] = [];
  private readonly dropping = new Map<number, Dropping>();
  /** The next to be looked at, and how many are. */
  private unseen: number[] = [];
  private looking = 0;
  private comparing = false;
  private scanned = false;
  private scanAtMs = 0;
  private elapsedMs = 0;

  constructor(private readonly world: DutyWorld) {
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
    return !this.isLeft(slot) && !this.dropping.has(slot);
  }

  private next(): void {
    if (this.world.topology().epoch !== this.epoch) return;
    this.dropSome();
    if (this.world.hints.count > 0) this.lookAtSome();
    if (!this.comparing && this.looking === 0) this.compare();
  }

  private *due(): Iterable<number> {
    for (const [slot, { notBeforeMs }] of this.foreign)
      if (notBeforeMs <= this.elapsedMs && this.isLeft(slot)) yield slot;
  }

  // --- whether there is anything but stand-ins' rows ---

  private lookAtSome(): void {
    const isUnseen = (slot: number): boolean => !this.foreign.get(slot)!.isLooked;
    if (this.unseen.length === 0 && this.looking === 0) this.unseen = firstOf(this.due(), isUnseen);
    while (this.looking < AT_ONCE && this.unseen.length > 0) {
      const slot = this.unseen.pop()!;
      const foreign = this.foreign.get(slot);
      if (foreign !== undefined) this.look(slot, foreign);
    }
  }

  private look(slot: number, foreign: Foreign): void {
    const { store, hints } = this.world;
    const sums = this.sumsOf(slot);
    this.looking++;
    const rows = { from: dataKeyFrom(slot), to: dataKeyFrom(slot + 1), keysOnly: true };
    walkRows(
      store,
      rows,
      (row) => {
        foreign.isLooked ||= !hints.isHinted(row);
        return !foreign.isLooked;
      },
      (error) => {
        this.looking--;
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

  // --- whether a home has everything ---

  private compare(): void {
    const topology = this.world.topology();
    const isAble = (home: number): boolean =>
      topology.alive[home] === 1 && this.patience.isOver(home, this.elapsedMs);
    // Which home is a matter of the slot, so that all of them take their part.
    const peerOf = (slot: number): number | undefined => {
      const able = topology.homes(slot).filter(isAble);
      return able[slot % able.length];
    };
    const peersOf = (slot: number): number[] => [peerOf(slot)].filter((peer) => peer !== undefined);
    const peer = fullest(this.doubtful(), peersOf, () => true);
    if (peer === undefined) return;
    const some = firstOf(this.doubtful(), (slot) => peerOf(slot) === peer);
    for (const slot of some) this.note(slot);
    this.comparing = this.world.streams.streamWith(peer, some, 'push', (end) =>
      this.compared(peer, some, end),
    );
  }

  /** Those that no home is known to have all of. */
  private *doubtful(): Iterable<number> {
    for (const slot of this.due()) if (!this.foreign.get(slot)!.isSafe) yield slot;
  }

  /** What is compared is the slot as it is now. */
  private note(slot: number): void {
    const foreign = this.foreign.get(slot)!;
    [foreign.a, foreign.b] = this.sumsOf(slot);
  }

  private compared(peer: number, slots: readonly number[], end: StreamEnd): void {
    this.comparing = false;
    this.patience.ended(peer, end, this.elapsedMs);
    if (end.failure !== null) return;
    for (const slot of slots) {
      const foreign = this.foreign.get(slot);
      if (foreign === undefined) continue;
      foreign.isSafe = true;
      this.ready.push(slot);
    }
    this.next();
  }

  // --- letting go ---

  private dropSome(): void {
    for (const dropping of this.dropping.values()) if (!dropping.isBusy) this.drop(dropping);
    while (this.dropping.size < AT_ONCE && this.ready.length > 0) {
      const slot = this.ready.shift()!;
      const foreign = this.foreign.get(slot);
      if (foreign === undefined) continue;
      // Something came in between.
      foreign.isSafe = this.isAs(slot, [foreign.a, foreign.b]);
      if (!foreign.isSafe) continue;
      const sums = this.sumsOf(slot);
      const dropping = { slot, sums, from: null, dropped: 0, kept: 0, hinted: 0, isBusy: false };
      this.dropping.set(slot, dropping);
      this.drop(dropping);
    }
  }

  private drop(dropping: Dropping): void {
    if (!this.world.pace.open(this.elapsedMs)) return;
    dropping.isBusy = true;
    const { store, hints, forgot } = this.world;
    const mayGo = (entry: RecordEntry): boolean => {
      const isHinted = hints.isHinted(entry);
      if (isHinted) dropping.hinted++;
      if (isHinted || !this.isFree(entry)) return false;
      forgot(entry.record ?? null);
      return true;
    };
    dropRows(store, dropping.slot, dropping.from, mayGo, (error, dropped) => {
      dropping.isBusy = false;
      this.world.pace.take(dropped.bytes, dropped.dropped * DROPPED);
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

  private wentOn(dropping: Dropping, error: Error | null, { dropped, kept, next }: Dropped): void {
    const { slot } = dropping;
    dropping.dropped += dropped;
    dropping.kept += kept;
    dropping.from = next;
    if (error === null && next !== null) return;
    this.dropping.delete(slot);
    const foreign = this.foreign.get(slot);
    if (foreign === undefined) return;
    // Something is in use, or the disk has failed, or something comes before this is seen: then it is compared again, as it is then.
    foreign.isSafe = false;
    foreign.notBeforeMs = this.elapsedMs + PAUSE_MS;
    if (error !== null || dropping.kept > dropping.hinted) return;
    foreign.isLooked = false;
    // What came while rows went was not looked at.
    if (dropping.dropped === 0) this.standIns.set(slot, dropping.sums);
  }
}
