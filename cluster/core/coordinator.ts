import type { Int } from '../../storage/counter.js';
import type { KeyRecord, VersionType } from '../../storage/record.js';
import type { RecordEntry } from '../../storage/record-cache.js';
import type { RecordStore } from '../../storage/record-store.js';
import type { WriterTable } from '../../storage/writers.js';
import type { Clock } from '../environment.js';
import type { Transport } from '../transport.js';
import { Gates } from './gates.js';
import type { Hints } from './hints.js';
import type { HybridClock } from './hlc.js';
import { incremented } from './increment.js';
import { DEFAULT, type Level } from './levels.js';
import type { Operation } from './operation.js';
import { hideDamaged, mayOverwrite, showDamaged } from './overwrite.js';
import type { OwnWriters } from './own-writers.js';
import { QuorumReads } from './quorum-reads.js';
import { Reach } from './reach.js';
import { admitContext } from './seen.js';
import type { Topology } from './topology.js';
import { recallUnwritten } from './unwritten.js';
import { highestHlc, highestOf, supersede, supersedeSeen } from './version.js';
import { WriteGroups } from './write-groups.js';

export interface CoordinatorOptions {
  /** Requests are numbered from here on, up to 2^32 - 1. By chance: a late answer to a life before is not taken for one to this. */
  readonly firstRequest: number;
  readonly readQuorum: () => Level;
  readonly writeQuorum: () => Level;
  /** How long a request waits for replicas, ms. */
  readonly requestTimeout: () => number;
}

/** Where operations go that are linearizable: `register/`. */
export interface SerialOperations {
  begin(operation: Operation): void;
  /** The name of the versions that operations make there of this key. */
  writerOf(db: number, key: string): number;
  /** The operation that runs there has made a new record of its `index`th key. */
  write(index: number, record: KeyRecord): void;
}

const TOO_FAR_AHEAD =
  "NOQUORUM the key's newest version is further ahead of this node's clock than max-clock-drift; the write was not applied";
const NOT_IN_THE_LOG = "NOQUORUM this node's disk did not confirm in time what was found; nothing was read";

/**
 * Sees one operation through: fetch its records, run it, make its writes durable on enough replicas.
 *
 * Promises: an operation runs exactly once, on records that were all there, with nothing in between; operations on one key run
 * in the order they came; `finish(null)` comes only when as many replicas as the operation asked for have its writes in
 * their logs; a failure says truthfully whether the write may have happened.
 */
export class Coordinator {
  readonly counters = {
    quorumReads: 0,
    localReads: 0,
    speculativeReads: 0,
    speculationsHeldBack: 0,
    repairs: 0,
    verified: 0,
    writes: 0,
    timeouts: 0,
  };
  /** Operations begun and not ended, */
  underWay = 0;
  /** and records that operations were begun with, since the start. */
  begun = 0;
  readonly groups: WriteGroups;
  readonly reads: QuorumReads;
  /** Runs what is linearizable. */
  registers: SerialOperations | null = null;
  private readonly gates: Gates;
  /** Reads that saw what is on its way to the log in the group commits `from` to `seq`. */
  private commitWaiters: { from: number; seq: number; operation: Operation }[] = [];
  private readonly reach: Reach;
  private nextId: number;

  constructor(
    private readonly store: RecordStore,
    private readonly topology: () => Topology,
    transport: Transport,
    private readonly clock: Clock,
    private readonly hlc: HybridClock,
    private readonly own: OwnWriters,
    hints: Hints,
    private readonly options: CoordinatorOptions,
    /** `reads.look` has to be called in `LOOK_MS`. */
    planLook: () => void,
  ) {
    this.nextId = options.firstRequest;
    this.reach = new Reach(topology, transport, hints);
    const elapsedMs = () => this.elapsedMs();
    const takeId = () => this.takeId();
    this.groups = new WriteGroups(topology, transport, hints, takeId, elapsedMs, (operation) =>
      this.neededBy(operation),
    );
    this.reads = new QuorumReads(
      store,
      topology,
      transport,
      this.counters,
      elapsedMs,
      takeId,
      options.requestTimeout,
      planLook,
    );
    this.gates = new Gates(
      store,
      this.reads,
      elapsedMs,
      topology,
      (operation) => this.fetched(operation),
      this.counters,
    );
  }

