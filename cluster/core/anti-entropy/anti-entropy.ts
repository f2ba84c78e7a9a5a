import type { RecordStore } from '../../../storage/record-store.js';
import type { Summaries } from '../../../storage/summaries.js';
import type { Clock, Log, Random } from '../../environment.js';
import { Message } from '../../messages.js';
import type { FrameReader } from '../../transport/frame-reader.js';
import type { PeerId, Transport } from '../../transport.js';
import type { HybridClock } from '../hlc.js';
import { TokenBucket } from '../token-bucket.js';
import type { Topology } from '../topology.js';
import { Intake } from './intake.js';
import { PeerRepair, type RepairFigures, shortfallOf } from './peer-repair.js';
import { Responder, type StreamedKeys } from './responder.js';
import { Session, type SessionPlan, type Way } from './session.js';
import { SharedSlots, type Sum } from './shared-slots.js';
import { End, readList, Wire } from './wire.js';
import { type Throttle, Worker } from './worker.js';

export interface AntiEntropyOptions {
  /** The trees tell of everything: they may be compared. */
  readonly ready: () => boolean;
  /** No hints are kept here for the peer: what it lacks after these is for us. */
  readonly handedOver: (peer: PeerId) => boolean;
  /** Between two rounds with a peer, s; 0: never by itself. */
  readonly interval: () => number;
  /** Bytes a second to all peers together. */
  readonly throttle: () => number;
  /** What comes and goes of slots that move, with all peers together. */
  readonly pace: Throttle;
  /** Requests are numbered from here on: see `CoordinatorOptions`. */
  readonly firstRequest: number;
}

/** What commands may do with it. */
export type RepairControl = Pick<AntiEntropy, 'repair' | 'figures'>;

/** What came of a stream. */
export interface StreamEnd {
  /** null: everything was compared, and what had to be sent is in its receiver's log. */
  readonly failure: string | null;
  /** Keys that were not the same on both sides. */
  readonly keysDiffering: number;
}

/** Told once when a repair that was asked for is over: for each peer it failed with, why. */
export type RepairDone = (failures: readonly string[]) => void;

interface Order {
  readonly peer: PeerId;
  /** null: all of them. */
  readonly slot: number | null;
  readonly done: ((failure: string | null) => void)[];
  /** Not to be begun before. */
  notBefore: number;
  tries: number;
  /** When the peer had no time for the first time. */
  refusedSince?: number;
}

/** An order is given up after so many sessions that broke off, */
const MAX_TRIES = 3;
/** or after so long with a peer that has no time. */
const MAX_REFUSALS_MS = 60_000;
const AFTER_REFUSAL_MS = 1000;
const MAX_ORDERS = 1000;
/**
 * Walks over the disk that streams do at once, with whatever peers. Each waits for a group commit and for the event loop, for some milliseconds on a
 * busy node; slots are many and most of them small, so one walk after the other would leave the throttle unused.
 */
const STREAM_WALKS = 8;
const RING_CHANGED = 'the ring has changed';

/**
 * Anti-entropy (Dynamo 4.7): every two home replicas compare the trees of the slots they share, at intervals, soon after one of
 * them was away, and when they are told to; what differs is sent both ways.
 *
 * Promise: once two replicas are connected and nobody writes, they hold the same after one round; and what that costs grows
 * with what differs, not with what there is. Of each pair the one whose name comes first begins; a node leads one session at
 * a time and follows one other.
 *
 * Beside these, one *stream* at a time: slots that come to this node, or go from it, are compared with one of their homes
 * (`core/elastic`).
 */
export class AntiEntropy {
  readonly messages: readonly number[] = [
    Message.TreeAsk,
    Message.TreeAnswer,
    Message.RangeAsk,
    Message.RangeList,
    Message.RepairRecord,
    Message.RepairEnd,
  ];
  private readonly peers: PeerRepair[] = [];
  private readonly wire: Wire;
  private readonly worker: Worker;
  private readonly responder: Responder;
  private readonly ground;
  private readonly sharedWith: SharedSlots[] = [];
  private orders: Order[] = [];
  private session: Session | undefined;
  private stream: Session | undefined;
  private readonly streamer: Worker;
  private nextRequest: number;
  private stopped = false;

