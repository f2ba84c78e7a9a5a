import {
  CORRUPT,
  decodeRecord,
  encodedBytes,
  encodeRecord,
  type KeyRecord,
} from '../../../storage/record.js';
import type { RecordEntry } from '../../../storage/record-cache.js';
import type { RecordStore } from '../../../storage/record-store.js';
import type { Clock, Log, Random } from '../../environment.js';
import { Message } from '../../messages.js';
import type { NodePart } from '../../part.js';
import type { FrameReader } from '../../transport/frame-reader.js';
import type { Transport } from '../../transport.js';
import type { SerialOperations } from '../coordinator.js';
import type { HybridClock } from '../hlc.js';
import type { Operation } from '../operation.js';
import { loadAll } from '../reap-judge.js';
import type { Topology } from '../topology.js';
import { digestA, digestB } from '../version.js';
import { Acceptor, type Vote } from './acceptor.js';
import { type Ballot, readBallot, writeBallot } from './ballot.js';
import type { Batch, Task } from './batch.js';
import { HeldUnits } from './held-units.js';
import { type AskAnswer, Leader } from './leader.js';
import type { LeaderWorld } from './leader-world.js';
import type { SavedRegisters } from './register-rows.js';
import type { SerialName } from './serial-names.js';
import { decodeUnit, encodeUnit, type Unit } from './unit.js';

const NOT_HOME =
  'NOQUORUM this node is no home replica of the key: no round can be led here; the write was not applied';
const CROSS_SLOT = "CROSSSLOT Keys in request don't hash to the same slot";

/** A unit that nobody has settled for so long is settled by the home that has waited longest for its turn, ms. */
const SETTLE_AFTER_MS = 300;
/** For each home before it in the preference list, ms. */
const SETTLE_STEP_MS = 250;
const VOTES = ['yes', 'no', 'none'] as const;

export interface RegistersOptions {
  readonly store: RecordStore;
  readonly topology: () => Topology;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly hlc: HybridClock;
  readonly name: SerialName;
  readonly proposer: string;
  readonly firstRequest: number;
  /** ms */
  readonly requestTimeout: () => number;
  readonly saved: SavedRegisters;
  /** `flush` has to be called at the end of this turn. */
  readonly plan: () => void;
  /** The entry's record, put in this turn, has to go to the key's other home replicas. */
  readonly spread: (entry: RecordEntry) => void;
  readonly mayVote: (slot: number) => boolean;
}

/**
 * The registers of this node's slots: what is linearizable goes through them. It answers others' questions and proposals with its own
 * votes, and leads rounds for the operations that come here.
 */
export class Registers implements NodePart, SerialOperations {
  readonly messages = [Message.Prepare, Message.Promise, Message.Accept, Message.Accepted];
  readonly counters = { rounds: 0, asks: 0, operations: 0, leasesLost: 0, orphans: 0, settledLate: 0 };
  readonly held: HeldUnits;
  readonly acceptor: Acceptor;
  private readonly leaders = new Map<number, Leader>();
  private readonly planned = new Set<Leader>();
  /** Who asked or proposed under a number. */
  private readonly askers = new Map<number, Leader>();
  private readonly world: LeaderWorld;
  private nextId: number;
  private nextLease = 1;
  private running: Batch | undefined;
  private isFormed = false;

  constructor(private readonly options: RegistersOptions) {
    const { store, clock, saved } = options;
    this.nextId = options.firstRequest;
    this.held = new HeldUnits(
      store,
      () => clock.elapsed(),
      (unit, chosen) => this.resolved(unit, chosen),
      options.spread,
    );
    store.onUnsettledPut = (entry) => this.held.changed(entry);
    store.whenRecordSettles = (entry, run) => this.held.whenSettled(entry, run);
    this.acceptor = new Acceptor(store, this.held, options.mayVote);
    this.world = this.makeWorld();
    this.acceptor.restore(saved);
  }

  /** What is waited for here: operations, and units that are not settled. */
  get inFlight(): number {
    let count = this.held.size;
    for (const leader of this.leaders.values()) count += leader.waiting;
    return count;
  }

  /** Takes an operation whose keys are all in one slot, of which this node is a home replica. Others are refused. */
  begin(operation: Operation): void {
    const { store, topology, clock } = this.options;
    this.counters.operations++;
    if (!operation.inOneSlot) return operation.end(CROSS_SLOT);
    const { slot } = operation.places[0];
    if (topology().isHome[slot] === 0) return operation.end(NOT_HOME);
    if (operation.deadline === 0) operation.deadline = clock.elapsed() + this.options.requestTimeout();
    const entries: RecordEntry[] = [];
    for (let i = 0; i < operation.count; i++) {
      const { db, key } = operation.places[i];
      entries.push(store.pin(db, slot, key));
    }
    const leader = this.leaderOf(slot);
    leader.take({
      operation,
      entries,
      sinceMs: clock.elapsed(),
      readsOnly: !operation.isWrite,
      confirmed: false,
    });
    this.plan(leader);
  }

