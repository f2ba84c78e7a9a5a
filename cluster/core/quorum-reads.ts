import type { KeyRecord } from '../../storage/record.js';
import type { RecordEntry } from '../../storage/record-cache.js';
import { RecordScratch } from '../../storage/record-scratch.js';
import type { RecordStore } from '../../storage/record-store.js';
import { fnv1a, type WriterTable } from '../../storage/writers.js';
import { Message } from '../messages.js';
import type { Transport } from '../transport.js';
import { applyRecord } from './apply.js';
import { KeyRead, type ReadEffects, type ReadOwner } from './key-read.js';
import { DEFAULT } from './levels.js';
import { PeerLatency } from './peer-latency.js';
import { ShareBudget } from './share-budget.js';
import type { Topology } from './topology.js';

/** While questions are open they are looked through so often for those that are late, ms. */
export const LOOK_MS = 5;
/** If the last look is longer ago than this, it was this process that slept: nobody else is to blame. */
const SLEPT_MS = 8 * LOOK_MS;
/** At most so many reads out of all ask one replica more than they need, and so many at once: the clients of a node that stops. */
const SPECULATIVE_SHARE = 0.1;
const SPECULATIVE_BURST = 128;

/** A question put to a replica, this node's own disk among them. */
interface Asked {
  readonly read: KeyRead;
  readonly peer: number;
  /** When, by `Clock.elapsed`. */
  readonly at: number;
}

export interface ReadCounters {
  speculativeReads: number;
  speculationsHeldBack: number;
  repairs: number;
  timeouts: number;
}

/**
 * The quorum reads under way: asks replicas, matches their answers, and asks one more where a replica is slower than it is all
 * but one in a hundred times (Dean & Barroso, "The Tail at Scale").
 *
 * Promise: a replica that is slow or silent costs a read no more than its usual slowest answer, as long as another home replica is
 * up and not more than a tenth of all reads need that.
 */
export class QuorumReads implements ReadEffects {
  /** By the number of the request, in the order they were asked. */
  private readonly asked = new Map<number, Asked>();
  private readonly latency = new PeerLatency();
  private readonly budget = new ShareBudget(SPECULATIVE_SHARE, SPECULATIVE_BURST);
  private readonly scratch: RecordScratch;
  /** Questions to this node's own disk have numbers of their own, below zero. */
  private lastOwn = 0;
  private lookPlanned = false;
  private lookedAt = 0;

  constructor(
    private readonly store: RecordStore,
    private readonly topology: () => Topology,
    private readonly transport: Transport,
    private readonly counters: ReadCounters,
    private readonly elapsedMs: () => number,
    private readonly takeId: () => number,
    /** ms */
    private readonly timeoutMs: () => number,
    /** `look` has to be called in `LOOK_MS`. */
    private readonly planLook: () => void,
  ) {
    this.scratch = new RecordScratch(store.writers);
  }

  get writers(): WriterTable {
    return this.store.writers;
  }

  /** Questions without an answer. */
  get underWay(): number {
    return this.asked.size;
  }

