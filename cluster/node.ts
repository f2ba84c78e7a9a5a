import { CORRUPT, decodeRecord } from '../storage/record.js';
import { RecordScratch } from '../storage/record-scratch.js';
import type { RecordStore } from '../storage/record-store.js';
import { fnv1a } from '../storage/writers.js';
import { type CallHandlers, Calls } from './calls.js';
import { Admission } from './core/admission.js';
import type { ClockGuard } from './core/clock-guard.js';
import { Coordinator, type CoordinatorOptions } from './core/coordinator.js';
import type { Hints } from './core/hints.js';
import type { HybridClock } from './core/hlc.js';
import type { Outlived } from './core/lives.js';
import type { Membership } from './core/membership.js';
import type { Operation } from './core/operation.js';
import type { OwnWriters } from './core/own-writers.js';
import type { CallDone } from './core/peer-calls.js';
import { LOOK_MS } from './core/quorum-reads.js';
import { Replica } from './core/replica.js';
import { NOBODY, type Topology } from './core/topology.js';
import { keepUnwritten } from './core/unwritten.js';
import type { Clock, Log } from './environment.js';
import { Forwarder, type TopologyWaiter } from './forwarder.js';
import { Members, type SavedLives, SELF } from './members.js';
import { Message } from './messages.js';
import { type NodePart, TICK_MS } from './part.js';
import { FrameReader } from './transport/frame-reader.js';
import type { PeerId, Transport } from './transport.js';
import type { Turn } from './turn.js';

export interface NodeOptions extends CoordinatorOptions {
  readonly replicas: number;
  readonly vnodes: number;
  /** Whether other nodes stand in for dead home replicas. */
  readonly sloppy: boolean;
  /** Requests under way here beyond which more are refused. */
  readonly maxRequests: () => number;
  /** How far behind its ticks may be, ms. */
  readonly maxLag: () => number;
  readonly savedLives: SavedLives | undefined;
  readonly clocks: ClockGuard;
  /** See `MemberEvents`. */
  readonly outlived: (by: Outlived) => void;
  readonly removed: (left: boolean) => void;
  readonly sawEpoch: (peer: PeerId, epoch: number) => void;
}

const TOO_LATE = 'NOQUORUM the write came to its coordinator too late; it was not applied';
const NOT_HOME = 'NOQUORUM the write was sent to a node that does not hold its key; it was not applied';

/** So long a node waits to see for itself that what was forwarded to it is its own to coordinate, ms: several times what a lost connection takes. */
const TAKE_PATIENCE_MS = 100;
/** A node that was stopped for so long may have been held dead meanwhile, ms: well below what it takes to be suspected. */
const ABSENCE_MS = 400;

/**
 * The driver: it owns the timers, hands messages to the machines that understand them and lets what gathered go at the end of
 * each turn. It decides nothing itself.
 */
export class Node {
  readonly coordinator: Coordinator;
  readonly replica: Replica;
  readonly forwarder: Forwarder;
  readonly admission: Admission;
  readonly members: Members;
  private topologyNow: Topology | undefined;
  private readonly calls: Calls;
  private readonly reader = new FrameReader();
  private readonly scratch: RecordScratch;
  private readonly parts: NodePart[] = [];
  private readonly partOf: (NodePart | undefined)[] = [];
  private timer: unknown;
  private lookTimer: unknown;
  private stopped = false;
  private isRemoved = false;
  private tickedAt = 0;

