import { SLOTS } from '../../storage/key-layout.js';
import { everybody, firstRing, isJoint, type RingState } from './elastic/ring-state.js';
import { type Level, replicasNeeded } from './levels.js';
import { type HomeList, joined, meeting, onBothSides, type Placement, placed } from './placement.js';
import { ReplicaSets } from './replica-sets.js';
import type { RingMember } from './ring.js';

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
 * Who holds what, seen from this node, for one state of the ring; and who of them is alive. Everything a request asks is one
 * array access: the tables are made anew when a member comes or goes, and all of it when the ring changes.
 *
 * While slots move from members A to members B (`elastic/ring-state.ts`), the homes of a slot are those of A, then of both, then of B. A quorum
 * of both together is so large that it holds one of A's homes and one of B's.
 */
export class Topology {
  /** The most replicas that any key has: N, or the number of members when there are fewer; more while slots move. */
  readonly n: number;
  /**
   * Who coordinates the writes of each slot: the first live home replica; in a sloppy cluster, when all of them are down, the first
   * of the other live nodes; NOBODY when there is none.
   */
  readonly firstLive = new Uint16Array(SLOTS);
  /** 1 where this node is a home replica. */
  readonly isHome: Uint8Array;
  /** 1 where this node keeps a copy: as a home replica, or since it is to become one, or was one before the present change. */
  readonly keeps: Uint8Array;
  /** By number: 1 for members of the ring. Others may be known, and even connected, but are asked nothing. */
  readonly inRing: Uint8Array;
  /** The other members of the ring. */
  readonly peers: readonly number[];
  /** There is no other node. */
  readonly alone: boolean;
  readonly alive: Uint8Array;
  /** By number: 1 for members whose disk is new, and has yet to get what is theirs: see `filling.ts`. */
  readonly filling: Uint8Array;
  /**
   * Goes up whenever a member comes or goes, and with every state of the ring. What this node knew to be the newest before, it must verify
   * again: somebody else may have coordinated in between.
   */
  trustEpoch = 1;
  private readonly current: Placement;
  private readonly other: Placement | null;
  private readonly placement: Placement;
  private readonly sets: ReplicaSets;
  private readonly numbers: ReadonlyMap<string, number>;

  constructor(
    /** Everybody this node knows of, by number. */
    readonly members: readonly Member[],
    readonly self: number,
    replicas: number,
    vnodes: number,
    /** Whether nodes beyond the home replicas stand in for dead ones (Dynamo 4.6). */
    readonly sloppy = false,
    readonly ring: RingState = firstRing(members),
    before?: Topology,
  ) {
    const numbers = new Map(members.map(({ name }, number) => [name, number]));
    this.numbers = numbers;
    const place = (list: readonly Member[]): Placement =>
      before?.placementOf(list) ?? placed(list, replicas, vnodes, ({ name }) => numbers.get(name)!);
    this.current = place(ring.current);
    this.other = ring.other === null ? null : place(ring.other);
    this.placement = isJoint(ring)
      ? joined(this.current, this.other!, new Set(ring.gone.map((name) => numbers.get(name)!)))
      : this.current;
    this.n = Math.max(...this.placement.lists.map(({ homes }) => homes.length));
    this.inRing = new Uint8Array(members.length);
    for (const { name } of everybody(ring)) this.inRing[numbers.get(name)!] = 1;
    this.peers = [...members.keys()].filter((member) => member !== self && this.inRing[member] === 1);
    this.alone = this.peers.length === 0;
    this.alive = new Uint8Array(members.length);
    this.filling = new Uint8Array(members.length);
    if (before !== undefined) this.filling.set(before.filling);
    if (before !== undefined)
      this.alive.set(before.alive.map((alive, member) => alive & this.inRing[member]));
    if (before !== undefined) this.trustEpoch = before.trustEpoch + 1;
    this.alive[self] = 1;
    this.sets = new ReplicaSets(this.placement, self, sloppy);
    this.isHome = this.slotsOf(self);
    this.keeps = this.keptBy(self);
    this.refresh();
  }

