import { SLOTS } from '../../../storage/key-layout.js';
import type { KeyRecord } from '../../../storage/record.js';
import type { RecordEntry } from '../../../storage/record-cache.js';
import type { RecordStore } from '../../../storage/record-store.js';
import type { Clock, Log, Random } from '../../environment.js';
import { Message } from '../../messages.js';
import type { FrameReader } from '../../transport/frame-reader.js';
import type { Transport } from '../../transport.js';
import type { SerialOperations } from '../coordinator.js';
import type { HybridClock } from '../hlc.js';
import type { Operation } from '../operation.js';
import { loadAll } from '../reap-judge.js';
import type { Topology } from '../topology.js';
import { Acceptor, NO_VOTE, type Vote } from './acceptor.js';
import type { Batch, Task } from './batch.js';
import { HeldUnits } from './held-units.js';
import { Leader } from './leader.js';
import type { LeaderWorld } from './leader-world.js';
import type { SavedRegisters } from './register-rows.js';
import { RegisterWire } from './register-wire.js';
import type { SerialNames } from './serial-names.js';
import { encodeUnit, type Unit } from './unit.js';

const NOT_HOME =
  'NOQUORUM this node is no home replica of the key: no round can be led here; the write was not applied';
const CROSS_SLOT = "CROSSSLOT Keys in request don't hash to the same slot";
/** Keys of one operation at most: all its homes look at all of them in one turn, and must not be taken for dead meanwhile. */
const MAX_OPERATION_KEYS = 20_000;
const TOO_MANY_KEYS = `ERR more than ${MAX_OPERATION_KEYS} keys in one linearizable operation`;

/** A unit that nobody has settled for so long is settled by the home that has waited longest for its turn, ms. */
const SETTLE_AFTER_MS = 300;
/** For each home before it in the preference list, ms. */
const SETTLE_STEP_MS = 250;

export interface RegistersOptions {
  readonly store: RecordStore;
  readonly topology: () => Topology;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly hlc: HybridClock;
  readonly names: SerialNames;
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
  /** Something that was saved of that slot cannot be read. */
  readonly doubt: (slot: number) => void;
}

/**
 * The registers of this node's slots: what is linearizable goes through them. It answers others' questions and proposals with its own
 * votes, and leads rounds for the operations that come here.
 */
export class Registers implements SerialOperations {
  readonly messages = [Message.Prepare, Message.Promise, Message.Accept, Message.Accepted];
  readonly counters = { operations: 0, asks: 0, proposals: 0, orphans: 0, settledLate: 0 };
  readonly held: HeldUnits;
  readonly acceptor: Acceptor;
  private readonly leaders = new Map<number, Leader>();
  private readonly planned = new Set<Leader>();
  /** Those that time may change something for. */
  private readonly active = new Set<Leader>();
  /** Who asked or proposed under a number. */
  private readonly askers = new Map<number, Leader>();
  private readonly world: LeaderWorld;
  private readonly wire: RegisterWire;
  private nextId: number;
  private nextLease = 1;
  private running: Batch | undefined;
  private isFormed = false;