  get writer(): number {
    return this.options.name.writer;
  }

  /** Called by an operation of ours that runs. */
  write(index: number, record: KeyRecord): void {
    this.running!.write(index, record);
  }

  /** The end of a turn: what waits goes on. */
  flush(): void {
    if (!this.isFormed || this.planned.size === 0) return;
    const leaders = [...this.planned];
    this.planned.clear();
    for (const leader of leaders) leader.advance();
  }

  onMessage(type: number, peer: number, body: FrameReader): boolean {
    switch (type) {
      case Message.Prepare:
        return this.onPrepare(peer, body);
      case Message.Promise:
        return this.onPromise(peer, body);
      case Message.Accept:
        return this.onAccept(peer, body);
      default:
        return this.onAccepted(peer, body);
    }
  }

  formed(): void {
    this.isFormed = true;
    this.options.plan();
  }

  peerDown(peer: number): void {
    for (const leader of this.leaders.values()) leader.peerDown(peer);
  }

  tick(_: number, elapsedMs: number): void {
    this.held.expire(elapsedMs - this.options.requestTimeout());
    this.settleOld(elapsedMs);
    for (const leader of this.leaders.values()) leader.tick(elapsedMs);
  }

  // --- messages ---

  private onPrepare(peer: number, body: FrameReader): boolean {
    const { store, topology } = this.options;
    const request = body.u32();
    const slot = body.u16();
    const ballot = readBallot(body);
    const count = body.u32();
    const asked: { db: number; key: string; a: number; b: number }[] = [];
    for (let i = 0; i < count && body.ok; i++)
      asked.push({ db: body.u8(), key: body.latin1(), a: body.u32(), b: body.u32() });
    if (!body.finished || ballot === undefined || slot >= topology().isHome.length) return false;
    if (topology().isHome[slot] === 0) return this.sendPromise(peer, request, slot, NO_VOTE, [], []);
    this.acceptor.prepare(slot, ballot, (vote) => {
      if (vote.vote !== 'yes') return void this.sendPromise(peer, request, slot, vote, [], []);
      const entries = asked.map(({ db, key }) => store.pin(db, slot, key));
      loadAll(store, entries, () => {
        const isWhole = entries.every(({ record }) => record !== undefined);
        this.sendPromise(peer, request, slot, isWhole ? vote : NO_VOTE, asked, entries);
        for (const entry of entries) store.unpin(entry);
      });
    });
    return true;
  }

  /** Always true, as a message handler's word. */
  private sendPromise(
    peer: number,
    request: number,
    slot: number,
    { vote, promised }: Vote,
    asked: readonly { a: number; b: number }[],
    entries: readonly RecordEntry[],
  ): true {
    const { store, transport } = this.options;
    const { writers } = store;
    const units = vote === 'yes' ? this.held.of(slot).map(({ unit }) => unit) : [];
    const encoded = units.map((unit) => encodeUnit(unit, writers));
    const records = vote === 'yes' ? entries.map((entry, i) => this.differing(entry, asked[i])) : [];
    const out = transport.writer(peer);
    if (out === undefined) return true;
    out.begin();
    out.u8(Message.Promise);
    out.u32(request);
    out.u8(VOTES.indexOf(vote));
    writeBallot(out, promised);
    out.u16(units.length);
    units.forEach(({ ballot }, i) => {
      writeBallot(out, ballot);
      out.u32(encoded[i].length);
      out.bytes(encoded[i], 0, encoded[i].length);
    });
    out.u32(records.length);
    for (const record of records) {
      out.u8(record === undefined ? 0 : 1);
      if (record === undefined) continue;
      out.u32(record.length);
      out.bytes(record, 0, record.length);
    }
    out.end();
    return true;
  }

  /** The entry's record, encoded, if it is another than the one with these digests; empty when there is none. */
  private differing(entry: RecordEntry, { a, b }: { a: number; b: number }): Buffer | undefined {
    const { writers } = this.options.store;
    const record = entry.record ?? null;
    if (digestA(record, writers) === a && digestB(record, writers) === b) return undefined;
    if (record === null) return Buffer.alloc(0);
    const bytes = Buffer.allocUnsafe(encodedBytes(record));
    encodeRecord(record, entry.hash, writers, bytes);
    return bytes;
  }