  constructor(
    private readonly store: RecordStore,
    private readonly transport: Transport,
    membership: Membership,
    private readonly clock: Clock,
    private readonly hlc: HybridClock,
    own: OwnWriters,
    private readonly turn: Turn,
    private readonly log: Log,
    hints: Hints,
    private readonly options: NodeOptions,
  ) {
    this.scratch = new RecordScratch(store.writers);
    const topology = () => this.topology;
    this.coordinator = new Coordinator(
      store,
      topology,
      transport,
      clock,
      hlc,
      own,
      hints,
      options,
      this.planLook,
    );
    const { firstRequest, requestTimeout } = options;
    this.admission = new Admission(TICK_MS, options.maxRequests, options.maxLag);
    const behind = (elapsed: number) => this.admission.behind(elapsed);
    this.calls = new Calls(transport, clock, firstRequest, requestTimeout, behind);
    this.forwarder = new Forwarder(topology, this.calls.forward, () => clock.elapsed(), requestTimeout);
    this.replica = new Replica(store, transport, clock, hlc, log, topology, hints);
    const { groups } = this.coordinator;
    store.onCommitBegin = (seq) => groups.commitBegins(seq);
    store.onCommitRecord = (entry, bytes, length) => {
      if (this.ready) groups.commitRecord(entry, bytes, length);
    };
    store.onCommitSent = (seq) => groups.commitSent(seq);
    store.onCommitEnd = (seq, error) => {
      this.coordinator.commitEnds(seq, error);
      this.replica.commitEnds(seq, error);
    };
    store.onUnwritten = (entry) => keepUnwritten(store, entry, own, this.topologyNow);
    this.members = new Members(
      membership,
      transport,
      store,
      log,
      options,
      options.savedLives,
      options.clocks,
      {
        outlived: options.outlived,
        formed: (topology) => this.formed(topology),
        ringChanged: (topology) => this.ringChanged(topology),
        removed: (left) => this.removed(left),
        sawEpoch: options.sawEpoch,
        up: (peer) => this.memberUp(peer),
        down: (peer) => this.memberDown(peer),
        stopping: (peer) => this.memberStops(peer),
      },
    );
    turn.addStage('peers', () => transport.flush());
  }

  /** Before `start`. */
  addPart(part: NodePart): void {
    this.parts.push(part);
    for (const type of part.messages) this.partOf[type] = part;
  }

  /** Starts talking. The node serves once it is `ready`. */
  start(services: CallHandlers): void {
    this.calls.serve(services);
    this.transport.attach({
      ...this.members.handlers,
      onMessage: (peer, buffer, start, end) => this.onMessage(peer, buffer, start, end),
      onGathered: () => this.turn.plan(),
    });
    this.members.start(this.clock.elapsed());
    this.tick();
  }

  /** The others are told to ask this node nothing more; `done` when what they have asked is answered, or after a while. */
  retire(done: () => void): void {
    if (!this.ready || this.topology.peers.length === 0) return done();
    this.members.retire();
    this.turn.plan();
    this.calls.whenServed(done);
  }

  stop(): void {
    this.stopped = true;
    this.clock.clearTimer(this.timer);
    this.clock.clearTimer(this.lookTimer);
    for (const part of this.parts) part.stop?.();
  }

  /** This node's identity, 32 hex digits. */
  get id(): string {
    return this.members.ownId;
  }

  get ready(): boolean {
    return this.topologyNow !== undefined && !this.isRemoved;
  }

  /** It starts again, and is ready in a moment: see `Members.start`. */
  get settling(): boolean {
    return this.members.settling;
  }

  /** Seeds that have not been reached; clients are told while the cluster is forming. */
  get missing(): readonly string[] {
    return this.members.missing;
  }

  get topology(): Topology {
    if (this.topologyNow === undefined) throw new Error('the cluster has not formed yet');
    return this.topologyNow;
  }

  /** Why a request that came in at `elapsedMs` is not taken on, before anything is done: a whole error line; or null. */
  refusal(elapsedMs: number): string | null {
    // After a pause what came in meanwhile is read before the tick.
    if (this.admission.behind(elapsedMs) >= ABSENCE_MS) this.noticeAbsence(elapsedMs);
    return this.admission.refusal(this.coordinator.underWay + this.calls.underWay);
  }

  /**
   * Begins an operation that another node sent here to be coordinated, unless nobody waits for it any more or there is too much to do.
   * Where this node neither is a home replica of its keys nor comes to stand in for one, it declines: another may take it. No stand-in takes
   * what goes through a register.
   */
  takeForwarded(operation: Operation, begin: () => void, decline: () => void): void {
    const now = this.clock.elapsed();
    const refusal = operation.deadline <= now ? TOO_LATE : this.refusal(now);
    if (refusal !== null) return operation.finish(refusal);
    operation.moved = decline;
    if (this.mayCoordinate(operation)) return begin();
    // Who sent it may have seen somebody die whom this node still sees alive, and in whose place it is to stand.
    const waiter: TopologyWaiter = {
      slot: null,
      deadline: Math.min(operation.deadline, now + TAKE_PATIENCE_MS),
      again: () => (this.mayCoordinate(operation) ? begin() : decline()),
      giveUp: decline,
    };
    // It would come back at once.
    if (!this.forwarder.hold(waiter)) operation.finish(NOT_HOME);
  }