  constructor(private readonly options: RegistersOptions) {
    const { store, clock, saved } = options;
    this.nextId = options.firstRequest;
    this.wire = new RegisterWire(options.transport, store.writers);
    this.held = new HeldUnits(
      store,
      () => clock.elapsed(),
      (unit, chosen) => this.resolved(unit, chosen),
      options.spread,
      (slot) => this.isHopeless(slot),
    );
    store.onUnsettledPut = (entry) => this.held.changed(entry);
    store.whenRecordSettles = (entry, run) => this.held.whenSettled(entry, run);
    this.acceptor = new Acceptor(store, this.held, options.mayVote);
    this.world = this.makeWorld();
    for (const slot of this.acceptor.restore(saved)) options.doubt(slot);
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
    if (operation.count > MAX_OPERATION_KEYS) return operation.end(TOO_MANY_KEYS);
    const { slot } = operation.places[0];
    if (topology().isHome[slot] === 0) return operation.move(NOT_HOME);
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

  writerOf(db: number, key: string): number {
    return this.options.names.of(db, key);
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

  /**
   * Where the homes are others now, a lease means nothing any more: their majority has to promise anew. So it is where this node has missed
   * a step: homes that are the same may have been others in between, and have forgotten votes that a round still counts.
   */
  ringChanged(topology: Topology, before: Topology): void {
    const hasMissedSome = topology.epoch > before.epoch + 1;
    for (const leader of this.leaders.values())
      if (hasMissedSome || !topology.sameHomes(leader.slot, before)) leader.homesChanged();
  }

  /** Something of that slot is remembered here. */
  remembers(slot: number): boolean {
    return this.acceptor.remembers(slot);
  }

  /**
   * Forgets a slot of which this node is no home any more, in memory and on the disk. What it would still know when the slot came back to it
   * would be of a time long past. False: not yet.
   */
  forget(slot: number): boolean {
    for (const { unit, open } of this.held.of(slot)) if (open) this.options.names.orphaned(unit.keys);
    return this.acceptor.forget(slot);
  }

  peerDown(peer: number): void {
    for (const leader of this.leaders.values()) leader.peerDown(peer);
  }

  tick(_: number, elapsedMs: number): void {
    this.held.expire(elapsedMs - this.options.requestTimeout());
    this.held.tidy();
    this.settleOld(elapsedMs);
    for (const leader of this.active) {
      leader.tick(elapsedMs);
      if (leader.idle) this.active.delete(leader);
    }
  }

  // --- messages ---

  private onPrepare(peer: number, body: FrameReader): boolean {
    const { store } = this.options;
    const asked = this.wire.readPrepare(body);
    if (asked === undefined || asked.slot >= SLOTS) return false;
    const { request, epoch, slot, ballot, keys } = asked;
    const refuse = (vote: Vote): void => this.wire.sendPromise(peer, request, vote, [], [], []);
    if (!this.isAsked(slot) || this.options.topology().isPast(epoch)) {
      refuse(NO_VOTE);
      return true;
    }
    this.acceptor.prepare(slot, ballot, (vote) => {
      if (vote.vote !== 'yes') return refuse(vote);
      const entries = keys.map(({ db, key }) => store.pin(db, slot, key));
      loadAll(store, entries, () => {
        const units = this.held.of(slot).map(({ unit }) => unit);
        // What is damaged, nobody can tell of.
        if (entries.some(({ record }) => record === undefined)) refuse(NO_VOTE);
        else this.wire.sendPromise(peer, request, vote, units, keys, entries);
        for (const entry of entries) store.unpin(entry);
      });
    });
    return true;
  }

  private onPromise(peer: number, body: FrameReader): boolean {
    const request = body.u32();
    const leader = this.askers.get(request);
    // Late: nobody is interested any more.
    if (leader === undefined) return body.ok;
    const answer = this.wire.readPromise(body, leader.slot, leader.asking.entries);
    if (answer === undefined) return false;
    const isSane = this.admits(answer.units, answer.records);
    leader.asking.answered(
      peer,
      request,
      isSane ? answer : { ...answer, vote: 'none', units: [], records: [] },
    );
    return true;
  }

  /** A slot's only home agrees with nobody: what comes there runs as a plain operation. */
  private isAsked(slot: number): boolean {
    const topology = this.options.topology();
    return topology.isHome[slot] === 1 && topology.sizeOf(slot) > 1;
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
    const proposed = this.wire.readAccept(body);
    if (proposed === undefined) return false;
    const { request, epoch, unit } = proposed;
    if (!this.isAsked(unit.slot) || this.options.topology().isPast(epoch) || !this.admits([unit], []))
      this.wire.sendVote(peer, request, NO_VOTE);
    else this.acceptor.accept(unit, (vote) => this.wire.sendVote(peer, request, vote));
    return true;
  }

  private onAccepted(peer: number, body: FrameReader): boolean {
    const request = body.u32();
    const vote = this.wire.readVote(body);
    if (vote === undefined) return false;
    this.askers.get(request)?.roundAnswered(peer, request, vote);
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
    this.active.add(leader);
    this.options.plan();
  }

  private resolved(unit: Unit, chosen: boolean): void {
    if (!chosen) this.counters.orphans++;
    this.leaderOf(unit.slot).resolved(unit, chosen);
  }

  /** A sloppy cluster goes on reading and writing where too few home replicas are left to settle anything. */
  private isHopeless(slot: number): boolean {
    const topology = this.options.topology();
    return topology.sloppy && topology.liveHomes(slot) < topology.majorityOf(slot);
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
      names: options.names,
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
      sendPrepare: (peer, id, slot, ballot, entries) => {
        this.counters.asks++;
        return this.wire.sendPrepare(peer, id, options.topology().epoch, slot, ballot, entries);
      },
      sendAccept: (peer, id, unit, bytes) => {
        this.counters.proposals++;
        return this.wire.sendAccept(peer, id, options.topology().epoch, unit, bytes);
      },
      runs: (batch, operation) => this.run(batch, operation),
      end: (task, failure) => this.end(task, failure),
      move: ({ operation, entries }) => {
        for (const entry of entries) store.unpin(entry);
        operation.move(NOT_HOME);
      },
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