  private onPromise(peer: number, body: FrameReader): boolean {
    const request = body.u32();
    const vote = VOTES[body.u8()];
    const promised = readBallot(body);
    const leader = this.askers.get(request);
    if (vote === undefined || promised === undefined) return false;
    // Late: nobody is interested in what else it says.
    if (leader === undefined) return true;
    const units = this.readUnits(body, leader.slot);
    const records = units === undefined ? undefined : this.readRecords(body, leader.asked);
    if (units === undefined || records === undefined || !body.finished) return false;
    const isSane = this.admits(units, records);
    const answer: AskAnswer = isSane
      ? { vote, promised, units, records }
      : { vote: 'none', promised, units: [], records: [] };
    leader.askAnswered(peer, request, answer);
    return true;
  }

  private readUnits(body: FrameReader, slot: number): Unit[] | undefined {
    const units: Unit[] = [];
    const count = body.u16();
    for (let i = 0; i < count; i++) {
      const ballot = readBallot(body);
      const bytes = body.bytes(body.u32());
      const unit = ballot && decodeUnit(bytes, slot, ballot, this.options.store.writers);
      if (unit === undefined) return undefined;
      units.push(unit);
    }
    return units;
  }

  private readRecords(
    body: FrameReader,
    entries: readonly RecordEntry[],
  ): (KeyRecord | null | undefined)[] | undefined {
    const { writers } = this.options.store;
    const count = body.u32();
    const records: (KeyRecord | null | undefined)[] = [];
    if (count !== 0 && count !== entries.length) return undefined;
    for (let i = 0; i < count; i++) {
      if (body.u8() === 0) {
        records.push(undefined);
        continue;
      }
      const bytes = body.bytes(body.u32());
      if (!body.ok) return undefined;
      const record =
        bytes.length === 0 ? null : decodeRecord(entries[i].hash, writers, bytes, 0, bytes.length);
      if (record === CORRUPT) return undefined;
      records.push(record);
    }
    return records;
  }

  /** Nothing that is too far ahead of this node's clock is taken in. */
  private admits(units: readonly Unit[], records: readonly (KeyRecord | null | undefined)[]): boolean {
    const { hlc, clock, log } = this.options;
    const now = clock.now();
    const all = [...records, ...units.flatMap(({ keys }) => keys.map(({ record }) => record))];
    const isSane = all.every((record) => record == null || hlc.observeAll(record.context, now));
    if (!isSane) log.warn({}, 'a register told of a version from a clock too far ahead of ours');
    return isSane;
  }

  private onAccept(peer: number, body: FrameReader): boolean {
    const { topology, store } = this.options;
    const request = body.u32();
    const slot = body.u16();
    const ballot = readBallot(body);
    if (!body.ok || ballot === undefined || slot >= topology().isHome.length) return false;
    const unit = decodeUnit(body.bytes(body.left), slot, ballot, store.writers);
    if (unit === undefined) return false;
    if (topology().isHome[slot] === 0 || !this.admits([unit], [])) this.sendVote(peer, request, NO_VOTE);
    else this.acceptor.accept(unit, (vote) => this.sendVote(peer, request, vote));
    return true;
  }

  private sendVote(peer: number, request: number, { vote, promised }: Vote): void {
    const out = this.options.transport.writer(peer);
    if (out === undefined) return;
    out.begin();
    out.u8(Message.Accepted);
    out.u32(request);
    out.u8(VOTES.indexOf(vote));
    writeBallot(out, promised);
    out.end();
  }

  private onAccepted(peer: number, body: FrameReader): boolean {
    const request = body.u32();
    const vote = VOTES[body.u8()];
    const promised = readBallot(body);
    if (!body.finished || vote === undefined || promised === undefined) return false;
    this.askers.get(request)?.roundAnswered(peer, request, { vote, promised });
    return true;
  }

  // --- leading ---

  private leaderOf(slot: number): Leader {
    let leader = this.leaders.get(slot);
    if (leader === undefined) {
      leader = new Leader(slot, this.world);
      this.leaders.set(slot, leader);
    }
    return leader;
  }

  private plan(leader: Leader): void {
    this.planned.add(leader);
    this.options.plan();
  }

  private resolved(unit: Unit, chosen: boolean): void {
    if (!chosen) this.counters.orphans++;
    this.leaderOf(unit.slot).resolved(unit, chosen);
  }