  private mayCoordinate({ places, count, serial }: Operation): boolean {
    const { topology } = this;
    for (let i = 0; i < count; i++) {
      const { slot } = places[i];
      if (serial ? topology.isHome[slot] === 0 : !topology.holds(slot)) return false;
    }
    return true;
  }

  /** Asks a peer about the whole keyspace. */
  query(peer: PeerId, kind: number, payload: string, done: CallDone): void {
    this.calls.query(peer, kind, payload, done);
  }

  get forwardsUnderWay(): number {
    return this.calls.underWay;
  }

  /** A member that can be asked things. */
  isUp(peer: PeerId): boolean {
    return this.topology.alive[peer] === 1;
  }

  private onMessage(peer: PeerId, buffer: Buffer, start: number, end: number): boolean {
    const body = this.reader.reset(buffer, start, end);
    const type = body.u8();
    if (type === Message.News) return this.members.onNews(peer, body);
    const part = this.partOf[type];
    if (part?.beforeRing) return part.onMessage(type, peer, body);
    if (!this.ready || !this.members.mayAsk(peer)) return this.decline(peer, type, body);
    switch (type) {
      case Message.Write:
        return this.replica.onWrite(peer, body);
      case Message.WriteHinted:
        return this.replica.onWriteHinted(peer, body);
      case Message.WriteEnd:
        return this.replica.onWriteEnd(peer, body);
      case Message.WriteAck:
        return this.onWriteAck(peer, body);
      case Message.Read:
        return this.replica.onRead(peer, body);
      case Message.ReadDigest:
        return this.onReadDigest(peer, body);
      case Message.ReadRecord:
        return this.onReadRecord(peer, body);
      case Message.ReadFailed:
        return this.onReadFailed(peer, body);
      case Message.Repair:
        return this.replica.onRepair(body);
      case Message.Hint:
        return this.replica.onHint(peer, body);
      case Message.Forward:
        return this.calls.onForward(peer, body);
      case Message.Query:
        return this.calls.onQuery(peer, body);
      case Message.ForwardReply:
      case Message.QueryReply:
        return this.calls.onReply(peer, body);
      default:
        return this.onPartMessage(type, peer, body);
    }
  }

  private onPartMessage(type: number, peer: PeerId, body: FrameReader): boolean {
    const part = this.partOf[type];
    if (part !== undefined) {
      if (!this.members.isMember(peer)) return true;
      this.members.serves(peer);
      return part.onMessage(type, peer, body);
    }
    this.log.warn({ peer, type }, 'a message of an unknown type; closing the connection');
    return false;
  }

  /**
   * Nobody asks a node anything before it has said that it serves; but the records of its slots are sent to it all the same,
   * and somebody waits to hear whether they are safe.
   */
  private decline(peer: PeerId, type: number, body: FrameReader): boolean {
    return type === Message.WriteEnd ? this.replica.declineGroup(peer, body) : true;
  }

  private onWriteAck(peer: PeerId, body: FrameReader): boolean {
    const group = body.u32();
    const ok = body.u8() === 1;
    if (!body.finished) return false;
    this.coordinator.acknowledged(peer, group, ok);
    return true;
  }

  private onReadDigest(peer: PeerId, body: FrameReader): boolean {
    const id = body.u32();
    const a = body.u32();
    const b = body.u32();
    if (!body.finished) return false;
    this.coordinator.reads.answered(peer, id, (read) => read.digest(peer, a, b));
    return true;
  }

