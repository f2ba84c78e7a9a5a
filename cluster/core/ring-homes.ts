import { SLOTS } from '../../storage/key-layout.js';
import { sortedPlaces } from './ring-places.js';
import { rackOf } from './ring-share.js';
import { type RingMember, tokensOf } from './ring-tokens.js';

const CIRCLE = 2 ** 32;
/** Nobody is there, or has to go. */
const NOBODY = 0xffff;

/** What else decides who is home where: the same on all nodes. */
export interface RingShape {
  /** N */
  readonly replicas: number;
  readonly vnodes: number;
}

/** What a newcomer would take, in slots. */
export interface Taken {
  readonly homes: number;
  readonly firsts: number;
  /** From each member. */
  readonly homesFrom: Int32Array;
  readonly firstsFrom: Int32Array;
}

/** What each slot, in the order of their places, gives up for a newcomer of some rack. */
export interface Offer {
  /** The home replica that would have to go. */
  readonly out: Uint16Array;
  /** How near a newcomer must have a token to become home; Infinity: any does. */
  readonly within: Float64Array;
}

/**
 * The home replicas of all slots while members are added one at a time: the same as `buildRing` finds, at a cost that does not
 * grow with the number of members. So many possible newcomers can be compared.
 */
export class RingHomes {
  readonly members: RingMember[] = [];
  /** By member: of how many slots it is a home replica, and the first. */
  readonly homeCounts: number[] = [];
  readonly firstCounts: number[] = [];
  private readonly racks: number[] = [];
  private readonly rackNumbers = new Map<string, number>();
  /** For each slot in the order of their places `replicas` of them, in no order; and how far each has its next token. */
  private readonly homes: Uint16Array;
  private readonly ways: Float64Array;
  /** The nearest of them. */
  private readonly firsts = new Uint16Array(SLOTS).fill(NOBODY);
  private readonly firstWays = new Float64Array(SLOTS).fill(Number.POSITIVE_INFINITY);
  private readonly newWays = new Float64Array(SLOTS);

  constructor(readonly shape: RingShape) {
    this.homes = new Uint16Array(SLOTS * shape.replicas);
    this.ways = new Float64Array(SLOTS * shape.replicas);
  }

  /** What a newcomer with these tokens would take of what is offered to its rack. */
  take(tokens: Uint32Array, { out, within }: Offer): Taken {
    const { firsts, firstWays } = this;
    const ways = this.measure(tokens);
    const taken = {
      homes: 0,
      firsts: 0,
      homesFrom: new Int32Array(this.members.length),
      firstsFrom: new Int32Array(this.members.length),
    };
    for (let slot = 0; slot < SLOTS; slot++) {
      const way = ways[slot];
      if (way >= within[slot]) continue;
      taken.homes++;
      if (out[slot] !== NOBODY) taken.homesFrom[out[slot]]++;
      if (way >= firstWays[slot]) continue;
      taken.firsts++;
      if (firsts[slot] !== NOBODY) taken.firstsFrom[firsts[slot]]++;
    }
    return taken;
  }

  /**
   * The rule of exchange: a home can go when its rack has another one in the slot or is the newcomer's; where none is like that,
   * each can go. Of those who can the farthest goes, if the newcomer is nearer, or has a rack that must be in.
   */
  offerTo(newcomer: RingMember): Offer {
    const out = new Uint16Array(SLOTS).fill(NOBODY);
    const within = new Float64Array(SLOTS).fill(Number.POSITIVE_INFINITY);
    const { replicas } = this.shape;
    if (this.members.length < replicas) return { out, within };
    const rack = this.rackNumbers.get(rackOf(newcomer)) ?? -1;
    const racksAreFew = this.rackNumbers.size < replicas;
    for (let slot = 0; slot < SLOTS; slot++) {
      const spare = racksAreFew ? this.farthestSpare(slot, rack) : this.farthest(slot, rack);
      const place = spare === -1 ? this.farthest(slot) : spare;
      out[slot] = this.homes[place];
      if (!racksAreFew || rack !== -1) within[slot] = this.ways[place];
    }
    return { out, within };
  }

  add(newcomer: RingMember): void {
    const { homes, ways, newWays } = this;
    const { replicas, vnodes } = this.shape;
    const { out, within } = this.offerTo(newcomer);
    const taken = this.take(tokensOf(newcomer, vnodes), { out, within });
    for (const member of this.members.keys()) {
      this.homeCounts[member] -= taken.homesFrom[member];
      this.firstCounts[member] -= taken.firstsFrom[member];
    }
    const index = this.members.push(newcomer) - 1;
    this.homeCounts.push(taken.homes);
    this.firstCounts.push(taken.firsts);
    const rack = rackOf(newcomer);
    if (!this.rackNumbers.has(rack)) this.rackNumbers.set(rack, this.rackNumbers.size);
    this.racks.push(this.rackNumbers.get(rack)!);
    for (let slot = 0; slot < SLOTS; slot++) {
      const way = newWays[slot];
      if (way >= within[slot]) continue;
      const at = slot * replicas;
      const place = out[slot] === NOBODY ? at + index : homes.indexOf(out[slot], at);
      homes[place] = index;
      ways[place] = way;
      if (way >= this.firstWays[slot]) continue;
      this.firsts[slot] = index;
      this.firstWays[slot] = way;
    }
  }

  /** The way from each slot to the next of these tokens. */
  private measure(tokens: Uint32Array): Float64Array {
    const sorted = tokens.slice().sort();
    const places = sortedPlaces();
    let next = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      const place = places[slot];
      while (next < sorted.length && sorted[next] < place) next++;
      this.newWays[slot] = (next < sorted.length ? sorted[next] : sorted[0] + CIRCLE) - place;
    }
    return this.newWays;
  }

  /** Where in `homes` the slot's farthest is, of one rack or of all; -1: there is none. */
  private farthest(slot: number, rack?: number): number {
    const { replicas } = this.shape;
    const at = slot * replicas;
    let place = -1;
    for (let i = at; i < at + replicas; i++) {
      if (rack !== undefined && this.racks[this.homes[i]] !== rack) continue;
      if (place === -1 || this.ways[i] > this.ways[place]) place = i;
    }
    return place;
  }

  /** The farthest that is not alone of its rack, or is of the newcomer's. With fewer racks than replicas there is one. */
  private farthestSpare(slot: number, rack: number): number {
    const { homes, racks, ways } = this;
    const { replicas } = this.shape;
    const at = slot * replicas;
    let place = -1;
    for (let i = at; i < at + replicas; i++) {
      const own = racks[homes[i]];
      let spare = own === rack;
      for (let j = at; j < at + replicas && !spare; j++) spare = j !== i && racks[homes[j]] === own;
      if (spare && (place === -1 || ways[i] > ways[place])) place = i;
    }
    return place;
  }
}
