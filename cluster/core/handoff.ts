import type { Hint, HintFigures, HintStore } from '../../storage/hint-store.js';
import type { KeyRecord } from '../../storage/record.js';
import type { RecordEntry } from '../../storage/record-cache.js';
import { RecordScratch } from '../../storage/record-scratch.js';
import type { RecordStore } from '../../storage/record-store.js';
import type { Clock, Log } from '../environment.js';
import { Message } from '../messages.js';
import type { FrameReader } from '../transport/frame-reader.js';
import type { Transport } from '../transport.js';
import { HintLine } from './hint-line.js';
import type { Hints } from './hints.js';
import { TokenBucket } from './token-bucket.js';
import type { Topology } from './topology.js';
import { sameRecord } from './version.js';

export interface HandoffOptions {
  /** Bytes a second, to all members together. */
  readonly throttle: () => number;
  /** Seconds. */
  readonly window: () => number;
  /** A record of which this node is no home replica is removed here: see `OwnWriters`. */
  readonly forgot: (record: KeyRecord | null) => void;
  /** Requests are numbered from here on: see `CoordinatorOptions`. */
  readonly firstRequest: number;
}

/** How things stand with one member, for KV.HINTS. */
export interface HandoffFigures extends HintFigures {
  /** As clients reach it; empty when it is no member any more. */
  readonly clientAddress: string;
  readonly delivering: boolean;
}

/** A record on its way to who lacks it. */
interface Delivery {
  readonly line: HintLine;
  readonly hint: Hint;
  /** Pinned until all is over. */
  readonly entry: RecordEntry;
  /** Members to be sent the record: the hint's own, or in its stead all live home replicas. */
  readonly receivers: readonly number[];
  record: KeyRecord | null;
  /** What the hint counted when the record was sent. */
  kept: number;
  /** Answers to come. */
  waiting: number;
  ok: boolean;
}

interface Request {
  readonly peer: number;
  readonly deadline: number;
  readonly delivery: Delivery;
}

const ANSWER_WITHIN_MS = 10_000;
const RELOAD_AFTER_MS = 1000;
/** Hints looked at in one go: the rest is for the next tick. */
const MAX_STEPS = 1000;
/** What a message costs beyond key and record, about. */
const MESSAGE_OVERHEAD = 20;

/**
 * Hinted handoff: sends members that are back what they missed, and lets go of each hint once its record is in their log.
 *
 * Promise: nothing is forgotten that was not acknowledged, except by a home replica about a member that was away longer than
 * `hint-window`, which anti-entropy then brings up to date from that same record. A stand-in keeps its copy, which was counted as
 * its member's, until that member itself has it, or is no home of the key any more: then all homes are sent the record.
 */
export class Handoff implements Hints {
  readonly messages: readonly number[] = [Message.HintAck];
  readonly counters = { sent: 0, sentBytes: 0, failed: 0, damaged: 0 };
  private readonly lines = new Map<string, HintLine>();
  private readonly requests = new Map<number, Request>();
  /** Since when each member is down, by the clock that cannot be set; 0: it is up. */
  private readonly downSince: number[] = [];
  private readonly bucket: TokenBucket;
  private readonly scratch: RecordScratch;
  private nextRequest: number;
  private loading = false;
  private loadAfterMs = 0;
  private stopped = false;

  constructor(
    private readonly store: RecordStore,
    private readonly hints: HintStore,
    private readonly topology: () => Topology,
    private readonly transport: Transport,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly options: HandoffOptions,
  ) {
    this.bucket = new TokenBucket(options.throttle);
    this.nextRequest = options.firstRequest;
    this.scratch = new RecordScratch(store.writers);
  }

  // --- what is written down for whom ---

  keep(home: number, entry: RecordEntry): boolean {
    const { members, isHome } = this.topology();
    if (isHome[entry.slot] === 1 && !this.mayKeep(home)) {
      this.hints.counters.refused++;
      return false;
    }
    return this.hints.keep(members[home].name, entry, this.clock.now());
  }

  insist(home: number, entry: RecordEntry): void {
    this.hints.keep(this.topology().members[home].name, entry, this.clock.now(), true);
  }

  secure(entry: RecordEntry): boolean {
    return this.hints.secure(entry);
  }

  get full(): boolean {
    return this.hints.full;
  }

  /** Whether a home replica still keeps hints for the member: not once it was away for longer than the window. */
  mayKeep(member: number): boolean {
    const since = this.downSince[member] ?? 0;
    return since === 0 || this.clock.elapsed() - since <= this.options.window() * 1000;
  }

