import { SLOTS } from '../../../storage/key-layout.js';
import type { StreamEnd } from '../anti-entropy/anti-entropy.js';
import { majority, QUORUM, replicasNeeded } from '../levels.js';
import type { Topology } from '../topology.js';
import { type Duty, type DutyWorld, firstOf, Patience } from './duty.js';

/** A live home with which it came to nothing so often is done without, if the others are enough. */
const MAX_FAILURES = 5;
/** A home that is without its own memory is asked again after so long, ms. */
const ASK_AGAIN_MS = 1000;
/** How often it is worked out whether that is so, ms. */
const LOOK_EVERY_MS = 500;

/** What was taken over from one of the homes that have everything. */
class Source {
  /** Promises and units are asked for, or are not to be before that time, */
  isAsked = false;
  askAtMs = 0;
  /** and are on this node's disk. */
  isTaken = false;
  /** Slots whose data rows have not been compared since then. */
  readonly todo = new Set<number>();

  constructor(readonly identity: string) {}
}

/**
 * Makes sure that this node has all of the slots that come to it. Their homes until now take nothing more in this phase that was begun while
 * they alone were the homes; so of what they have taken, a home that is known to be in this phase knows all it will ever know. And whatever is
 * written since goes to the new homes as well.
 *
 * From each of enough homes: first promises and units of the registers, then the data rows. In this order: a unit that is settled in between
 * is found in the rows.
 *
 * How many are enough: as many as meet every acknowledged write and every majority; if some of them are gone for good, all that are left. And
 * all that are alive, since there may be writes at lower levels.
 *
 * Where the new ring has fewer homes of a slot than the old one had (there are fewer members than replicas), a majority of the new may have
 * been the minority of the old: there all of them make sure.
 */
export class Sealing implements Duty {
  done = false;
  left: number;
  readonly total: number;
  private readonly slots: readonly number[];
  private readonly wanted: ReadonlySet<number>;
  private readonly sources = new Map<number, Source>();
  private readonly patience = new Patience();
  /** By member: 1 for those that are lost for good. One that only is away may have taken writes that nobody else has. */
  private readonly gone: Uint8Array;
  private busy = false;
  private syncing = false;
  private lookAtMs = Number.NEGATIVE_INFINITY;
  private elapsedMs = 0;

  constructor(private readonly world: DutyWorld) {
    const topology = world.topology();
    const { self, members, ring } = topology;
    this.slots = [...slotsToSeal(topology, self)];
    this.wanted = new Set(this.slots);
    this.gone = new Uint8Array(members.length);
    for (const name of ring.gone) this.gone[topology.numberOf(name)!] = 1;
    for (const slot of this.slots)
      for (const home of topology.sources(slot)) if (home !== self) this.sourceOf(home).todo.add(slot);
    this.total = this.slots.length;
    this.left = this.total;
  }

  tick(elapsedMs: number): void {
    this.elapsedMs = elapsedMs;
    if (this.done) return;
    // It has to remember its own votes first.
    if (this.total > 0 && !this.world.memory.complete) return;
    this.forgetOthers();
    this.askAll();
    this.compareNext();
    if (elapsedMs >= this.lookAtMs) this.look();
  }

  /** A home that may have forgotten something since it was asked is asked anew: compared now, what it has lost would not be missed. */
  private forgetOthers(): void {
    const { topology, identityOf } = this.world;
    for (const [peer, { identity }] of this.sources) {
      if (identity === identityOf(peer)) continue;
      const source = new Source(identityOf(peer));
      for (const slot of this.slots) if (topology().sources(slot).includes(peer)) source.todo.add(slot);
      this.sources.set(peer, source);
    }
  }

  private askAll(): void {
    for (const [peer, source] of this.sources) {
      if (source.isAsked || this.elapsedMs < source.askAtMs || !this.isSealed(peer)) continue;
      source.isAsked = true;
      this.world.memory.takeOver(
        peer,
        (slot) => this.wanted.has(slot),
        (isWhole) => {
          source.isTaken = isWhole;
          source.isAsked = isWhole;
          source.askAtMs = this.elapsedMs + ASK_AGAIN_MS;
        },
      );
    }
  }

  /** The home is up, and takes nothing any more that was begun before. */
  private isSealed(peer: number): boolean {
    const topology = this.world.topology();
    return topology.alive[peer] === 1 && this.world.epochOf(peer) >= topology.epoch;
  }

  private compareNext(): void {
    if (this.busy) return;
    const { alive } = this.world.topology();
    const may = (peer: number): boolean => alive[peer] === 1 && this.patience.isOver(peer, this.elapsedMs);
    let best: number | undefined;
    for (const [peer, { isTaken, todo }] of this.sources) {
      if (!isTaken || todo.size === 0 || !may(peer)) continue;
      if (best === undefined || todo.size > this.sourceOf(best).todo.size) best = peer;
    }
    if (best === undefined) return;
    const peer = best;
    const { todo } = this.sourceOf(peer);
    const some = firstOf(todo, () => true);
    this.busy = this.world.streams.streamWith(peer, some, 'pull', (end) => this.ended(peer, todo, some, end));
  }

  private ended(peer: number, todo: Set<number>, slots: readonly number[], end: StreamEnd): void {
    this.busy = false;
    this.patience.ended(peer, end, this.elapsedMs);
    if (end.failure !== null) return;
    for (const slot of slots) todo.delete(slot);
    this.compareNext();
  }

  private look(): void {
    this.lookAtMs = this.elapsedMs + LOOK_EVERY_MS;
    let left = 0;
    for (const slot of this.slots) if (!this.isEnough(slot)) left++;
    this.left = left;
    if (left > 0 || this.syncing) return;
    if (this.total === 0) {
      this.done = true;
      return;
    }
    // What was taken over counts for a majority now: it has to outlast a loss of power.
    this.syncing = true;
    this.world.store.sync((error) => {
      this.syncing = false;
      this.done = error === null;
    });
  }

  private isEnough(slot: number): boolean {
    const topology = this.world.topology();
    const { self, alive } = topology;
    const homes = topology.sources(slot);
    let known = 0;
    let able = 0;
    let isLiveMissing = false;
    for (const home of homes) {
      const source = home === self ? undefined : this.sourceOf(home);
      const isKnown = source === undefined || (source.isTaken && !source.todo.has(slot));
      if (isKnown) known++;
      else if (alive[home] === 1 && this.patience.failuresOf(home) < MAX_FAILURES) isLiveMissing = true;
      if (isKnown || this.gone[home] === 0) able++;
    }
    if (isLiveMissing) return false;
    const written = replicasNeeded(this.world.writeQuorum(), homes.length, QUORUM);
    return known >= Math.min(able, Math.max(majority(homes.length), homes.length - written + 1));
  }

  private sourceOf(peer: number): Source {
    let source = this.sources.get(peer);
    if (source === undefined) {
      source = new Source(this.world.identityOf(peer));
      this.sources.set(peer, source);
    }
    return source;
  }
}

/** Slots of which the member is to be a home, and that it may not have all of. */
export function* slotsToSeal(topology: Topology, member: number): Generator<number> {
  for (let slot = 0; slot < SLOTS; slot++) {
    const targets = topology.targets(slot);
    if (!targets.includes(member)) continue;
    const sources = topology.sources(slot);
    if (!sources.includes(member) || targets.length < sources.length) yield slot;
  }
}