  get writers(): WriterTable {
    return this.store.writers;
  }

  /** Everything something is still expected for: requests, and what goes on behind their answers. */
  get inFlight(): number {
    return this.reads.underWay + this.gates.size + this.groups.underWay + this.commitWaiters.length;
  }

  /**
   * Starts a read on any node, a write on the node that coordinates its keys. `finish` of the operation may be called before
   * this returns: a read of cached keys that this node answers alone takes no detour.
   */
  begin(operation: Operation): void {
    operation.coordinator = this;
    operation.pending = 1;
    this.underWay++;
    this.begun += operation.count;
    const topology = this.topology();
    if (operation.serial && !isSingle(operation, topology)) return this.registers!.begin(operation);
    if (operation.isWrite) this.fetchForWrite(operation, topology);
    else this.fetchForRead(operation, topology);
    this.fetched(operation);
  }

  /** An operation has ended. */
  ended(): void {
    this.underWay--;
  }

  /** One of the fetches an operation waited for is there. */
  fetched(operation: Operation): void {
    if (--operation.pending > 0) return;
    if (operation.serial && operation.failure === null && !isSingle(operation, this.topology()))
      return this.agreeAfterAll(operation);
    if (operation.isWrite) operation.needed = this.neededBy(operation);
    operation.failure ??=
      lostWhileWaiting(operation) ?? this.reach.refusal(operation) ?? this.clockRefusal(operation);
    if (operation.failure !== null) {
      this.release(operation);
      operation.end(operation.failure);
      return;
    }
    if (operation.isWrite) recallUnwritten(this.store, operation);
    if (operation.overwrites) showDamaged(operation);
    operation.run();
    if (operation.overwrites) hideDamaged(operation);
    if (operation.wrote) {
      this.counters.writes++;
      operation.group!.add(operation);
    } else this.finishRead(operation);
    this.release(operation);
  }

  /** Its slot had one home when it began, and by now has several, who have to agree. */
  private agreeAfterAll(operation: Operation): void {
    this.release(operation);
    for (let i = 0; i < operation.count; i++) operation.places[i].entry = undefined;
    this.registers!.begin(operation);
  }

  /**
   * Called by an operation that runs: a new version of its `index`th key takes the place of what it read, or, with a context that
   * `admitContext` has let in, of what that covers.
   */
  write(
    operation: Operation,
    index: number,
    type: VersionType,
    payload: string,
    expireAt: number,
    seen: readonly number[] | null = null,
  ): void {
    const record = operation.record(index);
    const floor = highestHlc(record);
    const hlc = this.hlc.next(this.clock.now(), seen === null ? floor : Math.max(floor, highestOf(seen)));
    const writer = this.writerOf(operation, index);
    const next =
      seen === null
        ? supersede(record, writer, hlc, type, payload, expireAt, this.writers)
        : supersedeSeen(record, seen, writer, hlc, type, payload, expireAt, this.writers);
    this.replace(operation, index, next);
  }

  /** The same where the version adds `amount` to what is seen of the key, an integer or nothing. The expiry stays. */
  increment(operation: Operation, index: number, amount: Int): void {
    const record = operation.record(index);
    const hlc = this.hlc.next(this.clock.now(), highestHlc(record));
    const writer = this.writerOf(operation, index);
    const { type, payload, expireAt } = incremented(record, operation.now, writer, hlc, amount, this.writers);
    this.replace(operation, index, supersede(record, writer, hlc, type, payload, expireAt, this.writers));
  }

  private writerOf(operation: Operation, index: number): number {
    const { entry, slot, db, key } = operation.places[index];
    if (entry === undefined) return this.registers!.writerOf(db, key);
    return this.own.name(this.topology().isHome[slot] === 1);
  }

  private replace(operation: Operation, index: number, next: KeyRecord): void {
    operation.wrote = true;
    const { entry } = operation.places[index];
    if (entry === undefined) return this.registers!.write(index, next);
    // First: it may be that what is there has yet to leave with a group of before.
    this.store.put(entry, next);
    this.groups.carry(operation, entry);
  }

