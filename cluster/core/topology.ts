import { SLOTS } from '../../storage/key-layout.js';
import { ReplicaSets } from './replica-sets.js';
import { buildRing, type RingMember } from './ring.js';

export interface Member extends RingMember {
  /** 32 hex digits. */
  readonly nodeId: string;
  /** `host:port` of the bus and of the front door, as others reach it. */
  readonly busAddress: string;
  readonly clientAddress: string;
}

/** A node beyond the home replicas that takes the writes of a dead one. Another type than a home: never counted as one. */
export interface StandIn {
  readonly member: number;
  /** The home replica it keeps hints for. */
  readonly home: number;
  /** That home's place in the slots' preference lists: its name on the wire. */
  readonly rank: number;
}

/** Who takes the writes of a group of slots while nobody comes or goes. */
export interface ReplicaSet {
  /** Live home replicas without this node. */
  readonly peers: readonly number[];
  /** This node is a home replica. */
  readonly includesSelf: boolean;
  readonly standIns: readonly StandIn[];
  /** The home this node stands in for; -1: none. */
  readonly standsFor: number;
  /** Dead home replicas that nobody stands in for: who coordinates keeps a hint for them. */
  readonly missing: readonly number[];
  /** How many can confirm a write: live home replicas and stand-ins. */
  readonly reachable: number;
}

/** No live replica. */
export const NOBODY = 0xffff;

/**
 * Who holds what, seen from this node, for one ring epoch; and who of them is alive. Everything a request asks is one
 * array access: the tables are made anew when a member comes or goes.
 */
export class Topology {
  /** Replicas of each key: N, or the number of members when there are fewer. */
  readonly n: number;
  /**
   * Who coordinates the writes of each slot: the first live home replica; in a sloppy cluster, when all of them are down, the first
   * of the other live nodes; NOBODY when there is none.
   */
  readonly firstLive = new Uint16Array(SLOTS);
  /** 1 where this node is a home replica. */
  readonly isHome = new Uint8Array(SLOTS);
  readonly alive: Uint8Array;
  /**
   * Goes up whenever a member comes or goes. What this node knew to be the newest before, it must verify again: somebody
   * else may have coordinated in between.
   */
  trustEpoch = 1;
  private readonly sets: ReplicaSets;
  /** By list of the ring: its home replicas. */
  private readonly homeLists: readonly Uint16Array[];

  constructor(
    readonly members: readonly Member[],
    readonly self: number,
    replicas: number,
    vnodes: number,
    /** Whether nodes beyond the home replicas stand in for dead ones (Dynamo 4.6). */
    readonly sloppy = false,
  ) {
    this.n = Math.min(replicas, members.length);
    this.alive = new Uint8Array(members.length);
    this.alive[self] = 1;
    this.sets = new ReplicaSets(buildRing(members, vnodes).preference, this.n, self, sloppy);
    this.homeLists = this.sets.lists.map((list) => list.subarray(0, this.n));
    this.isHome.set(this.slotsOf(self));
    this.refresh();
  }

  /** The slot's home replicas, best first. */
  homes(slot: number): Uint16Array {
    return this.homeLists[this.sets.listOf[slot]];
  }

  /** 1 where the member is a home replica. */
  slotsOf(member: number): Uint8Array {
    const held = this.homeLists.map((homes) => (homes.includes(member) ? 1 : 0));
    const slots = new Uint8Array(SLOTS);
    for (let slot = 0; slot < SLOTS; slot++) slots[slot] = held[this.sets.listOf[slot]];
    return slots;
  }

  /** Who takes the slot's writes now. The same object for slots that have the same, until somebody comes or goes. */
  setOf(slot: number): ReplicaSet {
    return this.sets.of(slot);
  }

  /** Whether this node may coordinate the slot: as a home replica, or in the place of one. */
  holds(slot: number): boolean {
    return this.isHome[slot] === 1 || this.setOf(slot).standsFor !== -1;
  }

  setAlive(member: number, alive: boolean): void {
    if (member === this.self || this.alive[member] === (alive ? 1 : 0)) return;
    this.alive[member] = alive ? 1 : 0;
    this.trustEpoch++;
    this.refresh();
  }

  liveHomes(slot: number): number {
    let live = 0;
    for (const member of this.homes(slot)) live += this.alive[member];
    return live;
  }

  /** The first live home replica; NOBODY when all are down. Who stands in for them knows only part of the data. */
  firstLiveHome(slot: number): number {
    for (const member of this.homes(slot)) if (this.alive[member] === 1) return member;
    return NOBODY;
  }

  private refresh(): void {
    this.sets.refresh(this.alive);
    const first = this.sets.lists.map((list) => {
      const reach = this.sloppy ? list.length : this.n;
      let at = 0;
      while (at < reach && this.alive[list[at]] === 0) at++;
      return at < reach ? list[at] : NOBODY;
    });
    for (let slot = 0; slot < SLOTS; slot++) this.firstLive[slot] = first[this.sets.listOf[slot]];
  }
}
