import { metaKey } from '../storage/key-layout.js';
import { CORRUPT, decodeRecord } from '../storage/record.js';
import type { RecordStore } from '../storage/record-store.js';
import { fnv1a } from '../storage/writers.js';
import { Coordinator, type CoordinatorOptions } from './core/coordinator.js';
import type { HybridClock } from './core/hlc.js';
import {
  type Greeting,
  type MemberList,
  type Membership,
  parseGreeting,
  UNKNOWN_ADDRESS,
} from './core/membership.js';
import { type CallDone, PeerCalls } from './core/peer-calls.js';
import { Replica } from './core/replica.js';
import { type Member, NOBODY, Topology } from './core/topology.js';
import { keepUnwritten } from './core/unwritten.js';
import type { Clock, Log } from './environment.js';
import { Message } from './messages.js';
import { FrameReader } from './transport/frame-reader.js';
import type { DialOutcome, HelloVerdict, PeerId, Transport } from './transport.js';
import type { Turn } from './turn.js';

export interface NodeOptions extends CoordinatorOptions {
  readonly replicas: number;
  readonly vnodes: number;
}

/** What a node does for others beyond records: given by the room above, which alone knows what the payloads mean. */
export interface NodeServices {
  /** Runs a forwarded command; `reply` is called once. */
  forwarded(payload: string, reply: (answer: string) => void): void;
  /** Answers a question about the whole keyspace. */
  query(kind: number, payload: string, reply: (answer: string) => void): void;
  /** A member is connected, has formed the cluster and may be asked things. */
  peerUp(peer: PeerId): void;
}

/** This node in tables of members and peers; the others are numbered as they are met. */
const SELF: PeerId = 0;
const TICK_MS = 50;
/** Passes in a moment: not worth a line in the log. */
const NOT_YET = 'it is still finding out which of the seeds it is';
const MEMBERS_ROW = metaKey('members');

/**
 * The driver: it owns the timers, hands messages to the machines that understand them and lets what gathered go at the end of
 * each turn. It decides nothing itself.
 */
export class Node {
  readonly coordinator: Coordinator;
  readonly replica: Replica;
  private topologyNow: Topology | undefined;
  private readonly peerOfAddress = new Map<string, PeerId>();
  private readonly greetings: (Greeting | undefined)[] = [];
  /** Peers for which the cluster has formed, by their word over the connection we have. The others cannot answer yet. */
  private readonly serving: boolean[] = [];
  private readonly calls: PeerCalls;
  private readonly reader = new FrameReader();
  private services: NodeServices | undefined;
  private readonly readyWaiters: (() => void)[] = [];
  private timer: unknown;

  constructor(
    private readonly store: RecordStore,
    private readonly transport: Transport,
    private readonly membership: Membership,
    private readonly clock: Clock,
    hlc: HybridClock,
    writer: number,
    private readonly turn: Turn,
    private readonly log: Log,
    private readonly options: NodeOptions,
  ) {
    this.coordinator = new Coordinator(store, () => this.topology, transport, clock, hlc, writer, options);
    this.calls = new PeerCalls(options.firstRequest);
    this.replica = new Replica(store, transport, clock, hlc, log);
    store.onCommitBegin = (seq) => this.coordinator.commitBegins(seq);
    store.onCommitRecord = (entry, bytes, length) => this.coordinator.commitRecord(entry, bytes, length);
    store.onCommitSent = (seq) => this.coordinator.commitSent(seq);
    store.onCommitEnd = (seq, error) => {
      this.coordinator.commitEnds(seq, error);
      this.replica.commitEnds(seq, error);
    };
    store.onUnwritten = (entry) => keepUnwritten(store, entry, writer, this.topologyNow);
    turn.addStage('peers', () => transport.flush());
  }

  /** Starts talking. The node may serve once `whenReady` has called back. */
  start(services: NodeServices): void {
    this.services = services;
    this.transport.attach({
      hello: () => Buffer.from(JSON.stringify(this.membership.greeting())),
      onHello: (nodeId, payload) => this.judge(nodeId, payload),
      onUp: (peer) => this.peerUp(peer),
      onDown: (peer, reason) => this.peerDown(peer, reason),
      onMessage: (peer, buffer, start, end) => this.onMessage(peer, buffer, start, end),
      onDial: (address, outcome) => this.onDial(address, outcome),
      onGathered: () => this.turn.plan(),
    });
    if (this.membership.members !== undefined) this.formed();
    this.reconsider();
    this.tick();
  }

  stop(): void {
    this.clock.clearTimer(this.timer);
  }