  /** Whoever led the round is gone, or slow: this node leads one itself, when it is its turn. */
  private settleOld(now: number): void {
    const { topology } = this.options;
    const due = new Set<number>();
    this.held.forEach(({ open, sinceMs, unit: { slot } }) => {
      if (!open || due.has(slot)) return;
      const rank = topology().homes(slot).indexOf(topology().self);
      if (rank >= 0 && now - sinceMs > SETTLE_AFTER_MS + rank * SETTLE_STEP_MS) due.add(slot);
    });
    for (const slot of due) {
      this.held.lookAgain(slot);
      if (!this.held.of(slot).some(({ open }) => open)) continue;
      const leader = this.leaderOf(slot);
      if (leader.busy) continue;
      this.counters.settledLate++;
      leader.want();
      this.plan(leader);
    }
  }

  private makeWorld(): LeaderWorld {
    const { options } = this;
    const { store, clock } = options;
    return {
      store,
      acceptor: this.acceptor,
      hlc: options.hlc,
      name: options.name,
      proposer: options.proposer,
      topology: options.topology,
      self: () => options.topology().self,
      now: () => clock.now(),
      elapsedMs: () => clock.elapsed(),
      chance: () => options.random.next(),
      requestTimeout: options.requestTimeout,
      takeId: (leader) => this.takeId(leader),
      over: (id) => this.askers.delete(id),
      takeLease: () => this.nextLease++,
      plan: (leader) => this.plan(leader),
      load: (entries, done) => this.load(entries, done),
      pinAll: (units) =>
        units.flatMap(({ slot, keys }) => keys.map(({ db, key }) => store.pin(db, slot, key))),
      encode: (unit) => encodeUnit(unit, store.writers),
      sendPrepare: (peer, id, slot, ballot, entries) => this.sendPrepare(peer, id, slot, ballot, entries),
      sendAccept: (peer, id, unit, bytes) => this.sendAccept(peer, id, unit, bytes),
      runs: (batch, operation) => this.run(batch, operation),
      end: (task, failure) => this.end(task, failure),
    };
  }

  private load(entries: readonly RecordEntry[], done: (failure: string | null) => void): void {
    const { store } = this.options;
    for (const entry of entries) entry.pins++;
    let failure: string | null = null;
    let left = entries.length;
    const waiter = {
      loaded: (entry: RecordEntry): void => {
        failure ??= entry.loadFailure;
        if (--left > 0) return;
        for (const one of entries) store.unpin(one);
        done(failure);
      },
    };
    for (const entry of entries) store.load(entry, waiter);
  }

  private run(batch: Batch, operation: Operation): void {
    this.running = batch;
    operation.run();
    this.running = undefined;
  }

  private sendPrepare(
    peer: number,
    id: number,
    slot: number,
    ballot: Ballot,
    entries: readonly RecordEntry[],
  ): boolean {
    const { transport, store } = this.options;
    const { writers } = store;
    this.counters.asks++;
    const out = transport.writer(peer);
    if (out === undefined) return false;
    out.begin();
    out.u8(Message.Prepare);
    out.u32(id);
    out.u16(slot);
    writeBallot(out, ballot);
    out.u32(entries.length);
    for (const { db, key, record } of entries) {
      out.u8(db);
      out.latin1(key);
      out.u32(digestA(record ?? null, writers));
      out.u32(digestB(record ?? null, writers));
    }
    return out.end();
  }

  private sendAccept(peer: number, id: number, { slot, ballot }: Unit, bytes: Buffer): boolean {
    this.counters.rounds++;
    const out = this.options.transport.writer(peer);
    if (out === undefined) return false;
    out.begin();
    out.u8(Message.Accept);
    out.u32(id);
    out.u16(slot);
    writeBallot(out, ballot);
    out.bytes(bytes, 0, bytes.length);
    return out.end();
  }

  /** What was only read is told once it is in this node's own log. */
  private end({ operation, entries }: Task, failure: string | null): void {
    const { store } = this.options;
    let seq = 0;
    if (failure === null)
      for (const { dirtySeq } of entries) if (dirtySeq > store.committedSeq && dirtySeq > seq) seq = dirtySeq;
    for (const entry of entries) store.unpin(entry);
    if (seq === 0 || operation.wrote) return operation.end(failure);
    store.whenOver(seq, (error) =>
      operation.end(error === null ? null : `MISCONF Errors writing to disk: ${error.message}`),
    );
  }

  private takeId(leader: Leader): number {
    const id = this.nextId;
    this.askers.set(id, leader);
    this.nextId = id === 0xffffffff ? 1 : id + 1;
    return id;
  }
}

const NO_VOTE: Vote = { vote: 'none', promised: { round: 0, proposer: '' } };