  figures(): HandoffFigures[] {
    const { members, alive } = this.topology();
    return this.hints.targets().map((one) => {
      const member = this.memberOf(one.target);
      if (member === undefined) return { ...one, delivering: false, clientAddress: '' };
      return { ...one, delivering: alive[member] === 1, clientAddress: members[member].clientAddress };
    });
  }

  // --- time, members, answers ---

  formed(): void {
    this.load();
  }

  /** What is kept for members may be others' now. */
  ringChanged(): void {
    for (const line of this.lines.values()) line.restart();
  }

  peerUp(peer: number): void {
    this.downSince[peer] = 0;
    this.lines.get(this.topology().members[peer].name)?.restart();
  }

  peerDown(peer: number): void {
    for (const [id, request] of [...this.requests]) {
      if (request.peer === peer) this.settle(id, request, false);
    }
    this.lines.get(this.topology().members[peer].name)?.restart();
  }

  tick(_nowMs: number, elapsedMs: number): void {
    const { alive, self } = this.topology();
    for (let member = 0; member < alive.length; member++) {
      if (member === self || alive[member] === 1) this.downSince[member] = 0;
      else this.downSince[member] ||= elapsedMs;
    }
    if (!this.hints.loaded) return this.load();
    for (const [id, request] of this.requests) {
      // They are in the order of their sending.
      if (request.deadline > elapsedMs) break;
      this.settle(id, request, false);
    }
    for (const { target } of this.hints.targets()) this.pump(this.lineOf(target));
    for (const [target, line] of this.lines)
      if (line.underWay === 0 && this.hints.countOf(target) === 0) this.lines.delete(target);
  }

  onMessage(_type: number, peer: number, body: FrameReader): boolean {
    const id = body.u32();
    const ok = body.u8() === 1;
    if (!body.finished) return false;
    const request = this.requests.get(id);
    if (request === undefined || request.peer !== peer) return true;
    this.settle(id, request, ok);
    this.pump(request.delivery.line);
    return true;
  }

  stop(): void {
    this.stopped = true;
  }

  // --- delivery ---

  private load(): void {
    if (this.loading || this.hints.loaded || this.clock.elapsed() < this.loadAfterMs) return;
    this.loading = true;
    this.hints.load((error) => {
      this.loading = false;
      if (error === null) return;
      this.loadAfterMs = this.clock.elapsed() + RELOAD_AFTER_MS;
      this.log.error({ err: error }, 'the hints of earlier could not be read; trying again');
    });
  }

  /** Sends what may be sent now. */
  private pump(line: HintLine): void {
    const now = this.clock.elapsed();
    if (this.stopped || !line.mayGo(now)) return;
    const member = this.memberOf(line.target);
    const topology = this.topology();
    const isUp = member !== undefined && topology.alive[member] === 1;
    const mayKeep = member !== undefined && this.mayKeep(member);
    const isAway = member !== undefined && !isUp && !topology.isLeaving;
    if (isAway && (mayKeep ? line.sorted : line.swept)) return;
    for (let steps = 0; steps < MAX_STEPS && line.hasRoom && this.bucket.open(now); steps++) {
      const hint = line.next();
      if (hint === undefined) {
        line.sorted = !line.again;
        line.again = false;
        line.swept = !mayKeep;
        return;
      }
      const { slot } = hint;
      const isOurs = topology.isHome[slot] === 1;
      const isTheirs = member !== undefined && topology.homes(slot).includes(member);
      if (isTheirs && isUp) this.begin(line, hint, [member]);
      else if (isTheirs && isOurs && !mayKeep) this.drop(line, hint);
      else if (!isTheirs && isOurs) this.leaveToRepair(line, hint);
      // What a stand-in has was counted in its member's place: only who is no home any more leaves it to the others, and who is leaving.
      else if (!isOurs && (!isTheirs || topology.isLeaving)) this.begin(line, hint, this.liveHomes(slot));
    }
  }

  private drop(line: HintLine, hint: Hint): void {
    if (!line.logged) {
      line.logged = true;
      const facts = { member: line.target, hints: this.hints.countOf(line.target) };
      this.log.warn(facts, 'a member is away for longer than hint-window: what it missed is left to repair');
    }
    this.leaveToRepair(line, hint);
  }

  private leaveToRepair(line: HintLine, hint: Hint): void {
    this.hints.counters.dropped++;
    this.hints.forget(line.target, hint);
  }

  private begin(line: HintLine, hint: Hint, receivers: readonly number[]): void {
    // A stand-in whose home replicas are all down waits for one of them.
    if (receivers.length === 0) {
      line.again = true;
      return;
    }
    const entry = this.store.pin(hint.db, hint.slot, hint.key);
    line.underWay++;
    const delivery = {
      line,
      hint,
      entry,
      receivers,
      record: null,
      kept: hint.kept,
      waiting: receivers.length,
      ok: true,
    };
    if (entry.record !== undefined) this.send(delivery);
    else this.store.load(entry, { loaded: () => this.send(delivery) });
  }

