import { SLOTS } from '../../../storage/key-layout.js';
import { type HashRange, listRange } from '../../../storage/range-list.js';
import type { RecordStore } from '../../../storage/record-store.js';
import { LEAVES } from '../../../storage/slot-trees.js';
import type { Summaries } from '../../../storage/summaries.js';
import type { FrameReader } from '../../transport/frame-reader.js';
import type { PeerId } from '../../transport.js';
import { around, type Found, walkHashes } from './hash-walk.js';
import type { Intake, Taken } from './intake.js';
import { GROUPS, type SharedSlots, SLOTS_PER_GROUP } from './shared-slots.js';
import {
  Ask,
  areRising,
  Depth,
  End,
  MAX_HASHES,
  MAX_PLACES,
  type Out,
  type SentRecord,
  type Wire,
} from './wire.js';
import { type Done, LISTED, type Worker } from './worker.js';

/** Requests of one peer under way at once; more is nonsense. */
const MAX_OPEN = 64;
/** An answer with records ends after so many bytes; the rest is asked for again. */
export const RECORD_BYTES = 1 << 20;
/** or so many of them, so that a pace is kept by small ones as well. */
export const RECORDS_AT_ONCE = 512;
/** Whoever waits for an answer is told so often that it is being worked on. */
const WORKING_EVERY_MS = 1000;
/** A peer that was silent for so long has ended its session, and another may begin one. */
const SESSION_ENDS_MS = 3000;

/** Records that a peer pushes, until all are in our log. */
interface Push {
  received: number;
  /** Said by the peer at the end; -1 before that. */
  expected: number;
  taking: number;
  changed: number;
  /** Records that could not be taken. */
  failed: number;
  /** What was taken may not have come into the log. */
  doubtful: boolean;
  seq: number;
}

interface PeerState {
  /** Requests being worked on, with the time of the last sign of it. */
  readonly open: Map<number, number>;
  readonly pushes: Map<number, Push>;
}

/** Keys that slots on the move have brought since the start: */
export interface StreamedKeys {
  /** those this node had nothing of, */
  added: number;
  /** and those it had another record of: written while they moved, or repaired. */
  renewed: number;
}

export function countStreamed(keys: StreamedKeys, taken: Taken): void {
  if (taken === 'added') keys.added++;
  else if (taken === 'changed') keys.renewed++;
}

/** What the responder stands on. */
export interface RepairGround {
  readonly store: RecordStore;
  readonly summaries: Summaries;
  readonly wire: Wire;
  readonly worker: Worker;
  /** The same for slots on the move. */
  readonly streamer: Worker;
  readonly streamed: StreamedKeys;
  readonly intake: Intake;
  readonly elapsed: () => number;
  /** The trees tell of everything: they may be compared. */
  readonly ready: () => boolean;
  readonly shared: (peer: PeerId) => SharedSlots;
  /** This node is a home of the slot: it tells of it, and takes what it lacks. */
  readonly isHome: (slot: number) => boolean;
  /** The slot comes to the peer, or goes from it. */
  readonly isMoving: (peer: PeerId, slot: number) => boolean;
}

/**
 * The answering side of a repair. It keeps no state of a session: the other side asks about trees, lists and records, and pushes
 * what we lack. One peer at a time, so that nobody is repaired from all sides at once; but whoever slots move to or from need not wait:
 * its throttle is one for all of them.
 */
export class Responder {
  private readonly peers = new Map<PeerId, PeerState>();
  private engagedWith: PeerId | null = null;
  private engagedAt = 0;

  constructor(
    private readonly ground: RepairGround,
    /** Tells how many records of a peer have changed ours. */
    private readonly received: (peer: PeerId, changed: number) => void,
  ) {}

  peerDown(peer: PeerId): void {
    this.peers.delete(peer);
    if (this.engagedWith === peer) this.engagedWith = null;
  }

  onTreeAsk(peer: PeerId, request: number, body: FrameReader): boolean {
    const depth = body.u8();
    const places: number[] = [];
    while (body.ok && body.left > 0) places.push(body.u16());
    const below = depth === Depth.Slots ? GROUPS : SLOTS;
    const wanted = depth === Depth.Slots || depth === Depth.Leaves ? MAX_PLACES : 0;
    if (!body.finished || depth > Depth.Leaves || places.length > wanted) return false;
    if (places.some((place) => place >= below)) return false;
    const { wire, ready } = this.ground;
    const isStream = depth === Depth.Leaves && places.every((slot) => this.ground.isMoving(peer, slot));
    if (!ready() || (!isStream && !this.engage(peer, depth))) {
      wire.sendEnd(peer, request, End.Cannot);
      return true;
    }
    wire.sendTree(peer, request, (out) => this.writeTree(out, peer, depth, places));
    return true;
  }