  /**
   * Reads a key from `needed` replicas. `ownIsNeeded`: this node's own copy, whoever it is, has to be one of the answers; the
   * entry is then filled.
   */
  start(
    owner: ReadOwner,
    index: number,
    db: number,
    slot: number,
    key: string,
    needed: number,
    topology: Topology,
    ownIsNeeded: boolean,
    /** How many of the slot's replicas another try needs. */
    level = DEFAULT,
    /** When the first try of it began, if this is another one. */
    startedMs = 0,
  ): void {
    this.budget.earn();
    const { standIns, standsFor, reachable } = topology.setOf(slot);
    const liveHomes = reachable - standIns.length;
    // The copy of a stand-in is in part: it is an answer only where home replicas are too few.
    const isAnswer = needed === 1 ? topology.answersAlone(slot) : topology.isHome[slot] === 1;
    const own = ownIsNeeded || isAnswer || (standsFor !== -1 && liveHomes < needed);
    const entry = own ? this.store.pin(db, slot, key) : undefined;
    const { self } = topology;
    const size = topology.sizeOf(slot);
    // A stand-in's part of the data promises nothing to later reads anyway, nor does a read at ONE.
    const mustHold = topology.sloppy || ownIsNeeded || needed === 1 ? 0 : topology.meeting(slot, needed);
    const now = this.elapsedMs();
    const read = new KeyRead(
      owner,
      index,
      db,
      slot,
      key,
      entry,
      self,
      needed,
      size,
      ownIsNeeded,
      mustHold,
      this,
      now,
      topology.epoch,
    );
    // Who has to know more than the record (`gates.ts`) begins again itself.
    if (!ownIsNeeded) read.epoch = topology.trustEpoch;
    read.level = level;
    if (startedMs !== 0) read.startedMs = startedMs;
    const candidates: number[] = [];
    for (const member of topology.homes(slot))
      if (member !== self && topology.alive[member] === 1) candidates.push(member);
    const homes = candidates.length;
    if (this.latency.anyLate) this.lateLast(candidates);
    if (topology.anyFilling) candidates.sort((a, b) => topology.filling[a] - topology.filling[b]);
    for (const { member } of standIns) if (member !== self) candidates.push(member);
    read.start(candidates, homes);
  }

  // --- effects of a read ---

  ask(read: KeyRead, peer: number, full: boolean): boolean {
    if (!this.isUsable(peer)) return false;
    const out = this.transport.writer(peer);
    if (out === undefined) {
      if (this.transport.isUp(peer)) read.crowded = true;
      return false;
    }
    const id = this.takeId();
    out.begin();
    out.u8(Message.Read);
    out.u32(id);
    out.u32(read.ringEpoch);
    out.u8(full ? 1 : 0);
    out.u8(read.db);
    out.u16(read.slot);
    out.latin1(read.key);
    if (!out.end()) return false;
    this.expect(id, read, peer);
    return true;
  }

  loadOwn(read: KeyRead, entry: RecordEntry): void {
    read.ownRequest = --this.lastOwn;
    const { self } = this.topology();
    this.expect(read.ownRequest, read, self);
    this.store.whenRecordSettles(entry, (settled) => {
      if (!settled) {
        this.ownLoaded(read);
        read.lost(self);
      } else if (entry.record === undefined) this.store.load(entry, read);
      else read.loaded(entry);
    });
  }

  ownLoaded(read: KeyRead): void {
    this.settle(this.topology().self, read.ownRequest);
  }

  repair(read: KeyRead, replica: number, record: KeyRecord): void {
    const topology = this.topology();
    // Who only stands in keeps what it was given to hand on, nothing else.
    if (!topology.homes(read.slot).includes(replica)) return;
    this.counters.repairs++;
    if (replica === topology.self) {
      if (read.entry !== undefined) applyRecord(this.store, read.entry, record);
      return;
    }
    const out = this.transport.writer(replica);
    if (out === undefined) return;
    const length = this.scratch.encode(record, fnv1a(read.key));
    out.begin();
    out.u8(Message.Repair);
    out.u8(read.db);
    out.u16(read.slot);
    out.latin1(read.key);
    out.bytes(this.scratch.buffer, 0, length);
    out.end();
  }

  confirm(read: KeyRead, replica: number, record: KeyRecord): boolean {
    if (!this.isUsable(replica)) return false;
    this.counters.repairs++;
    const id = this.takeId();
    let out = this.transport.writer(replica);
    if (out === undefined) return false;
    const length = this.scratch.encode(record, fnv1a(read.key));
    // A group of one record, as a coordinator sends it.
    out.begin();
    out.u8(Message.Write);
    out.u32(id);
    out.u32(read.ringEpoch);
    out.u8(read.db);
    out.u16(read.slot);
    out.latin1(read.key);
    out.bytes(this.scratch.buffer, 0, length);
    if (!out.end()) return false;
    out = this.transport.writer(replica);
    if (out === undefined) return false;
    out.begin();
    out.u8(Message.WriteEnd);
    out.u32(id);
    out.u32(1);
    if (!out.end()) return false;
    this.expect(id, read, replica);
    return true;
  }

