import { jsonRow } from '../storage/checked-row.js';
import { metaKey } from '../storage/key-layout.js';
import type { RecordStore } from '../storage/record-store.js';
import type { ClockGuard } from './core/clock-guard.js';
import type { RingHost } from './core/elastic/ring-register.js';
import type { RingState } from './core/elastic/ring-state.js';
import { type Life, Lives, type Outlived, outlivedBy } from './core/lives.js';
import {
  type Greeting,
  type Membership,
  memberOf,
  parseGreeting,
  UNKNOWN_ADDRESS,
} from './core/membership.js';
import { namesOf } from './core/saved-ring.js';
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
/** So long a node on an empty disk waits for others to meet it before it is a cluster of its own, ms: more than passes until they dial it. */
const ALONE_MS = 3000;
/** Who has left the ring is told so, finishes what its clients have asked, and is cut off after so long, if it has not gone before, ms. */
const FAREWELL_MS = 10_000;
/** Addresses met by one process at most: numbers of peers have 16 bits. */
const MAX_PEERS = 0x8000;
/** The row in which the ring is kept, and who is in it. */
export const MEMBERS_ROW = metaKey('members');
/** The row with the latest lives of all nodes met. */
export const LIVES_ROW = metaKey('lives');

export type SavedLives = Readonly<Record<string, Life>>;

/**
 * What the node is told. `up` is of members of the ring only, once the cluster has formed; a `down` may be one too many.
 */
export interface MemberEvents {
  formed(topology: Topology): void;
  ringChanged(topology: Topology): void;
  /** This node is in the ring no longer. `left`: it was there when it was taken out, and has handed over what it had. */
  removed(left: boolean): void;
  /** The peer goes by the ring of that epoch. */
  sawEpoch(peer: PeerId, epoch: number): void;
  /** A member is connected, has formed the cluster itself, and may be asked things. */
  up(peer: PeerId): void;
  down(peer: PeerId): void;
  /** The peer answers what it was asked, but is to be asked nothing more. */
  stopping(peer: PeerId): void;
  /** Our data folder is older than what others have seen of us: this node has to go on as a later life than that. */
  outlived(by: Outlived): void;
}

/** Meets the other nodes: who is let in, by which number it goes, when all together are a cluster, and who is in it. */
export class Members implements RingHost {
  private readonly peerOfAddress = new Map<string, PeerId>();
  private readonly greetings: (Greeting | undefined)[] = [];
  /** Peers for which the cluster has formed, by their word over the connection we have. The others cannot answer yet. */
  private readonly serving: boolean[] = [];
  private ready = false;
  /** While this node settles: addresses of members that it has neither met nor tried in vain. */
  private awaited: Set<string> | undefined;
  private settledAt = 0;
  private nextPeer: PeerId = SELF + 1;
  private readonly addressOfPeer: string[] = [];
  private readonly lives: Lives;
  private topology: Topology | undefined;
  /** The ring on the disk, or on its way there: it may be newer than the one in use. */
  private kept: RingState | undefined;
  private now = 0;
  private startedAt = 0;
  /** Who is in the ring no longer, and when it is cut off. */
  private readonly farewells = new Map<PeerId, number>();

