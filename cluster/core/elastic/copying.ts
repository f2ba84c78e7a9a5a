import type { StreamEnd } from '../anti-entropy/anti-entropy.js';
import { type Duty, type DutyWorld, firstOf, fullest, Patience, slotsIn } from './duty.js';

/** A pass over all slots that finds no more keys to bring than this is the last: what is still missing takes a moment. */
const LITTLE_KEYS = 1000;
/** So is one that took no longer than this, ms: what is written in such a time `sealed` brings as well, which looks at all slots anyway. */
const SHORT_MS = 60_000;
/** Nor is there another one when this took more than such a share of the time of the one before: as much would be written meanwhile again. */
const STEADY_SHARE = 0.5;
const MAX_PASSES = 5;

/**
 * The slots that come to this node are copied ahead, while their homes go on as if it were not there: it compares each with one of them, by the
 * trees, so that what it has already is not sent again. From the fullest home first, some slots at a time, so that all help alike.
 *
 * Nothing is promised by a copy but that little is left to be done in `sealed`; so it is simply begun anew after a restart, and what came
 * before it no longer differs.
 */
export class Copying implements Duty {
  done: boolean;
  readonly total: number;
  /** Of the present pass. */
  private todo: Set<number>;
  private pass = 1;
  private found = 0;
  /** When it began, and how long the one before took. */
  private beganMs: number | undefined;
  private tookBeforeMs = Number.POSITIVE_INFINITY;
  private busy = false;
  private elapsedMs = 0;
  private readonly slots: readonly number[];
  private readonly patience = new Patience();

  constructor(private readonly world: DutyWorld) {
    const topology = world.topology();
    this.slots = slotsIn(topology.gainedBy(topology.self));
    this.todo = new Set(this.slots);
    this.total = this.slots.length;
    this.done = this.total === 0;
  }

  /** Not copied even once. */
  get left(): number {
    return this.pass === 1 ? this.todo.size : 0;
  }

  tick(elapsedMs: number): void {
    this.elapsedMs = elapsedMs;
    this.beganMs ??= elapsedMs;
    if (!this.done && !this.busy) this.next();
  }

  private next(): void {
    const topology = this.world.topology();
    const may = (one: number): boolean =>
      topology.alive[one] === 1 && this.patience.isOver(one, this.elapsedMs);
    const peer = fullest(this.todo, (slot) => topology.sources(slot), may);
    if (peer === undefined) return;
    const some = firstOf(this.todo, (slot) => topology.sources(slot).includes(peer));
    this.busy = this.world.streams.streamWith(peer, some, 'pull', (end) => this.ended(peer, some, end));
  }

  private ended(peer: number, slots: readonly number[], end: StreamEnd): void {
    this.busy = false;
    this.patience.ended(peer, end, this.elapsedMs);
    this.found += end.keysDiffering;
    if (end.failure !== null) return;
    for (const slot of slots) this.todo.delete(slot);
    if (this.todo.size === 0) this.endPass();
    if (!this.done) this.next();
  }

  private endPass(): void {
    const tookMs = this.elapsedMs - this.beganMs!;
    const isEnough = this.found <= LITTLE_KEYS || tookMs <= SHORT_MS || this.pass === MAX_PASSES;
    if (isEnough || tookMs > STEADY_SHARE * this.tookBeforeMs) this.done = true;
    else this.todo = new Set(this.slots);
    this.pass++;
    this.found = 0;
    this.beganMs = this.elapsedMs;
    this.tookBeforeMs = tookMs;
  }
}