  constructor(
    store: RecordStore,
    private readonly summaries: Summaries,
    private readonly topology: () => Topology,
    transport: Transport,
    private readonly clock: Clock,
    private readonly random: Random,
    hlc: HybridClock,
    private readonly log: Log,
    private readonly options: AntiEntropyOptions,
  ) {
    this.wire = new Wire(transport, store.writers);
    const elapsed = () => clock.elapsed();
    this.worker = new Worker(new TokenBucket(options.throttle), elapsed, 1);
    this.streamer = new Worker(options.pace, elapsed, STREAM_WALKS);
    this.nextRequest = options.firstRequest;
    this.ground = {
      store,
      summaries,
      wire: this.wire,
      worker: this.worker,
      streamer: this.streamer,
      streamed: { added: 0, renewed: 0 },
      intake: new Intake(store, summaries.trees, clock, hlc, log),
      elapsed,
      ready: options.ready,
      shared: (peer: PeerId) => this.shared(peer),
      isHome: (slot: number) => topology().isHome[slot] === 1,
      isMoving: (peer: PeerId, slot: number) => !topology().sources(slot).includes(peer),
    };
    this.responder = new Responder(this.ground, (peer, changed) => {
      this.peerRepair(peer).taken(changed);
    });
  }

  // --- what others ask and are told ---

  /**
   * Repairs one slot, or all, with every other home replica. False: too much is waiting already.
   */
  repair(slot: number | null, done: RepairDone): boolean {
    const peers = this.sharing(slot);
    if (this.orders.length + peers.length > MAX_ORDERS) return false;
    if (peers.length === 0) done([]);
    const failures: string[] = [];
    let left = peers.length;
    for (const peer of peers) {
      this.order(peer, slot, (failure) => {
        if (failure !== null) failures.push(`${this.topology().members[peer].name}: ${failure}`);
        if (--left === 0) done(failures);
      });
    }
    this.begin();
    return true;
  }

  /** Repairs everything with one peer. False: too much is waiting already. */
  repairWith(peer: PeerId, done: (failure: string | null) => void): boolean {
    if (this.orders.length >= MAX_ORDERS) return false;
    this.order(peer, null, done);
    this.begin();
    return true;
  }

  /**
   * Compares these slots with a home of them and makes good what differs; in one way or both. False: nothing is
   * under way, as another stream is, this is not the time, or it has failed already.
   */
  streamWith(peer: PeerId, slots: readonly number[], way: Way, done: (end: StreamEnd) => void): boolean {
    if (this.stream !== undefined || this.stopped || !this.options.ready()) return false;
    if (this.topology().alive[peer] === 0) return false;
    const session = this.newSession(peer, { slots, isStream: true, way }, (failure) => {
      this.stream = undefined;
      const { keysDiffering, keysFailed } = session.progress;
      done({ failure: failure ?? shortfallOf(keysFailed), keysDiffering });
    });
    this.stream = session;
    session.start();
    // It may have failed at once, and then `done` was told.
    return !session.closed;
  }

  /** Bytes of slots that move, since the start. */
  get streamed(): { readonly sent: number; readonly received: number } {
    return this.streamer;
  }

  /** Keys that slots on the move have brought, since the start. */
  get streamedKeys(): Readonly<StreamedKeys> {
    return this.ground.streamed;
  }

  /** How things stand with every peer that shares slots with this node. */
  figures(): RepairFigures[] {
    return this.sharing(null).map((peer) => {
      const waiting = this.orders.some((order) => order.peer === peer);
      return this.peerRepair(peer).figures(this.topology(), this.shared(peer), waiting);
    });
  }

