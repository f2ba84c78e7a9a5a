import { metaKey } from '../storage/key-layout.js';
import type { RecordStore } from '../storage/record-store.js';
import type { ClockGuard } from './core/clock-guard.js';
import { type Life, Lives, type Outlived, outlivedBy } from './core/lives.js';
import {
  type Greeting,
  type MemberList,
  type Membership,
  parseGreeting,
  UNKNOWN_ADDRESS,
} from './core/membership.js';
import { type Member, Topology } from './core/topology.js';
import type { Log } from './environment.js';
import { Message } from './messages.js';
import type { FrameReader } from './transport/frame-reader.js';
import type { DialOutcome, HelloVerdict, PeerId, Transport, TransportHandlers } from './transport.js';

/** This node in tables of members and peers; the others are numbered as they are met. */
export const SELF: PeerId = 0;
/** Passes in a moment: not worth a line in the log. */
const NOT_YET = 'it is still finding out which of the seeds it is';
/** So long a node that starts again waits for members that neither answer nor refuse, ms. */
const SETTLE_MS = 1000;
/** The row of this node's own in which the member list is kept. */
export const MEMBERS_ROW = metaKey('members');
/** The row with the latest lives of all nodes met. */
export const LIVES_ROW = metaKey('lives');

export type SavedLives = Readonly<Record<string, Life>>;

/** What the node is told. `up` and `down` come only once the cluster has formed, except that a `down` may be one too many. */
export interface MemberEvents {
  formed(topology: Topology): void;
  /** A member is connected, has formed the cluster itself, and may be asked things. */
  up(peer: PeerId): void;
  down(peer: PeerId): void;
  /** Our data folder is older than what others have seen of us: this node has to go on as a later life than that. */
  outlived(by: Outlived): void;
}

/** Meets the other nodes: who is let in, by which number it goes, and when all together are a cluster. */
export class Members {
  private readonly peerOfAddress = new Map<string, PeerId>();
  private readonly greetings: (Greeting | undefined)[] = [];
  /** Peers for which the cluster has formed, by their word over the connection we have. The others cannot answer yet. */
  private readonly serving: boolean[] = [];
  private ready = false;
  /** While this node settles: addresses of members that it has neither met nor tried in vain. */
  private awaited: Set<string> | undefined;
  private settledAt = 0;
  private nextPeer: PeerId = SELF + 1;
  private readonly lives: Lives;

  constructor(
    private readonly membership: Membership,
    private readonly transport: Transport,
    private readonly store: RecordStore,
    private readonly log: Log,
    private readonly ring: { readonly replicas: number; readonly vnodes: number; readonly sloppy: boolean },
    savedLives: SavedLives | undefined,
    private readonly clocks: ClockGuard,
    private readonly events: MemberEvents,
  ) {
    this.lives = new Lives(savedLives);
  }

  /** What the transport has to ask and tell about members. */
  get handlers(): Pick<TransportHandlers, 'hello' | 'onHello' | 'onUp' | 'onDown' | 'onDial'> {
    return {
      hello: () => Buffer.from(JSON.stringify(this.membership.greeting())),
      onHello: (nodeId, payload) => this.judge(nodeId, payload),
      onUp: (peer) => this.peerUp(peer),
      onDown: (peer, reason) => this.peerDown(peer, reason),
      onDial: (address, outcome) => this.onDial(address, outcome),
    };
  }

  get ownId(): string {
    return this.membership.greeting().nodeId;
  }

  /** Seeds that have not been reached. */
  get missing(): readonly string[] {
    return this.membership.missing;
  }

  /**
   * A node that starts again knows who the members are, not who of them lives. It serves once it has met all, or tried in vain: else it
   * would take for dead whom it has only not met yet, stand in for them, and write without what they know.
   */
  start(elapsedMs: number): void {
    const { members } = this.membership;
    if (members !== undefined) {
      const own = this.membership.greeting().busAddress;
      this.awaited = new Set(members.map(({ busAddress }) => busAddress).filter((one) => one !== own));
      this.settledAt = elapsedMs + SETTLE_MS;
    }
    this.reconsider();
    this.settleIfComplete();
  }

  /** It will serve in a moment, whatever happens. */
  get settling(): boolean {
    return this.awaited !== undefined;
  }

  /** To be called some times a second. */
  tick(elapsedMs: number): void {
    if (this.awaited === undefined || elapsedMs < this.settledAt) return;
    this.awaited.clear();
    this.settleIfComplete();
  }

  private judge(nodeId: string, payload: Buffer): HelloVerdict {
    const greeting = parseGreeting(payload.toString());
    if (greeting === undefined || greeting.nodeId !== nodeId)
      return { accept: false, reason: 'a garbled greeting' };
    if (!this.membership.knowsItself || greeting.busAddress === UNKNOWN_ADDRESS)
      return { accept: false, reason: NOT_YET };
    const reason =
      this.membership.objection(greeting) ??
      this.lives.objection(greeting) ??
      this.clocks.greeted(greeting.busAddress, greeting.clock);
    if (reason !== null) return { accept: false, reason };
    const peer = this.peerAt(greeting.busAddress);
    const present = this.greetings[peer];
    if (this.transport.isUp(peer) && present?.nodeId !== nodeId) {
      return { accept: false, reason: `another node is connected as ${greeting.busAddress}` };
    }
    if (this.lives.met(greeting)) this.store.putRow(LIVES_ROW, Buffer.from(JSON.stringify(this.lives.all)));
    this.membership.letIn(greeting);
    this.greetings[peer] = greeting;
    return { accept: true, peer };
  }