  /** This node's identity, 32 hex digits. */
  get id(): string {
    return this.membership.greeting().nodeId;
  }

  get ready(): boolean {
    return this.topologyNow !== undefined;
  }

  /** Seeds that have not been reached; clients are told while the cluster is forming. */
  get missing(): readonly string[] {
    return this.membership.missing;
  }

  get topology(): Topology {
    if (this.topologyNow === undefined) throw new Error('the cluster has not formed yet');
    return this.topologyNow;
  }

  whenReady(run: () => void): void {
    if (this.ready) run();
    else this.readyWaiters.push(run);
  }

  /** Where a write of this slot is coordinated: SELF (0), a peer, or NOBODY. */
  coordinatorOf(slot: number): number {
    return this.topology.firstLive[slot];
  }

  /** Sends a command to its coordinator. */
  forward(peer: PeerId, payload: string, done: CallDone): void {
    this.call(peer, Message.Forward, -1, payload, done);
  }

  /** Asks a peer about the whole keyspace. */
  query(peer: PeerId, kind: number, payload: string, done: CallDone): void {
    this.call(peer, Message.Query, kind, payload, done);
  }

  get forwardsUnderWay(): number {
    return this.calls.size;
  }

  /** A member that can be asked things. */
  isUp(peer: PeerId): boolean {
    return this.topology.alive[peer] === 1;
  }

  private call(peer: PeerId, type: number, kind: number, payload: string, done: CallDone): void {
    const out = this.transport.writer(peer);
    if (out === undefined) {
      done(null, 'not-sent');
      return;
    }
    // The other side gives up first, so that its word on what happened can still arrive.
    const deadline = this.clock.now() + this.options.requestTimeout() * 2;
    const id = this.calls.begin(peer, deadline, done);
    out.begin();
    out.u8(type);
    out.u32(id);
    if (kind >= 0) out.u8(kind);
    out.latin1(payload);
    if (!out.end()) this.calls.cancel(id);
  }

  private reply(peer: PeerId, type: number, id: number, answer: string): void {
    const out = this.transport.writer(peer);
    if (out === undefined) return;
    out.begin();
    out.u8(type);
    out.u32(id);
    out.latin1(answer);
    out.end();
  }

  private onMessage(peer: PeerId, buffer: Buffer, start: number, end: number): boolean {
    const body = this.reader.reset(buffer, start, end);
    const type = body.u8();
    if (type === Message.News) return this.onNews(peer, body);
    if (!this.ready) return this.decline(peer, type, body);
    switch (type) {
      case Message.Write:
        return this.replica.onWrite(peer, body);
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
      case Message.Forward:
        return this.onForward(peer, body);
      case Message.Query:
        return this.onQuery(peer, body);
      case Message.ForwardReply:
      case Message.QueryReply:
        return this.onReply(peer, body);
      default:
        this.log.warn({ peer, type }, 'a message of an unknown type; closing the connection');
        return false;
    }
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
    this.coordinator.answered(peer, id, (read) => read.digest(peer, a, b));
    return true;
  }

  private onReadRecord(peer: PeerId, body: FrameReader): boolean {
    const id = body.u32();
    const bytes = body.bytes(body.left);
    if (!body.ok) return false;
    let garbled = false;
    this.coordinator.answered(peer, id, (read) => {
      if (bytes.length === 0) return read.full(peer, null);
      const record = decodeRecord(fnv1a(read.key), this.store.writers, bytes, 0, bytes.length);
      garbled = record === CORRUPT;
      return record === CORRUPT ? read.lost(peer) : read.full(peer, record);
    });
    return !garbled;
  }

  private onReadFailed(peer: PeerId, body: FrameReader): boolean {
    const id = body.u32();
    if (!body.finished) return false;
    this.coordinator.answered(peer, id, (read) => read.lost(peer));
    return true;
  }

  private onForward(peer: PeerId, body: FrameReader): boolean {
    const id = body.u32();
    const payload = body.latin1();
    if (!body.finished) return false;
    this.services?.forwarded(payload, (answer) => this.reply(peer, Message.ForwardReply, id, answer));
    return true;
  }

  private onQuery(peer: PeerId, body: FrameReader): boolean {
    const id = body.u32();
    const kind = body.u8();
    const payload = body.latin1();
    if (!body.finished) return false;
    this.services?.query(kind, payload, (answer) => this.reply(peer, Message.QueryReply, id, answer));
    return true;
  }