  /** Of all peers together, for INFO. */
  totals(): Readonly<Record<string, number>> {
    const all = this.figures();
    const sum = (of: (one: RepairFigures) => number): number =>
      all.reduce((total, one) => total + of(one), 0);
    return {
      running: this.session === undefined ? 0 : 1,
      waiting: this.orders.length,
      rounds: sum(({ rounds }) => rounds),
      slotsLeft: sum(({ slotsLeft }) => slotsLeft),
      keysSent: sum(({ keysSent }) => keysSent),
      keysReceived: sum(({ keysReceived }) => keysReceived),
      bytesSent: sum(({ bytesSent }) => bytesSent),
      bytesReceived: sum(({ bytesReceived }) => bytesReceived),
      lastFinished: Math.max(0, ...all.map(({ lastFinished }) => lastFinished)),
      failing: all.filter(({ lastFailure }) => lastFailure !== '').length,
    };
  }

  /** The sum of everything both this node and the peer are to have: equal when they do. */
  rootWith(peer: PeerId): Sum {
    return this.shared(peer).root();
  }

  // --- the node's ---

  formed(): void {
    for (const peer of this.sharing(null))
      this.peerRepair(peer).plan(this.clock.elapsed(), this.random.next());
  }

  /** What two nodes share may be something else now: what is under way ends, and what was ordered begins anew. */
  ringChanged(): void {
    this.sharedWith.length = 0;
    for (const session of this.sessions) session.breakOff(RING_CHANGED);
    const sharing = this.sharing(null);
    for (const peer of sharing)
      if (this.peers[peer] === undefined)
        this.peerRepair(peer).plan(this.clock.elapsed(), this.random.next());
    const gone = this.orders.filter(({ peer }) => !sharing.includes(peer));
    this.orders = this.orders.filter((order) => !gone.includes(order));
    for (const order of gone) this.over(order, 'it shares no slots with this node any more');
  }

  peerUp(peer: PeerId): void {
    this.peerRepair(peer).cameBack(this.clock.elapsed(), this.random.next());
  }

  peerDown(peer: PeerId): void {
    this.responder.peerDown(peer);
    for (const session of this.sessions) if (session.peer === peer) session.fail('the peer is gone');
  }

  tick(): void {
    if (this.stopped) return;
    for (const session of this.sessions) session.tick();
    this.responder.tick();
    this.worker.run();
    this.streamer.run();
    this.begin();
  }

  stop(): void {
    this.stopped = true;
    this.worker.stop();
    this.streamer.stop();
    for (const session of this.sessions) session.fail('this node is stopping');
  }

  onMessage(type: number, peer: PeerId, body: FrameReader): boolean {
    const bytes = body.left;
    this.wire.bytes(peer).received += bytes;
    const request = body.u32();
    const session = this.sessions.find((one) => one.peer === peer && one.awaits(request));
    switch (type) {
      case Message.TreeAsk:
        return this.responder.onTreeAsk(peer, request, body);
      case Message.RangeAsk:
        return this.responder.onRangeAsk(peer, request, body);
      case Message.TreeAnswer:
        return session?.onTree(request, body) ?? true;
      case Message.RangeList: {
        const list = readList(body);
        return list !== undefined && (session?.onList(request, list) ?? true);
      }
      case Message.RepairRecord: {
        const sent = this.wire.readRecord(request, body);
        if (sent === undefined) return false;
        return sent.pushed ? this.responder.onPushed(peer, sent) : (session?.onRecord(sent, bytes) ?? true);
      }
      default:
        return this.onEnd(peer, session, request, body);
    }
  }

  private onEnd(peer: PeerId, session: Session | undefined, request: number, body: FrameReader): boolean {
    const what = body.u8();
    const records = body.u32();
    const number = body.u32();
    if (!body.finished || what > End.Cannot) return false;
    if (what === End.Pushed) return this.responder.onPushEnd(peer, request, records);
    return session?.onEnd(request, what as End, records, number) ?? true;
  }