  onRangeAsk(peer: PeerId, request: number, body: FrameReader): boolean {
    const what = body.u8();
    const range = { db: body.u8(), slot: body.u16(), from: body.u32(), to: body.u32() };
    const hashes: number[] = [];
    while (body.ok && body.left > 0) hashes.push(body.u32());
    if (!body.finished || what > Ask.All || range.to < range.from || range.slot >= SLOTS) return false;
    if (hashes.length > MAX_HASHES || !areRising(hashes) || (what === Ask.Some) !== hashes.length > 0)
      return false;
    const { open } = this.stateOf(peer);
    if (open.size >= MAX_OPEN || open.has(request)) return false;
    const { wire, worker, streamer, isHome, isMoving } = this.ground;
    // The two do not know the same ring.
    if (!isHome(range.slot)) return wire.sendEnd(peer, request, End.Cannot) >= 0;
    const isStream = isMoving(peer, range.slot);
    if (!isStream) this.engage(peer, Depth.Leaves);
    open.set(request, this.ground.elapsed());
    const by = isStream ? streamer : worker;
    by.add((done) => {
      // The peer may have gone meanwhile.
      if (this.peers.get(peer)?.open !== open) return done(0, 0);
      const finish: Done = (bytes, records) => {
        open.delete(request);
        done(bytes, records);
      };
      if (what === Ask.List) this.answerList(peer, request, range, finish);
      else if (what === Ask.All) this.answerRecords(peer, request, range, null, finish);
      else this.answerRecords(peer, request, around(range, hashes), new Set(hashes), finish);
    });
    return true;
  }

  /** A record that the peer says we lack. */
  onPushed(peer: PeerId, sent: SentRecord): boolean {
    const { pushes } = this.stateOf(peer);
    let push = pushes.get(sent.request);
    if (push === undefined) {
      if (pushes.size >= MAX_OPEN) return false;
      push = { received: 0, expected: -1, taking: 0, changed: 0, failed: 0, doubtful: false, seq: 0 };
      pushes.set(sent.request, push);
    }
    if (push.expected >= 0 || sent.slot >= SLOTS) return false;
    push.received++;
    if (!this.ground.isHome(sent.slot)) {
      push.failed++;
      return true;
    }
    const isMoving = this.ground.isMoving(peer, sent.slot);
    if (!isMoving) this.engage(peer, Depth.Leaves);
    push.taking++;
    const into = push;
    this.ground.intake.take(sent.db, sent.slot, sent.key, sent.record, (taken, seq) => {
      into.taking--;
      // Who lets go of a slot has to know that what it sends is kept.
      this.count(into, taken === 'damaged' && isMoving ? 'failed' : taken, seq);
      if (isMoving) countStreamed(this.ground.streamed, taken);
      this.settle(peer, sent.request, into);
    });
    return true;
  }

  /** All records of a push were sent. */
  onPushEnd(peer: PeerId, request: number, records: number): boolean {
    const { pushes } = this.stateOf(peer);
    const push = pushes.get(request);
    if (push !== undefined && push.expected >= 0) return false;
    if (push === undefined || records !== push.received) {
      // Of some it is not known any more what became of them: the peer was taken for dead meanwhile, and did not notice.
      pushes.delete(request);
      return this.ground.wire.sendEnd(peer, request, End.Done, 0, 0) >= 0;
    }
    push.expected = records;
    this.settle(peer, request, push);
    return true;
  }

  tick(): void {
    const now = this.ground.elapsed();
    for (const [peer, { open }] of this.peers) {
      for (const [request, signAt] of open) {
        if (now - signAt < WORKING_EVERY_MS) continue;
        open.set(request, now);
        this.ground.wire.sendEnd(peer, request, End.Working);
      }
    }
  }