  /** What counts of a context that a client has given back, for a key that holds `record`; null: it is too far ahead. */
  admitContext(seen: readonly number[], record: KeyRecord | null): readonly number[] | null {
    return admitContext(seen, record, this.hlc, this.clock.now(), this.topology().alone);
  }

  // --- replicas' answers, time, members ---

  /** A replica's word on a group of writes, or on a record that a read has put back. */
  acknowledged(peer: number, id: number, ok: boolean): void {
    if (!this.groups.acknowledged(peer, id, ok))
      this.reads.answered(peer, id, (read) => read.confirmed(peer, ok));
  }

  /** A member is gone: nothing is expected of it any more. */
  peerDown(peer: number): void {
    this.reads.peerDown(peer);
    this.groups.peerDown(peer);
  }

  /** To be called some times a second. */
  tick(): void {
    const now = this.elapsedMs();
    this.counters.timeouts += this.groups.expire(now, this.options.requestTimeout());
    this.reads.expire(now);
    this.gates.expire(now);
    this.expireCommitWaiters(now);
    this.reach.look();
  }

  /** A group commit is in the log, or has failed. */
  commitEnds(seq: number, error: Error | null): void {
    this.groups.commitEnds(seq, error);
    const waiting = this.commitWaiters;
    this.commitWaiters = [];
    for (const waiter of waiting) {
      if (error !== null && waiter.from <= seq) {
        waiter.operation.end(`MISCONF Errors writing to disk: ${error.message}`);
      } else if (waiter.seq <= seq) waiter.operation.end(null);
      else this.commitWaiters.push(waiter);
    }
  }

  private fetchForRead(operation: Operation, topology: Topology): void {
    const byDefault = this.options.readQuorum();
    for (let i = 0; i < operation.count; i++) {
      const { slot } = operation.places[i];
      const needed = topology.needed(slot, operation.readLevel, byDefault);
      if (needed === 1 && topology.answersAlone(slot)) this.fetchLocal(operation, i);
      else this.fetchQuorum(operation, i, needed, topology);
    }
  }

  private fetchLocal(operation: Operation, index: number): void {
    const place = operation.places[index];
    const entry = this.store.pin(place.db, place.slot, place.key);
    const topology = this.topology();
    if (entry.unsettled && topology.sizeOf(place.slot) === 1) {
      // There were several homes until now: what these have chosen counts.
      this.store.unpin(entry);
      return this.fetchQuorum(operation, index, 1, topology);
    }
    this.counters.localReads++;
    place.entry = entry;
    if (entry.record !== undefined) return;
    operation.pending++;
    this.store.load(entry, operation);
  }

  /** A read that this node would have answered alone found its copy damaged: another replica answers in its place. */
  damaged(operation: Operation, entry: RecordEntry): void {
    const topology = this.topology();
    if (topology.sizeOf(entry.slot) === 1) operation.failure ??= entry.loadFailure;
    else {
      const index = operation.places.findIndex((place) => place.entry === entry);
      operation.places[index].entry = undefined;
      this.fetchQuorum(operation, index, 1, topology);
      this.store.unpin(entry);
    }
    this.fetched(operation);
  }

  private fetchQuorum(operation: Operation, index: number, needed: number, topology: Topology): void {
    operation.pending++;
    this.counters.quorumReads++;
    const { db, slot, key } = operation.places[index];
    const { readLevel } = operation;
    const level = readLevel === DEFAULT ? this.options.readQuorum() : readLevel;
    this.reads.start(operation, index, db, slot, key, needed, topology, false, level);
  }

  private fetchForWrite(operation: Operation, topology: Topology): void {
    operation.needed = this.neededBy(operation);
    operation.failure = this.reach.refusal(operation);
    if (operation.failure !== null) return;
    for (let i = 0; i < operation.count; i++) {
      const place = operation.places[i];
      const { slot } = place;
      const entry = this.store.pin(place.db, slot, place.key);
      place.entry = entry;
      if (!entry.gated && this.mayWrite(entry, slot, topology)) continue;
      if (operation.deadline === 0) operation.deadline = this.elapsedMs() + this.options.requestTimeout();
      // Before the gate opens: it may pass at once.
      operation.pending++;
      this.gates.wait(entry, operation, topology);
    }
    if (this.store.writeError !== null && operation.failure === null) this.checkDisk(operation);
  }