  /** Those that this node leads. */
  private get sessions(): readonly Session[] {
    return [this.session, this.stream].filter((one) => one !== undefined);
  }

  private newSession(
    peer: PeerId,
    plan: SessionPlan,
    ended: (failure: string | null, refused: boolean) => void,
  ): Session {
    return new Session(peer, plan, this.ground, this.shared(peer), this.takeRequest, ended);
  }

  // --- who is next ---

  private order(peer: PeerId, slot: number | null, done: (failure: string | null) => void): void {
    const waiting = this.orders.find((order) => order.peer === peer && order.slot === slot);
    if (waiting !== undefined) waiting.done.push(done);
    else this.orders.push({ peer, slot, done: [done], notBefore: 0, tries: 0 });
  }

  private begin(): void {
    if (this.session !== undefined || this.stopped || !this.options.ready()) return;
    const now = this.clock.elapsed();
    const order = this.orders.find(({ notBefore }) => notBefore <= now) ?? this.dueOrder(now);
    if (order === undefined) return;
    this.orders = this.orders.filter((other) => other !== order);
    this.run(order);
  }

  /** A round that is due by itself. */
  private dueOrder(now: number): Order | undefined {
    const interval = this.options.interval() * 1000;
    if (interval === 0) return undefined;
    const { members, alive, self } = this.topology();
    for (const peer of this.sharing(null)) {
      if (alive[peer] === 0 || members[peer].name < members[self].name) continue;
      if (!this.peerRepair(peer).isDue(now, interval, this.options.handedOver(peer))) continue;
      return { peer, slot: null, done: [], notBefore: 0, tries: MAX_TRIES };
    }
    return undefined;
  }

  private run(order: Order): void {
    const { peer, slot } = order;
    const repair = this.peerRepair(peer);
    if (this.topology().alive[peer] === 0) return this.over(order, 'the peer is down');
    const plan: SessionPlan = { slots: slot === null ? null : [slot], isStream: false, way: 'both' };
    const session = this.newSession(peer, plan, (failure, refused) => {
      this.session = undefined;
      this.onSessionEnd(order, repair, failure, refused);
    });
    this.session = session;
    repair.begun(session.progress);
    session.start();
  }

  private onSessionEnd(order: Order, repair: PeerRepair, failure: string | null, refused: boolean): void {
    const now = this.clock.elapsed();
    repair.ended(now, this.clock.now(), this.random.next(), failure, order.slot === null);
    if (failure !== null && !refused)
      this.log.warn({ peer: this.topology().members[order.peer].name, failure }, 'a repair broke off');
    if (failure === null) return this.over(order, repair.shortfall);
    if (order.done.length === 0) return;
    if (!refused) order.tries++;
    order.refusedSince ??= now;
    if (order.tries >= MAX_TRIES || now - order.refusedSince > MAX_REFUSALS_MS)
      return this.over(order, failure);
    order.notBefore = now + AFTER_REFUSAL_MS * (0.5 + this.random.next());
    this.orders.push(order);
  }

  private over(order: Order, failure: string | null): void {
    for (const done of order.done) done(failure);
  }

  private readonly takeRequest = (): number => {
    const request = this.nextRequest;
    this.nextRequest = request === 0xffffffff ? 1 : request + 1;
    return request;
  };

  /** Peers that are home replicas of the slot, or of any, together with this node. */
  private sharing(slot: number | null): PeerId[] {
    const { members, self } = this.topology();
    return [...members.keys()].filter((peer) => {
      if (peer === self) return false;
      const shared = this.shared(peer);
      return slot === null ? shared.count > 0 : shared.has[slot] === 1;
    });
  }

  private shared(peer: PeerId): SharedSlots {
    this.sharedWith[peer] ??= new SharedSlots(this.topology(), peer, this.summaries.trees);
    return this.sharedWith[peer];
  }

  private peerRepair(peer: PeerId): PeerRepair {
    this.peers[peer] ??= new PeerRepair(peer, this.wire.bytes(peer));
    return this.peers[peer];
  }
}
