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
    for (let slot = 0; slot < SLOTS; slot++) {
      const first = this.homes(slot).find((member) => this.alive[member] === 1);
      this.firstLive[slot] = first ?? NOBODY;
    }
  }

  private groupHomes(): void {
    const known = new Map<string, number>();
    for (let slot = 0; slot < SLOTS; slot++) {
      const homes = [...this.homes(slot)].sort((a, b) => a - b);
      const name = homes.join();
      let index = known.get(name);
      if (index === undefined) {
        index = this.homeSets.length;
        known.set(name, index);
        const includesSelf = homes.includes(this.self);
        this.homeSets.push({ index, peers: homes.filter((member) => member !== this.self), includesSelf });
      }
      this.homeSetOf[slot] = index;
      this.isHome[slot] = this.homeSets[index].includesSelf ? 1 : 0;
    }
  }
}