  /** How many replicas must have what the operation writes, as the ring is now: as many as the slot that needs the most. */
  private neededBy({ places, count, writeLevel }: Operation): number {
    const topology = this.topology();
    const byDefault = this.options.writeQuorum();
    let needed = 1;
    for (let i = 0; i < count; i++)
      needed = Math.max(needed, topology.needed(places[i].slot, writeLevel, byDefault));
    return needed;
  }

  /**
   * Why no version may take the place of what the keys hold: a newer reading would take this node's clock, and those it talks to,
   * along with one that is too far ahead. A node alone has nobody to mislead.
   */
  private clockRefusal(operation: Operation): string | null {
    if (!operation.isWrite || this.topology().n === 1) return null;
    for (let i = 0; i < operation.count; i++) {
      const highest = highestHlc(operation.places[i].entry?.record ?? null);
      // Nearly all are behind our clock already, and then it does not matter how late it is.
      if (highest > this.hlc.latest && !this.hlc.observe(highest, this.clock.now())) return TOO_FAR_AHEAD;
    }
    return null;
  }

  /** After a failed write one operation at a time is let through to see whether the disk has recovered. */
  private checkDisk(operation: Operation): void {
    if (this.store.idle) return;
    operation.failure = `MISCONF Errors writing to disk: ${this.store.writeError!.message}; the write was not applied`;
  }

  private mayWrite(entry: RecordEntry, slot: number, topology: Topology): boolean {
    if (entry.record === undefined || entry.unsettled) return false;
    if (topology.sizeOf(slot) === 1) return true;
    return entry.verifiedEpoch === topology.trustEpoch && topology.firstLive[slot] === topology.self;
  }

  private finishRead(operation: Operation): void {
    const { committedSeq } = this.store;
    let seq = 0;
    let from = Number.MAX_SAFE_INTEGER;
    for (let i = 0; i < operation.count; i++) {
      const { dirtySeq } = operation.places[i];
      if (dirtySeq <= committedSeq) continue;
      if (dirtySeq > seq) seq = dirtySeq;
      if (dirtySeq < from) from = dirtySeq;
    }
    // What is not yet in the log must not be seen: the reader would have seen a value that a crash can take back.
    if (seq === 0) return operation.end(null);
    if (operation.deadline === 0) operation.deadline = this.elapsedMs() + this.options.requestTimeout();
    this.commitWaiters.push({ from, seq, operation });
  }

  private expireCommitWaiters(now: number): void {
    const isLate = ({ operation }: { operation: Operation }): boolean => operation.deadline <= now;
    if (!this.commitWaiters.some(isLate)) return;
    const late = this.commitWaiters.filter(isLate);
    this.commitWaiters = this.commitWaiters.filter((waiter) => !isLate(waiter));
    this.counters.timeouts += late.length;
    for (const { operation } of late) operation.end(NOT_IN_THE_LOG);
  }

  private release(operation: Operation): void {
    for (let i = 0; i < operation.count; i++) {
      const { entry } = operation.places[i];
      if (entry !== undefined) this.store.unpin(entry);
    }
  }

  /** Whole ms by `Clock.elapsed`: numbers that cost no memory where they are kept. */
  private elapsedMs(): number {
    return Math.floor(this.clock.elapsed());
  }

  private takeId(): number {
    const id = this.nextId;
    this.nextId = id === 0xffffffff ? 1 : id + 1;
    return id;
  }
}

/** With one replica there is nobody to agree with. */
function isSingle({ places, count }: Operation, topology: Topology): boolean {
  return count === 0 ? topology.n === 1 : topology.sizeOf(places[0].slot) === 1;
}

/** A record that was there when its fetch ended may have been put out again since, by a group commit that failed. */
function lostWhileWaiting(operation: Operation): string | null {
  for (let i = 0; i < operation.count; i++) {
    const { entry } = operation.places[i];
    if (entry !== undefined && entry.record === undefined && !mayOverwrite(operation, entry))
      return 'MISCONF Errors writing to disk: the key is being read again; nothing was applied';
  }
  return null;
}