  /** Whether the peer may go on: what leads to work is for one peer at a time. */
  private engage(peer: PeerId, depth: number): boolean {
    if (depth < Depth.Slots) return true;
    const now = this.ground.elapsed();
    if (this.engagedWith !== null && this.engagedWith !== peer && now - this.engagedAt < SESSION_ENDS_MS)
      return false;
    this.engagedWith = peer;
    this.engagedAt = now;
    return true;
  }

  private writeTree(out: Out, peer: PeerId, depth: number, places: readonly number[]): void {
    const shared = this.ground.shared(peer);
    out.u8(depth);
    const put = ({ a, b }: { a: number; b: number }): void => {
      out.u32(a);
      out.u32(b);
    };
    if (depth === Depth.Root) put(shared.root());
    else if (depth === Depth.Groups) for (let group = 0; group < GROUPS; group++) put(shared.group(group));
    else if (depth === Depth.Slots) {
      for (const group of places)
        for (let i = 0; i < SLOTS_PER_GROUP; i++) put(shared.slot(group * SLOTS_PER_GROUP + i));
    } else {
      const { databases } = this.ground.summaries.trees;
      for (const slot of places) this.writeLeaves(out, slot, databases);
    }
  }

  /** Which databases have anything of the slot, and the leaves of these. */
  private writeLeaves(out: Out, slot: number, databases: readonly number[]): void {
    const { trees } = this.ground.summaries;
    const used = databases.filter((db) => !trees.isEmpty(db, slot));
    out.u16(used.reduce((mask, db) => mask | (1 << db), 0));
    for (const db of used) {
      for (let leaf = 0; leaf < LEAVES; leaf++) {
        out.u32(trees.leafA(db, slot, leaf));
        out.u32(trees.leafB(db, slot, leaf));
      }
    }
  }

  private answerList(peer: PeerId, request: number, range: HashRange, done: Done): void {
    const { store, summaries, wire } = this.ground;
    listRange(store, summaries, range, MAX_HASHES, (error, list) => {
      const bytes =
        error === null ? wire.sendList(peer, request, list) : wire.sendEnd(peer, request, End.Cannot);
      done(bytes, list.hashes.length * LISTED);
    });
  }

  private answerRecords(
    peer: PeerId,
    request: number,
    range: HashRange,
    wanted: ReadonlySet<number> | null,
    done: Done,
  ): void {
    const { store, wire } = this.ground;
    const { db, slot } = range;
    let bytes = 0;
    let records = 0;
    let upTo = range.to;
    const visit = (hash: number, found: readonly Found[]): boolean => {
      for (const one of found) {
        const sent = wire.sendRecord(peer, { request, pushed: false, db, slot, ...one });
        bytes += sent;
        if (sent > 0) records++;
      }
      if (bytes < RECORD_BYTES && records < RECORDS_AT_ONCE) return true;
      upTo = hash;
      return false;
    };
    walkHashes(store, range, wanted, visit, (error) => {
      const what = error === null ? End.Done : End.Cannot;
      done(bytes + wire.sendEnd(peer, request, what, records, upTo), records);
    });
  }

  private count(push: Push, taken: Taken, seq: number): void {
    if (taken === 'failed') push.failed++;
    if (taken === 'added' || taken === 'changed') push.changed++;
    if (seq <= push.seq || seq <= this.ground.store.committedSeq) return;
    push.seq = seq;
    this.ground.store.whenOver(seq, (error) => {
      if (error !== null) push.doubtful = true;
    });
  }

  private settle(peer: PeerId, request: number, push: Push): void {
    const pushes = this.peers.get(peer)?.pushes;
    if (push.expected < 0 || push.taking > 0 || pushes?.get(request) !== push) return;
    pushes.delete(request);
    const { store } = this.ground;
    if (push.seq > store.committedSeq) store.whenOver(push.seq, () => this.acknowledge(peer, request, push));
    else this.acknowledge(peer, request, push);
  }

  private acknowledge(peer: PeerId, request: number, push: Push): void {
    this.received(peer, push.changed);
    const safe = push.doubtful ? 0 : push.received - push.failed;
    this.ground.wire.sendEnd(peer, request, End.Done, safe, push.changed);
  }

  private stateOf(peer: PeerId): PeerState {
    let state = this.peers.get(peer);
    if (state === undefined) {
      state = { open: new Map(), pushes: new Map() };
      this.peers.set(peer, state);
    }
    return state;
  }
}