  private send(delivery: Delivery): void {
    const { entry, receivers, line, hint } = delivery;
    const { record } = entry;
    if (record === undefined) {
      if (entry.corrupt) this.giveUpDamaged(delivery);
      else delivery.ok = false;
      return this.end(delivery);
    }
    if (record === null) {
      // Deleted meanwhile, flushed, or never written: there is nothing to hand over.
      if (delivery.kept === hint.kept) this.hints.forget(line.target, hint);
      return this.end(delivery);
    }
    delivery.record = record;
    delivery.kept = hint.kept;
    const length = this.scratch.encode(record, entry.hash);
    const bytes = length + entry.key.length + MESSAGE_OVERHEAD;
    line.sent(bytes);
    for (const peer of receivers) {
      this.bucket.take(bytes);
      const id = this.takeId();
      const request = { peer, deadline: this.clock.elapsed() + ANSWER_WITHIN_MS, delivery };
      this.requests.set(id, request);
      this.counters.sent++;
      this.counters.sentBytes += bytes;
      if (!this.write(peer, id, entry, length)) this.settle(id, request, false);
    }
  }

  private write(peer: number, id: number, entry: RecordEntry, length: number): boolean {
    const out = this.transport.writer(peer);
    if (out === undefined) return false;
    out.begin();
    out.u8(Message.Hint);
    out.u32(id);
    out.u8(entry.db);
    out.u16(entry.slot);
    out.latin1(entry.key);
    out.bytes(this.scratch.buffer, 0, length);
    return out.end();
  }

  private settle(id: number, { delivery }: Request, ok: boolean): void {
    this.requests.delete(id);
    delivery.ok &&= ok;
    if (--delivery.waiting > 0) return;
    if (delivery.ok) this.delivered(delivery);
    this.end(delivery);
  }

  private end({ line, entry, ok }: Delivery): void {
    if (ok) line.succeeded();
    else {
      this.counters.failed++;
      line.failed(this.clock.elapsed());
    }
    line.underWay--;
    this.store.unpin(entry);
  }

  /** Everybody asked has the record that was sent. */
  private delivered(delivery: Delivery): void {
    const { line, hint, entry, record } = delivery;
    const same = entry.record !== undefined && sameRecord(entry.record, record);
    if (this.topology().ownsRows(hint.slot)) {
      // What is newer here and was not missed by the member again, it has got from who wrote it.
      if (same || hint.kept === delivery.kept) this.forgetDelivered(line, hint);
      return;
    }
    // What a stand-in has is not its own: it goes too, unless it is newer, or still in use.
    if (!same || this.inUse(entry)) return;
    this.forgetDelivered(line, hint);
    if (!this.hints.secure(entry)) this.removeData(entry);
  }

  private forgetDelivered(line: HintLine, hint: Hint): void {
    this.hints.counters.delivered++;
    this.hints.forget(line.target, hint);
  }

  private inUse(entry: RecordEntry): boolean {
    return entry.gated || entry.replicate !== null || entry.dirtySeq > this.store.committedSeq;
  }

  private removeData(entry: RecordEntry): void {
    if (entry.record != null) this.options.forgot(entry.record);
    this.store.put(entry, null);
    entry.verifiedEpoch = 0;
  }

  /** Our copy fails its checksum: the other replicas have to do it, by anti-entropy. */
  private giveUpDamaged({ line, hint, entry }: Delivery): void {
    this.counters.damaged++;
    this.hints.forget(line.target, hint);
    if (this.topology().ownsRows(hint.slot) || this.hints.secure(entry)) return;
    this.options.forgot(null);
    this.store.adoptAbsence(entry);
  }

  /** undefined: it is no member of the ring. */
  private memberOf(target: string): number | undefined {
    const topology = this.topology();
    const member = topology.numberOf(target);
    return member !== undefined && member !== topology.self && topology.inRing[member] === 1
      ? member
      : undefined;
  }

  private liveHomes(slot: number): number[] {
    const { alive, self } = this.topology();
    return [...this.topology().homes(slot)].filter((member) => member !== self && alive[member] === 1);
  }

  private lineOf(target: string): HintLine {
    let line = this.lines.get(target);
    if (line === undefined) {
      line = new HintLine(this.hints, target);
      this.lines.set(target, line);
    }
    return line;
  }

  private takeId(): number {
    const id = this.nextRequest;
    this.nextRequest = id === 0xffffffff ? 1 : id + 1;
    return id;
  }
}
