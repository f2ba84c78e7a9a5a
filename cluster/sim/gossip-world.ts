import { Gossip } from '../core/gossip.js';
import type { GossipMessage } from '../core/gossip-messages.js';
import type { PeerId } from '../transport.js';
import { WORLD_BEGINS } from './sim-clock.js';
import { HEARTBEAT_MS } from './sim-network.js';
import { SimRandom } from './sim-random.js';

const TICK_MS = 50;
const TICKS_PER_HEARTBEAT = HEARTBEAT_MS / TICK_MS;
export const ROUND_MS = 1000;

interface Travelling {
  readonly from: PeerId;
  readonly to: PeerId;
  readonly message: GossipMessage;
}

/**
 * Many nodes that do nothing but gossip and listen for each other: the very core, without transport and storage. Everybody is
 * linked with everybody; each message and each heartbeat is lost by chance, and none is repeated (over TCP it would come late
 * instead). Messages travel within the tick in which they are sent.
 */
export class GossipWorld {
  now = WORLD_BEGINS;
  readonly nodes: Gossip[];
  /** How often a node stopped using one that lives, and held down one that lives. */
  falseSuspicions = 0;
  falseDowns = 0;
  readonly random: SimRandom;
  private readonly names: readonly string[];
  private readonly count: number;
  private readonly alive: Uint8Array;
  private readonly muted: Uint8Array;
  /** Per sender: heartbeats, which go to everybody. */
  private readonly beats: Float64Array;
  /** Per receiver and sender: messages that came, less heartbeats that did not. With `beats` the signs of life. */
  private readonly beyondBeats: Int32Array;
  private readonly losses: Losses;
  private readonly phase: Uint8Array;
  private ticks = 0;
  private travelling: Travelling[] = [];

  constructor(
    seed: number | string,
    count: number,
    /** Of each message and each heartbeat. */
    loss: number,
    /** The first so many are the ring; the others are there, and no members. */
    members = count,
  ) {
    this.random = new SimRandom(seed);
    this.losses = new Losses(loss, this.random);
    this.count = count;
    this.alive = new Uint8Array(count).fill(1);
    this.muted = new Uint8Array(count);
    this.beats = new Float64Array(count);
    this.beyondBeats = new Int32Array(count * count);
    this.phase = Uint8Array.from({ length: count }, () => this.random.below(TICKS_PER_HEARTBEAT));
    this.names = Array.from({ length: count }, (_, i) => `n${i}`);
    const ring = this.names.slice(0, members);
    this.nodes = this.names.map((_, self) => this.make(self, ring));
    this.linkAll();
  }

  /** It falls silent. */
  kill(node: PeerId): void {
    this.alive[node] = 0;
  }

  /** Nothing but its heartbeats gets through, in either direction. */
  mute(node: PeerId): void {
    this.muted[node] = 1;
  }

  runFor(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) this.tick();
  }

  /** ms until it holds; infinite when it does not in time. */
  timeUntil(holds: () => boolean, withinMs: number): number {
    const begin = this.now;
    while (!holds()) {
      if (this.now - begin >= withinMs) return Number.POSITIVE_INFINITY;
      this.tick();
    }
    return this.now - begin;
  }

  /** Living nodes except one. */
  others(than: PeerId): Gossip[] {
    return this.nodes.filter((_, node) => node !== than && this.alive[node] === 1);
  }

  /** These are the ring from now on, as far as this node knows. */
  tellRing(node: PeerId, members: readonly PeerId[]): void {
    const gossip = this.nodes[node];
    const before = gossip.table.members;
    gossip.setMembers(this.names.map((name, i) => (members.includes(i) ? name : undefined)));
    for (const peer of members) if (peer !== node && !before.includes(peer)) gossip.linkUp(peer, this.now);
  }

  private make(self: PeerId, ring: readonly string[]): Gossip {
    const { random, beats, beyondBeats, count } = this;
    const gossip = new Gossip(
      {
        self,
        name: this.names[self],
        generation: this.now,
        facts: '{}',
        tickMs: TICK_MS,
        heartbeatMs: HEARTBEAT_MS,
        threshold: () => 8,
        interval: () => ROUND_MS,
        random,
      },
      {
        send: (to, message) => {
          this.travelling.push({ from: self, to, message });
          return true;
        },
        signs: (peer) => beats[peer] + beyondBeats[self * count + peer],
        usable: (peer, is) => {
          if (!is && this.alive[peer] === 1) this.falseSuspicions++;
        },
        heldDown: (peer) => {
          if (this.alive[peer] === 1) this.falseDowns++;
        },
        clock: () => {},
      },
    );
    gossip.setMembers(ring);
    return gossip;
  }

  /** The nodes have been together for long: all are linked, and all know all. */
  private linkAll(): void {
    const states = this.nodes.map(({ table }, node) => table.state(node));
    for (const node of this.nodes) {
      for (let peer = 0; peer < this.count; peer++) {
        if (this.nodes[peer] === node) continue;
        node.linkUp(peer, this.now);
        node.table.merge(states[peer], this.now);
      }
      this.travelling = [];
    }
  }

  private tick(): void {
    this.now += TICK_MS;
    this.ticks++;
    for (let node = 0; node < this.count; node++) {
      if (this.alive[node] === 0) continue;
      if ((this.ticks + this.phase[node]) % TICKS_PER_HEARTBEAT === 0) this.beat(node);
      this.nodes[node].tick(this.now);
      this.deliver();
    }
  }

  private beat(from: PeerId): void {
    const { count, beats, beyondBeats, losses } = this;
    beats[from]++;
    for (let to = losses.first(count); to < count; to = losses.next(to, count))
      beyondBeats[to * count + from]--;
  }

  private lost(from: PeerId, to: PeerId): boolean {
    const { alive, muted } = this;
    return alive[from] + alive[to] < 2 || muted[from] + muted[to] > 0 || this.losses.first(1) === 0;
  }

  private deliver(): void {
    for (let i = 0; i < this.travelling.length; i++) {
      const { from, to, message } = this.travelling[i];
      if (this.lost(from, to)) continue;
      this.beyondBeats[to * this.count + from]++;
      this.nodes[to].receive(from, message, this.now);
    }
    this.travelling = [];
  }
}

/**
 * Which of many are lost, each by the same chance: told by the gaps between the lost, which costs a random number per loss instead of
 * one each. A simulated day has more heartbeats than the generator has numbers.
 */
class Losses {
  /** So many come through before the next is lost. */
  private untilNext: number;
  private readonly logOfSuccess: number;

  constructor(
    chance: number,
    private readonly random: SimRandom,
  ) {
    this.logOfSuccess = Math.log(1 - chance);
    this.untilNext = this.gap();
  }

  /** The first lost one of the next `count`, from 0; `count` or more: none is. */
  first(count: number): number {
    return this.next(-1, count);
  }

  /** The one lost after `at` of `count`; `count` or more: none is. */
  next(at: number, count: number): number {
    const lost = at + 1 + this.untilNext;
    if (lost < count) this.untilNext = this.gap();
    else this.untilNext = lost - count;
    return lost;
  }

  /** Geometric, by inversion. */
  private gap(): number {
    return Math.floor(Math.log(1 - this.random.next()) / this.logOfSuccess);
  }
}