  constructor(
    private readonly membership: Membership,
    private readonly transport: Transport,
    private readonly store: RecordStore,
    private readonly log: Log,
    private readonly options: {
      readonly replicas: number;
      readonly vnodes: number;
      readonly sloppy: boolean;
    },
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

  // --- the ring (`RingHost`) ---

  get ring(): RingState | undefined {
    return this.membership.ring;
  }

  get ownName(): string {
    return this.membership.ownName;
  }

  peerOf(name: string): PeerId | undefined {
    return this.peerOfAddress.get(name);
  }

  nameOf(peer: PeerId): string | undefined {
    return this.addressOfPeer[peer];
  }

  keepRing(ring: RingState): number {
    this.kept = ring;
    return this.store.putSynced(MEMBERS_ROW, this.rowOf(ring));
  }

  useRing(ring: RingState): void {
    const { membership } = this;
    const before = membership.ring;
    membership.adopt(ring);
    if (!membership.inRing) return this.leave(before);
    if (before === undefined) this.awaitOthers(this.now);
    else if (this.ready) this.changeTopology(this.topology!);
    this.tellAll();
    this.reconsider();
    this.settleIfComplete();
  }

  /** Whether the peer is in the ring. Others are talked to only about getting into it. */
  isMember(peer: PeerId): boolean {
    return this.membership.has(this.addressOfPeer[peer]);
  }

  /** Whether the peer's requests are served: it is in the ring, or has left it only now and still has clients. */
  mayAsk(peer: PeerId): boolean {
    return this.isMember(peer) || this.farewells.has(peer);
  }

  /** Nodes that are connected, and want to be members. */
  get applicants(): readonly Member[] {
    return this.addressOfPeer.flatMap((_, peer) =>
      this.transport.isUp(peer) && !this.isMember(peer) && this.greetings[peer]?.epoch === 0
        ? memberOf(this.greetings[peer])
        : [],
    );
  }

  /** Connected peers, one of which can take this node into its cluster. */
  get hosts(): readonly PeerId[] {
    return this.membership.hosts.filter((name) => this.isConnected(name)).map((name) => this.peerAt(name));
  }

  private changeTopology(before: Topology): void {
    this.topology = this.newTopology(before);
    for (const address of namesOf(before.ring)) {
      if (this.membership.has(address)) continue;
      this.transport.forget(address);
      this.farewells.set(this.peerAt(address), this.now + FAREWELL_MS);
    }
    this.events.ringChanged(this.topology);
    for (const peer of this.topology.peers)
      if (before.inRing[peer] !== 1 && this.serving[peer]) this.events.up(peer);
  }

  private leave(before: RingState | undefined): void {
    const left = before?.phase === 'clearing' && before.current.every(({ name }) => name !== this.ownName);
    this.log.error(
      { ring: this.ring!.epoch },
      left
        ? 'this node has left the cluster; to join one again it needs an empty data folder'
        : 'this node was taken out of the cluster; to join again it needs an empty data folder',
    );
    for (const address of namesOf(before ?? this.ring!)) this.transport.forget(address);
    this.events.removed(left);
  }

  private newTopology(before?: Topology): Topology {
    const { membership } = this;
    for (const { name } of membership.members) this.peerAt(name);
    const faces = new Map(membership.members.map((member) => [member.name, member]));
    const all = this.addressOfPeer.map(
      (address, peer) => faces.get(address) ?? this.strangerAt(peer) ?? before!.members[peer],
    );
    const { replicas, vnodes, sloppy } = this.options;
    return new Topology(all, SELF, replicas, vnodes, sloppy, membership.ring!, before);
  }

  /** The member that the peer would be, as it says. */
  strangerAt(peer: PeerId): Member | undefined {
    const greeting = this.greetings[peer];
    return greeting && memberOf(greeting);
  }

  /** Another after each start of the peer behind which its disk may have forgotten something. Empty: it was never met. */
  identityOf(peer: PeerId): string {
    const greeting = this.greetings[peer];
    return greeting === undefined ? '' : `${greeting.nodeId} ${greeting.incarnation}`;
  }

  private rowOf(ring: RingState): Buffer {
    return jsonRow(this.membership.saved(ring));
  }

  /**
   * A node that starts again knows who the members are, not who of them lives. It serves once it has met all, or tried in vain: else it
   * would take for dead whom it has only not met yet, stand in for them, and write without what they know.
   */
  start(elapsedMs: number): void {
    this.now = elapsedMs;
    this.startedAt = elapsedMs;
    const { ring, inRing } = this.membership;
    if (ring !== undefined && !inRing) return this.leave(undefined);
    if (ring !== undefined) {
      // On a disk from before, the row has no shape, or no checksum.
      this.keepRing(ring);
      for (const what of this.membership.overruled) this.log.warn({}, what);
      this.awaitOthers(elapsedMs);
    }
    this.reconsider();
    this.settleIfComplete();
  }

  private awaitOthers(elapsedMs: number): void {
    const others = this.membership.known.filter((address) => address !== this.ownName);
    this.awaited = new Set(others.filter((address) => !this.isConnected(address)));
    this.settledAt = elapsedMs + SETTLE_MS;
  }

  private isConnected(address: string): boolean {
    const peer = this.peerOf(address);
    return peer !== undefined && this.transport.isUp(peer);
  }

  /** Tells all others to ask this node nothing more. */
  retire(): void {
    this.membership.stops();
    this.tellAll();
  }

  /** It will serve in a moment, whatever happens. */
  get settling(): boolean {
    return this.awaited !== undefined;
  }

  /** To be called some times a second. */
  tick(elapsedMs: number): void {
    this.now = elapsedMs;
    for (const [peer, due] of this.farewells) {
      if (elapsedMs < due) continue;
      this.farewells.delete(peer);
      if (!this.isMember(peer)) this.transport.drop(peer, 'it is in the ring no longer');
    }
    if (this.ring === undefined && this.mayBeAlone) this.reconsider();
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
    if (this.nextPeer >= MAX_PEERS) return { accept: false, reason: 'too many addresses were met' };
    const peer = this.peerAt(greeting.busAddress);
    const present = this.greetings[peer];
    if (this.transport.isUp(peer) && present?.nodeId !== nodeId) {
      return { accept: false, reason: `another node is connected as ${greeting.busAddress}` };
    }
    if (this.lives.met(greeting, this.membership.members))
      this.store.putRow(LIVES_ROW, jsonRow(this.lives.all));
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
    if (greeting.stopping === true && this.ready && this.isMember(peer)) this.events.stopping(peer);
    this.compareEpochs(peer, greeting.epoch);
  }

  /** Who is behind is told the ring, also that it is none of it any more; who only wants to get into it is not. */
  private compareEpochs(peer: PeerId, epoch: number): void {
    if (epoch > 0 || this.isMember(peer)) this.events.sawEpoch(peer, epoch);
    if (this.ready && epoch > 0 && epoch < this.ring!.epoch && !this.isMember(peer))
      this.farewells.set(peer, this.now + FAREWELL_MS);
  }

  /** For the peer the cluster has formed: it says so, or it sends what nobody sends before. */
  serves(peer: PeerId): void {
    if (this.serving[peer]) return;
    this.serving[peer] = true;
    if (this.ready && this.isMember(peer)) this.events.up(peer);
  }

  private met(greeting: Greeting): void {
    const changed = this.membership.met(greeting);
    if (changed && this.ring !== undefined)
      this.store.putRow(MEMBERS_ROW, this.rowOf(this.kept ?? this.ring));
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
    const { membership } = this;
    // Otherwise it was alone, and has got its name.
    if (
      membership.tryToForm(this.mayBeAlone) ||
      (membership.ring !== undefined && !this.ready && !this.settling)
    ) {
      this.keepRing(membership.ring!);
      this.tellAll();
      this.formed();
    }
    const own = this.ring === undefined ? undefined : this.ownName;
    for (const address of membership.known) if (address !== own) this.transport.connect(address);
  }

  private get mayBeAlone(): boolean {
    return this.now - this.startedAt >= ALONE_MS;
  }

  private formed(): void {
    this.number(this.ownName, SELF);
    this.topology = this.newTopology();
    this.ready = true;
    for (const address of this.membership.strays) this.transport.forget(address);
    this.events.formed(this.topology);
    for (const peer of this.topology.peers) if (this.serving[peer]) this.events.up(peer);
    if (this.topology.alone) return;
    this.log.info({ members: this.membership.known, replicas: this.topology.n }, 'cluster formed');
  }

  private peerAt(address: string): PeerId {
    let peer = this.peerOfAddress.get(address);
    if (peer === undefined) {
      peer = this.nextPeer++;
      this.number(address, peer);
    }
    return peer;
  }

  private number(address: string, peer: PeerId): void {
    this.peerOfAddress.set(address, peer);
    this.addressOfPeer[peer] = address;
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