  /** This state of the ring. Requests between nodes carry it. */
  get epoch(): number {
    return this.ring.epoch;
  }

  /**
   * What was begun two or more states of the ring ago is not taken: its quorums need not meet those of now. See `elastic/ring-state.ts`.
   */
  isPast(epoch: number): boolean {
    return epoch + 1 < this.ring.epoch;
  }

  /** This node is a member no longer than until its slots are cleared. */
  get isLeaving(): boolean {
    const { phase, current } = this.ring;
    return phase === 'clearing' && !current.some(({ name }) => name === this.members[this.self].name);
  }

  /** The number of the member of that name. */
  numberOf(name: string): number | undefined {
    return this.numbers.get(name);
  }

  /** The slot's home replicas, best first. */
  homes(slot: number): Uint16Array {
    return this.listOf(slot).homes;
  }

  /** So many home replicas the slot has. */
  sizeOf(slot: number): number {
    return this.listOf(slot).homes.length;
  }

  majorityOf(slot: number): number {
    return this.listOf(slot).majority;
  }

  /** How many home replicas of the slot a request must reach. */
  needed(slot: number, level: Level, byDefault: Level): number {
    const list = this.listOf(slot);
    const [a, b] = list.sides;
    if (a === b && list.held[0] === list.homes.length) return replicasNeeded(level, a, byDefault);
    return onBothSides(list, replicasNeeded(level, a, byDefault), replicasNeeded(level, b, byDefault));
  }

  /** So many home replicas that every `needed` of them, now or in a neighbouring state of the ring, are met. */
  meeting(slot: number, needed: number): number {
    return meeting(this.listOf(slot), needed);
  }

  /** 1 where the member is a home replica. */
  slotsOf(member: number): Uint8Array {
    return slotsIn(this.placement, member);
  }

  /** 1 where the member keeps a copy: see `keeps`. */
  keptBy(member: number): Uint8Array {
    const slots = this.slotsOf(member);
    if (this.other === null) return slots;
    const now = slotsIn(this.current, member);
    const then = slotsIn(this.other, member);
    return slots.map((is, slot) => is | now[slot] | then[slot]);
  }

  /** Whether rows of the slot are this node's own to keep: it is a home replica, or is to become one. Others have to be on their way to one. */
  ownsRows(slot: number): boolean {
    return this.isHome[slot] === 1 || (this.keeps[slot] === 1 && this.ring.phase !== 'clearing');
  }

  /** 1 where this change of the ring, unless it is decided already, makes the member a home replica that it was not. */
  gainedBy(member: number): Uint8Array {
    if (this.other === null || this.ring.phase === 'clearing') return new Uint8Array(SLOTS);
    return this.onlyOnOther(this.other, member);
  }

  /** 1 where the member was a home replica before this change of the ring, or was to become one, and is none. */
  lostBy(member: number): Uint8Array {
    if (this.other === null || this.ring.phase !== 'clearing') return new Uint8Array(SLOTS);
    return this.onlyOnOther(this.other, member);
  }

  private onlyOnOther(other: Placement, member: number): Uint8Array {
    const now = slotsIn(this.current, member);
    return slotsIn(other, member).map((is, slot) => is & ~now[slot]);
  }

  /** While slots move: the home replicas on the old side, who have everything. Otherwise: the home replicas. */
  sources(slot: number): Uint16Array {
    return this.current.lists[this.current.listOf[slot]].homes;
  }

  /** While slots move: the home replicas on the new side. Otherwise: the home replicas. */
  targets(slot: number): Uint16Array {
    const side = this.other === null || this.ring.phase === 'clearing' ? this.current : this.other;
    return side.lists[side.listOf[slot]].homes;
  }

  /**
   * Who has all of the slot, as far as any live replica has: a home that is only becoming one has not, nor one that is filling. NOBODY when
   * all are down.
   */
  firstLiveSource(slot: number): number {
    const sources = this.sources(slot);
    return sources.find((member) => this.isFull(member)) ?? this.firstLiveOf(sources);
  }

