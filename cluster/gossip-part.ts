import type { ClockGuard } from './core/clock-guard.js';
import { Gossip } from './core/gossip.js';
import type { GossipMessage } from './core/gossip-messages.js';
import type { MemberFacts, MemberView, RingProgress, State } from './core/member-view.js';
import type { Topology } from './core/topology.js';
import type { Clock, Log, Random } from './environment.js';
import { GOSSIP_MESSAGES, type Names, readGossip, writeGossip } from './gossip-codec.js';
import { type NodePart, TICK_MS } from './part.js';
import type { FrameReader } from './transport/frame-reader.js';
import type { PeerId, Transport } from './transport.js';

export interface GossipPartOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly topology: () => Topology;
  readonly facts: () => MemberFacts;
  readonly clocks: ClockGuard;
  readonly heartbeatMs: number;
  readonly phiThreshold: () => number;
  readonly gossipInterval: () => number;
  /** The peer may be used, or not any more. */
  readonly usable: (peer: PeerId, is: boolean) => void;
}

/** Joins gossip and the failure detector to the node: its messages, its time, its log. */
export class GossipPart implements NodePart, Names {
  readonly messages = GOSSIP_MESSAGES;
  private gossip: Gossip | undefined;
  /** By number: members of the ring, and this node. */
  private names: (string | undefined)[] = [];
  private readonly byName = new Map<string, PeerId>();
  /** The start of this process: later than that of any before, as far as the clock was not set back. */
  private readonly bornAt: number;

  constructor(private readonly options: GossipPartOptions) {
    this.bornAt = options.clock.now();
  }

  nameOf(member: PeerId): string {
    return this.names[member]!;
  }

  memberOf(name: string): PeerId | undefined {
    return this.byName.get(name);
  }

  /** What this node holds the member of that name for. */
  stateOf(name: string): State {
    const member = this.byName.get(name);
    return member === undefined ? 'suspect' : this.gossip!.stateOf(member);
  }

  /** Everybody by their numbers, members of the ring or not; empty before the cluster has formed. */
  views(): MemberView[] {
    const { gossip } = this;
    if (gossip === undefined) return [];
    const { clocks, topology } = this.options;
    const { self, members, peers } = topology();
    return Array.from(members, ({ name }, member) => {
      const { generation, version, facts } = gossip.table.state(member);
      return {
        state: gossip.stateOf(member),
        phi: gossip.detector.phiOf(member),
        generation,
        version,
        facts: parseFacts(facts),
        clockOffBy: member === self ? clocks.ownOffBy(peers.length) : clocks.offBy(name),
      };
    });
  }

  /** What the member says of itself; undefined: it was not heard of yet. */
  factsOf(member: PeerId): MemberFacts | undefined {
    return this.gossip === undefined ? undefined : parseFacts(this.gossip.table.state(member).facts);
  }

  formed(): void {
    const { topology, random, transport, phiThreshold, gossipInterval, heartbeatMs, usable } = this.options;
    const { members, self } = topology();
    this.gossip = new Gossip(
      {
        self,
        name: members[self].name,
        generation: this.bornAt,
        facts: this.ownFacts(),
        tickMs: TICK_MS,
        heartbeatMs,
        threshold: phiThreshold,
        interval: gossipInterval,
        random,
      },
      {
        send: (peer, message) => this.send(peer, message),
        signs: (peer) => transport.signsOf(peer),
        usable: (peer, is) => {
          this.tell(peer, is);
          usable(peer, is);
        },
        heldDown: (peer) => this.options.log.warn(this.told(peer), 'member is down: nobody hears it'),
        clock: (peer, theirs, askedAt) => this.checkClock(peer, theirs, askedAt),
      },
    );
    this.ringChanged(topology());
  }

  ringChanged({ members, self, inRing }: Topology): void {
    this.names = Array.from(members, ({ name }, member) =>
      inRing[member] === 1 || member === self ? name : undefined,
    );
    this.byName.clear();
    this.names.forEach((name, member) => {
      if (name !== undefined) this.byName.set(name, member);
    });
    this.gossip!.setMembers(this.names);
  }

  linkUp(peer: PeerId): void {
    this.gossip?.linkUp(peer, this.options.clock.now());
  }

  linkDown(peer: PeerId): void {
    this.gossip?.linkDown(peer);
  }

  tick(now: number): void {
    this.gossip!.table.declare(this.ownFacts());
    this.gossip!.tick(now);
  }

  onMessage(type: number, peer: PeerId, body: FrameReader): boolean {
    const message = readGossip(type, body, this);
    if (message === 'garbled') return false;
    if (message !== null) this.gossip!.receive(peer, message, this.options.clock.now());
    return true;
  }

  private checkClock(peer: PeerId, theirs: number, askedAt: number): void {
    const { clocks, transport } = this.options;
    const objection = clocks.measured(this.nameOf(peer), theirs, askedAt);
    if (objection !== null) transport.drop(peer, objection);
  }

  private send(peer: PeerId, message: GossipMessage): boolean {
    const out = this.options.transport.writer(peer);
    return out !== undefined && writeGossip(out, message, this);
  }

  private ownFacts(): string {
    return Buffer.from(JSON.stringify(this.options.facts())).latin1Slice();
  }

  private tell(peer: PeerId, usable: boolean): void {
    const { log, transport } = this.options;
    if (usable) log.info(this.told(peer), 'member is up');
    else if (transport.isUp(peer))
      log.warn(this.told(peer), 'member is suspect: connected, but silent or deaf');
  }

  private told(peer: PeerId): { address: string; phi: number } {
    return { address: this.nameOf(peer), phi: Math.round(this.gossip!.detector.phiOf(peer) * 10) / 10 };
  }
}

function parseFacts(text: string): MemberFacts | undefined {
  try {
    const { id, address, rack, ring, filling } = JSON.parse(Buffer.from(text, 'latin1').toString());
    const facts = { id: String(id), address: String(address), rack: String(rack), filling: filling === true };
    return ring === undefined ? facts : { ...facts, ring: progressOf(ring) };
  } catch {
    return undefined;
  }
}

function progressOf({ epoch, done, left, total, bytes }: Record<string, unknown>): RingProgress {
  return {
    epoch: Number(epoch),
    done: done === true,
    left: Number(left),
    total: Number(total),
    bytes: Number(bytes),
  };
}