  private onReadRecord(peer: PeerId, body: FrameReader): boolean {
    const id = body.u32();
    const bytes = body.bytes(body.left);
    if (!body.ok) return false;
    let garbled = false;
    this.coordinator.reads.answered(peer, id, (read) => {
      if (bytes.length === 0) return read.full(peer, null);
      const record = decodeRecord(fnv1a(read.key), this.store.writers, bytes, 0, bytes.length);
      garbled = record === CORRUPT;
      if (record === CORRUPT) return read.lost(peer);
      if (this.hlc.observeAll(record.context, this.clock.now())) return read.full(peer, record);
      // What we would write over it would have to be ahead as well, and our clock with it.
      this.log.warn({ peer }, 'a record was read from a clock too far ahead of ours: it counts as no answer');
      read.lost(peer);
    });
    return !garbled;
  }

  private onReadFailed(peer: PeerId, body: FrameReader): boolean {
    const id = body.u32();
    const isDamaged = body.u8() === 1;
    if (!body.finished) return false;
    this.coordinator.reads.answered(peer, id, (read) => (isDamaged ? read.damaged(peer) : read.lost(peer)));
    return true;
  }

  // --- members ---

  private formed(topology: Topology): void {
    this.topologyNow = topology;
    for (const part of this.parts) part.formed?.();
  }

  private removed(left: boolean): void {
    // Who leaves goes on until it stops: its clients' requests are under way, and are answered.
    this.isRemoved = !left;
    this.options.removed(left);
  }

  /** The ring is another from now on. Who is in it no longer is gone. */
  private ringChanged(topology: Topology): void {
    const before = this.topology;
    this.topologyNow = topology;
    for (const part of this.parts) part.ringChanged?.(topology, before);
    for (const peer of before.peers) {
      if (before.alive[peer] === 0 || topology.inRing[peer] === 1) continue;
      this.giveUp(peer);
      for (const part of this.parts) part.peerDown?.(peer);
    }
    this.forwarder.changed();
  }

  private memberUp(peer: PeerId): void {
    this.calls.peerUp(peer);
    for (const part of this.parts) part.linkUp?.(peer);
  }

  private memberDown(peer: PeerId): void {
    if (this.ready) for (const part of this.parts) part.linkDown?.(peer);
    this.replica.peerDown(peer);
    this.giveUp(peer);
  }

  /** What it was asked it still answers. */
  private memberStops(peer: PeerId): void {
    this.topology.setAlive(peer, false);
    this.forwarder.changed();
  }

  /**
   * Says whether a member may be asked things. One that may not is waited for no longer; what it sent, and may still be sending, is
   * good as long as its connection stands.
   */
  setUsable(peer: PeerId, usable: boolean): void {
    this.topology.setAlive(peer, usable);
    if (usable) {
      this.forwarder.changed();
      for (const part of this.parts) part.peerUp?.(peer);
    } else {
      this.giveUp(peer);
      for (const part of this.parts) part.peerDown?.(peer);
    }
  }

  private giveUp(peer: PeerId): void {
    this.coordinator.peerDown(peer);
    this.calls.peerDown(peer);
    if (this.ready) this.forwarder.changed();
  }

  /** While this node was stopped others may have coordinated in its place: what it knew to be the newest it must verify again. */
  private noticeAbsence(elapsed: number): void {
    const absence = elapsed - this.tickedAt;
    this.tickedAt = elapsed;
    if (absence >= ABSENCE_MS) this.topology.trustEpoch++;
  }

  private readonly planLook = (): void => {
    if (!this.stopped) this.lookTimer = this.clock.setTimer(LOOK_MS, this.look);
  };

  private readonly look = (): void => this.coordinator.reads.look();

  private readonly tick = (): void => {
    const now = this.clock.now();
    const elapsed = this.clock.elapsed();
    this.members.tick(elapsed);
    if (this.ready) {
      this.noticeAbsence(elapsed);
      this.admission.tick(elapsed);
      this.coordinator.tick();
      this.coordinator.groups.sendAhead(this.scratch);
      this.forwarder.tick(elapsed);
      this.replica.expire(elapsed - 2 * this.options.requestTimeout());
    }
    for (const part of this.parts) if (this.ready || part.beforeRing) part.tick?.(now, elapsed);
    this.calls.expire(elapsed);
    this.timer = this.clock.setTimer(TICK_MS, this.tick);
  };
}

export { NOBODY, SELF };