  private peerUp(peer: PeerId): void {
    const greeting = this.greetings[peer]!;
    this.log.info({ node: greeting.nodeId, address: greeting.busAddress }, 'peer connected');
    // What has changed since the greeting of this connection, which other connections may have overtaken.
    this.sendNews(peer);
    this.heard(peer, greeting);
    this.tried(greeting.busAddress);
  }

  private peerDown(peer: PeerId, reason: string): void {
    this.log.warn({ address: this.greetings[peer]?.busAddress, reason }, 'peer disconnected');
    this.serving[peer] = false;
    this.events.down(peer);
  }

  onNews(peer: PeerId, body: FrameReader): boolean {
    const greeting = parseGreeting(body.latin1());
    if (!body.finished || greeting === undefined) return false;
    this.greetings[peer] = greeting;
    this.heard(peer, greeting);
    return true;
  }

  private heard(peer: PeerId, greeting: Greeting): void {
    this.met(greeting);
    if (greeting.formed) this.serves(peer);
  }

  /** For the peer the cluster has formed: it says so, or it sends what nobody sends before. */
  serves(peer: PeerId): void {
    if (this.serving[peer]) return;
    this.serving[peer] = true;
    if (this.ready) this.events.up(peer);
  }

  private met(greeting: Greeting): void {
    const changed = this.membership.met(greeting);
    if (changed && this.membership.members !== undefined) this.save(this.membership.members);
    if (changed) this.tellAll();
    this.reconsider();
  }

  private onDial(address: string, outcome: DialOutcome): void {
    const knowsItselfNow = this.membership.tried(address);
    if (outcome.kind !== 'up') this.tried(address);
    if (outcome.kind === 'self') {
      this.membership.learnOwnAddress(address);
      this.tellAll();
      this.reconsider();
    } else if (outcome.kind === 'twin') {
      this.log.error({ address }, 'another process runs with our node id: a data folder was copied');
    } else if (outcome.kind === 'refused' && outcome.reason !== NOT_YET) {
      this.clocks.refusedBy(address, outcome.reason);
      const by = outlivedBy(outcome.reason);
      if (by !== undefined) this.events.outlived(by);
      this.log.error({ address, reason: outcome.reason }, 'a node refuses to work with us');
    }
    if (knowsItselfNow) this.reconsider();
  }

  /** A member has been met, or cannot be. */
  private tried(address: string): void {
    if (this.awaited?.delete(address)) this.settleIfComplete();
  }

  private settleIfComplete(): void {
    if (this.awaited?.size !== 0) return;
    this.awaited = undefined;
    this.membership.settled();
    this.tellAll();
    this.formed();
  }

  /** Forms the cluster once everybody agrees, and keeps dialling whom we know of. */
  private reconsider(): void {
    if (this.membership.tryToForm()) {
      this.save(this.membership.members!);
      this.tellAll();
      this.formed();
    }
    const own = this.ready || this.settling ? this.membership.greeting().busAddress : undefined;
    for (const address of this.membership.known) if (address !== own) this.transport.connect(address);
  }

  private formed(): void {
    const own = this.membership.greeting().busAddress;
    this.peerOfAddress.set(own, SELF);
    const members: Member[] = [];
    for (const member of this.membership.members!) members[this.peerAt(member.busAddress)] = member;
    const { replicas, vnodes, sloppy } = this.ring;
    const topology = new Topology(members, SELF, replicas, vnodes, sloppy);
    this.ready = true;
    this.events.formed(topology);
    for (const member of members.keys()) if (this.serving[member]) this.events.up(member);
    if (members.length > 1) {
      const addresses = members.map((member) => member.busAddress);
      this.log.info({ members: addresses, replicas: topology.n }, 'cluster formed');
    }
  }

  private peerAt(address: string): PeerId {
    let peer = this.peerOfAddress.get(address);
    if (peer === undefined) {
      peer = this.nextPeer++;
      this.peerOfAddress.set(address, peer);
    }
    return peer;
  }

  private save(members: readonly Member[]): void {
    const list: MemberList = { members };
    this.store.putRow(MEMBERS_ROW, Buffer.from(JSON.stringify(list)));
  }

  private tellAll(): void {
    for (const peer of this.peerOfAddress.values()) this.sendNews(peer);
  }

  private sendNews(peer: PeerId): void {
    const out = peer === SELF ? undefined : this.transport.writer(peer);
    if (out === undefined) return;
    out.begin();
    out.u8(Message.News);
    out.latin1(JSON.stringify(this.membership.greeting()));
    out.end();
  }
}
