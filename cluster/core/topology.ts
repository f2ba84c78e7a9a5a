import { SLOTS } from '../../storage/key-layout.js';
import { buildRing, type Ring, type RingMember } from './ring.js';

export interface Member extends RingMember {
  /** 32 hex digits. */
  readonly nodeId: string;
  /** `host:port` of the bus and of the front door, as others reach it. */
  readonly busAddress: string;
  readonly clientAddress: string;
}

/** The replicas that a group of slots has in common. */
export interface HomeSet {
  readonly index: number;
  /** Members' indexes without this node. */
  readonly peers: readonly number[];
  readonly includesSelf: boolean;
}

/** No live home replica. */
export const NOBODY = 0xffff;

/**
 * Who holds what, seen from this node, for one ring epoch; and who of them is alive. Everything a request asks is one
 * array access: the tables are made anew when a member comes or goes.
 */
export class Topology {
  /** Replicas of each key: N, or the number of members when there are fewer. */
  readonly n: number;
  readonly homeSets: HomeSet[] = [];
  readonly homeSetOf = new Uint16Array(SLOTS);
  /** The first live home replica of each slot, which coordinates its writes; NOBODY when all are down. */
  readonly firstLive = new Uint16Array(SLOTS);
  /** 1 where this node is a home replica. */
  readonly isHome = new Uint8Array(SLOTS);
  readonly alive: Uint8Array;
  /**
   * Goes up whenever a member comes or goes. What this node knew to be the newest before, it must verify again: somebody
   * else may have coordinated in between.
   */
  trustEpoch = 1;
  private readonly ring: Ring;

  constructor(
    readonly members: readonly Member[],
    readonly self: number,
    replicas: number,
    vnodes: number,
  ) {
    this.n = Math.min(replicas, members.length);
    this.ring = buildRing(members, vnodes);
    this.alive = new Uint8Array(members.length);
    this.alive[self] = 1;
    this.groupHomes();
    this.refresh();
  }

  /** The slot's home replicas, best first. */
  homes(slot: number): Uint16Array {
    return this.ring.preference[slot].subarray(0, this.n);
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

  private refresh(): void {
    const { preference } = this.ring;
    for (let slot = 0; slot < SLOTS; slot++) {
      const list = preference[slot];
      let at = 0;
      while (at < this.n && this.alive[list[at]] === 0) at++;
      this.firstLive[slot] = at < this.n ? list[at] : NOBODY;
    }
  }

  private groupHomes(): void {
    const ofList = new Map<Uint16Array, HomeSet>();
    const byName = new Map<string, HomeSet>();
    for (let slot = 0; slot < SLOTS; slot++) {
      const list = this.ring.preference[slot];
      let set = ofList.get(list);
      if (set === undefined) {
        const homes = [...this.homes(slot)].sort((a, b) => a - b);
        const name = homes.join();
        set = byName.get(name) ?? this.addHomeSet(homes);
        byName.set(name, set);
        ofList.set(list, set);
      }
      this.homeSetOf[slot] = set.index;
      this.isHome[slot] = set.includesSelf ? 1 : 0;
    }
  }

  private addHomeSet(homes: readonly number[]): HomeSet {
    const index = this.homeSets.length;
    const peers = homes.filter((member) => member !== this.self);
    const set = { index, peers, includesSelf: homes.includes(this.self) };
    this.homeSets.push(set);
    return set;
  }
}