  /** Whether this node has all of the slot, as far as any live replica has. */
  isSource(slot: number): boolean {
    return this.sources(slot).includes(this.self) && !this.lacksOf(this.sources(slot));
  }

  /** Whether this node may answer a read of one replica by itself: not while it is filling and another has more. */
  answersAlone(slot: number): boolean {
    return this.isHome[slot] === 1 && !this.lacksOf(this.homes(slot));
  }

  private lacksOf(members: Uint16Array): boolean {
    return this.filling[this.self] === 1 && members.some((member) => this.isFull(member));
  }

  private isFull(member: number): boolean {
    return this.alive[member] === 1 && this.filling[member] === 0;
  }

  /** Who takes the slot's writes now. The same object for slots that have the same, until somebody comes or goes. */
  setOf(slot: number): ReplicaSet {
    return this.sets.of(slot);
  }

  /** Whether this node may coordinate the slot: as a home replica, or in the place of one. */
  holds(slot: number): boolean {
    return this.isHome[slot] === 1 || this.setOf(slot).standsFor !== -1;
  }

  /** Who is no member of the ring is never alive. */
  setAlive(member: number, alive: boolean): void {
    if (member === this.self || this.inRing[member] !== 1 || this.alive[member] === (alive ? 1 : 0)) return;
    this.alive[member] = alive ? 1 : 0;
    this.trustEpoch++;
    this.refresh();
  }

  setFilling(member: number, filling: boolean): void {
    this.filling[member] = filling ? 1 : 0;
  }

  /** Mostly there is none. */
  get anyFilling(): boolean {
    return this.filling.includes(1);
  }

  liveHomes(slot: number): number {
    let live = 0;
    for (const member of this.homes(slot)) live += this.alive[member];
    return live;
  }

  /** The first live home replica; NOBODY when all are down. Who stands in for them knows only part of the data. */
  firstLiveHome(slot: number): number {
    return this.firstLiveOf(this.homes(slot));
  }

  private firstLiveOf(members: Uint16Array): number {
    return members.find((member) => this.alive[member] === 1) ?? NOBODY;
  }

  /** Whether the slot has the same home replicas, in the same order and with the same quorums, in both. */
  sameHomes(slot: number, than: Topology): boolean {
    const a = this.listOf(slot);
    const b = than.listOf(slot);
    return a === b || (a.majority === b.majority && a.homes.join() === b.homes.join());
  }

  private listOf(slot: number): HomeList {
    return this.placement.lists[this.placement.listOf[slot]];
  }

  /** The placement of these members, if it is known from this state of the ring. */
  private placementOf(members: readonly Member[]): Placement | null {
    const { ring, current, other } = this;
    if (sameRing(members, ring.current)) return current;
    return ring.other !== null && sameRing(members, ring.other) ? other : null;
  }

  private refresh(): void {
    this.sets.refresh(this.alive);
    const first = this.placement.lists.map(({ order, homes }) => {
      const reach = this.sloppy ? order.length : homes.length;
      let at = 0;
      while (at < reach && this.alive[order[at]] === 0) at++;
      return at < reach ? order[at] : NOBODY;
    });
    for (let slot = 0; slot < SLOTS; slot++) this.firstLive[slot] = first[this.placement.listOf[slot]];
  }
}

function slotsIn({ lists, listOf }: Placement, member: number): Uint8Array {
  const held = lists.map(({ homes }) => (homes.includes(member) ? 1 : 0));
  const slots = new Uint8Array(SLOTS);
  for (let slot = 0; slot < SLOTS; slot++) slots[slot] = held[listOf[slot]];
  return slots;
}

/** The same members in the same places. */
function sameRing(a: readonly Member[], b: readonly Member[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ name, tokens, rack, weight }, i) => {
      const other = b[i];
      return name === other.name && tokens === other.tokens && rack === other.rack && weight === other.weight;
    })
  );
}