  mayBegin({ epoch, startedMs }: KeyRead): boolean {
    if (epoch === -1 || epoch === this.topology().trustEpoch) return false;
    return this.elapsedMs() - startedMs < this.timeoutMs();
  }

  beginAgain({ owner, index, db, slot, key, level, startedMs }: KeyRead): void {
    const topology = this.topology();
    const needed = topology.needed(slot, level, level);
    this.start(owner, index, db, slot, key, needed, topology, false, level, startedMs);
  }

  done(read: KeyRead): void {
    if (read.entry !== undefined) this.store.unpin(read.entry);
  }

  // --- answers, time, members ---

  /** The answer to a `Read` of ours. */
  answered(peer: number, id: number, deliver: (read: KeyRead) => void): void {
    const read = this.settle(peer, id);
    if (read !== undefined) deliver(read);
  }

  /** A member is gone: nothing is expected of it any more, others are asked in its place. */
  peerDown(peer: number): void {
    for (const [id, { read, peer: of }] of this.asked) {
      if (of !== peer) continue;
      this.asked.delete(id);
      read.lost(peer);
    }
    this.latency.excuse(peer);
  }

  /** Looks for questions that are late; see `LOOK_MS`. */
  look(): void {
    this.lookPlanned = false;
    if (this.asked.size === 0) return;
    const now = this.elapsedMs();
    const slept = now - this.lookedAt > SLEPT_MS;
    if (!slept) this.doubleLate(now);
    this.planNextLook(now);
  }

  /** To be called some times a second: gives up on what has waited too long. */
  expire(now: number): void {
    const limit = now - this.timeoutMs();
    for (const [id, { read, peer }] of this.asked) {
      if (read.startedMs > limit) continue;
      this.asked.delete(id);
      this.counters.timeouts++;
      // With nothing asked of it, nothing would ever tell that it is quick again.
      this.latency.excuse(peer);
      read.expire();
    }
  }

  /** Who is silent may still be connected, and of whom nothing is expected any more nobody says later that it is lost. */
  private isUsable(peer: number): boolean {
    return this.topology().alive[peer] === 1;
  }

  private expect(id: number, read: KeyRead, peer: number): void {
    this.asked.set(id, { read, peer, at: read.elapsedMs });
    if (!this.lookPlanned) this.planNextLook(read.elapsedMs);
  }

  private settle(peer: number, id: number): KeyRead | undefined {
    const one = this.asked.get(id);
    if (one === undefined || one.peer !== peer) return undefined;
    this.asked.delete(id);
    const { read } = one;
    const now = this.elapsedMs();
    read.elapsedMs = now;
    this.latency.answered(peer, now - one.at);
    return read;
  }

  private planNextLook(now: number): void {
    this.lookPlanned = true;
    this.lookedAt = now;
    this.planLook();
  }

  private doubleLate(now: number): void {
    const most = this.timeoutMs() / 2;
    for (const one of this.asked.values()) {
      const age = now - one.at;
      // In the order they were asked: those behind it are younger.
      if (age < LOOK_MS) break;
      if (age <= Math.min(most, this.latency.patience(one.peer))) continue;
      this.latency.accuse(one.peer);
      this.double(one);
    }
  }

  private double({ read, peer }: Asked): void {
    if (!read.mayDouble(peer)) return;
    if (!this.budget.take()) {
      this.counters.speculationsHeldBack++;
      return;
    }
    this.counters.speculativeReads++;
    read.elapsedMs = this.elapsedMs();
    read.double(peer);
  }

  /** Who lets questions wait right now is asked only if the others are too few. */
  private lateLast(homes: number[]): void {
    const { latency } = this;
    homes.sort((a, b) => Number(latency.isLate(a)) - Number(latency.isLate(b)));
  }
}