  private onReply(peer: PeerId, body: FrameReader): boolean {
    const id = body.u32();
    const answer = body.latin1();
    if (!body.finished) return false;
    this.calls.answer(peer, id, answer);
    return true;
  }

  // --- members ---

  private judge(nodeId: string, payload: Buffer): HelloVerdict {
    const greeting = parseGreeting(payload.toString());
    if (greeting === undefined || greeting.nodeId !== nodeId)
      return { accept: false, reason: 'a garbled greeting' };
    if (!this.membership.knowsItself || greeting.busAddress === UNKNOWN_ADDRESS)
      return { accept: false, reason: NOT_YET };
    const reason = this.membership.objection(greeting);
    if (reason !== null) return { accept: false, reason };
    const peer = this.peerAt(greeting.busAddress);
    const present = this.greetings[peer];
    if (this.transport.isUp(peer) && present?.nodeId !== nodeId) {
      return { accept: false, reason: `another node is connected as ${greeting.busAddress}` };
    }
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
  }

  private peerDown(peer: PeerId, reason: string): void {
    this.log.warn({ address: this.greetings[peer]?.busAddress, reason }, 'peer disconnected');
    this.serving[peer] = false;
    this.topologyNow?.setAlive(peer, false);
    this.coordinator.peerDown(peer);
    this.replica.peerDown(peer);
    this.calls.peerDown(peer);
  }

  private onNews(peer: PeerId, body: FrameReader): boolean {
    const greeting = parseGreeting(body.latin1());
    if (!body.finished || greeting === undefined) return false;
    this.greetings[peer] = greeting;
    this.heard(peer, greeting);
    return true;
  }

  private heard(peer: PeerId, greeting: Greeting): void {
    this.met(greeting);
    if (!greeting.formed || this.serving[peer]) return;
    this.serving[peer] = true;
    if (this.ready) this.mayAsk(peer);
  }

  private mayAsk(peer: PeerId): void {
    this.topology.setAlive(peer, true);
    this.services?.peerUp(peer);
  }

  private met(greeting: Greeting): void {
    const changed = this.membership.met(greeting);
    if (changed && this.membership.members !== undefined) this.save(this.membership.members);
    if (changed) this.tellAll();
    this.reconsider();
  }

  private onDial(address: string, outcome: DialOutcome): void {
    const knowsItselfNow = this.membership.tried(address);
    if (outcome.kind === 'self') {
      this.membership.learnOwnAddress(address);
      this.tellAll();
      this.reconsider();
    } else if (outcome.kind === 'twin') {
      this.log.error({ address }, 'another process runs with our node id: a data folder was copied');
    } else if (outcome.kind === 'refused' && outcome.reason !== NOT_YET) {
      this.log.error({ address, reason: outcome.reason }, 'a node refuses to work with us');
    }
    if (knowsItselfNow) this.reconsider();
  }

  /** Forms the cluster once everybody agrees, and keeps dialling whom we know of. */
  private reconsider(): void {
    if (this.membership.tryToForm()) {
      this.save(this.membership.members!);
      this.tellAll();
      this.formed();
    }
    const own = this.ready ? this.membership.greeting().busAddress : undefined;
    for (const address of this.membership.known) if (address !== own) this.transport.connect(address);
  }

  private formed(): void {
    const own = this.membership.greeting().busAddress;
    this.peerOfAddress.set(own, SELF);
    const members: Member[] = [];
    for (const member of this.membership.members!) members[this.peerAt(member.busAddress)] = member;
    const topology = new Topology(members, SELF, this.options.replicas, this.options.vnodes);
    this.topologyNow = topology;
    for (const member of members.keys()) if (this.serving[member]) this.mayAsk(member);
    if (members.length > 1) {
      const addresses = members.map((member) => member.busAddress);
      this.log.info({ members: addresses, replicas: topology.n }, 'cluster formed');
    }
    for (const run of this.readyWaiters.splice(0)) run();
  }

  private peerAt(address: string): PeerId {
    let peer = this.peerOfAddress.get(address);
    if (peer === undefined) {
      peer = this.nextPeer++;
      this.peerOfAddress.set(address, peer);
    }
    return peer;
  }

  private nextPeer: PeerId = SELF + 1;

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

  private readonly tick = (): void => {
    if (this.ready) this.coordinator.tick();
    this.calls.expire(this.clock.now());
    this.timer = this.clock.setTimer(TICK_MS, this.tick);
  };
}

export { NOBODY, SELF };

/** The row of this node's own in which the member list is kept, for reading at start. */
export const MEMBERS_KEY = MEMBERS_ROW;
