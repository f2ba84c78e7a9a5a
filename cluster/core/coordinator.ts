import type { KeyRecord, VersionType } from '../../storage/record.js';
import type { RecordEntry } from '../../storage/record-cache.js';
import { RecordScratch } from '../../storage/record-scratch.js';
import type { RecordStore } from '../../storage/record-store.js';
import { fnv1a, type WriterTable } from '../../storage/writers.js';
import type { Clock } from '../environment.js';
import { Message } from '../messages.js';
import type { Transport } from '../transport.js';
import { applyRecord } from './apply.js';
import type { Hints } from './hints.js';
import type { HybridClock } from './hlc.js';
import { KeyRead, type ReadEffects, type ReadOwner } from './key-read.js';
import { type Level, majority, replicasNeeded } from './levels.js';
import type { Operation } from './operation.js';
import { hideDamaged, mayOverwrite, showDamaged } from './overwrite.js';
import type { OwnWriters } from './own-writers.js';
import type { Topology } from './topology.js';
import { recallUnwritten } from './unwritten.js';
import { highestHlc, supersede } from './version.js';
import { WriteGroups } from './write-groups.js';

export interface CoordinatorOptions {
  /** Requests are numbered from here on, up to 2^32 - 1. By chance: a late answer to a life before is not taken for one to this. */
  readonly firstRequest: number;
  readonly readQuorum: () => Level;
  readonly writeQuorum: () => Level;
  /** How long a request waits for replicas, ms. */
  readonly requestTimeout: () => number;
}

/** Operations that wait for one key's copy to be read and verified before they may write it, first come first served. */
interface Gate {
  readonly entry: RecordEntry;
  readonly operations: Operation[];
}

/**
 * Sees one operation through: fetch its records, run it, make its writes durable on enough replicas.
 *
 * Promises: an operation runs exactly once, on records that were all there, with nothing in between; operations on one key run
 * in the order they came; `finish(null)` comes only when as many replicas as the operation asked for have its writes in
 * their logs; a failure says truthfully whether the write may have happened.
 */
export class Coordinator implements ReadEffects {
  readonly counters = { quorumReads: 0, localReads: 0, repairs: 0, verified: 0, writes: 0, timeouts: 0 };
  private readonly gates = new Map<RecordEntry, Gate>();
  readonly groups: WriteGroups;
  private readonly reads = new Map<number, { read: KeyRead; peer: number }>();
  /** Reads that saw what is on its way to the log in the group commits `from` to `seq`. */
  private commitWaiters: { from: number; seq: number; operation: Operation }[] = [];
  private readonly scratch: RecordScratch;
  private nextId: number;

  constructor(
    private readonly store: RecordStore,
    private readonly topology: () => Topology,
    private readonly transport: Transport,
    private readonly clock: Clock,
    private readonly hlc: HybridClock,
    private readonly own: OwnWriters,
    private readonly hints: Hints,
    private readonly options: CoordinatorOptions,
  ) {
    this.scratch = new RecordScratch(store.writers);
    this.nextId = options.firstRequest;
    this.groups = new WriteGroups(
      topology,
      transport,
      hints,
      () => this.takeId(),
      () => clock.elapsed(),
    );
  }

  get writers(): WriterTable {
    return this.store.writers;
  }

  /** Requests under way, for INFO. */
  get inFlight(): number {
    return this.reads.size + this.gates.size + this.groups.underWay + this.commitWaiters.length;
  }

  /**
   * Starts a read on any node, a write on the node that coordinates its keys. `finish` of the operation may be called before
   * this returns: a read of cached keys that this node answers alone takes no detour.
   */
  begin(operation: Operation): void {
    operation.coordinator = this;
    operation.pending = 1;
    const topology = this.topology();
    if (operation.isWrite) this.fetchForWrite(operation, topology);
    else this.fetchForRead(operation, topology);
    this.fetched(operation);
  }

  /** One of the fetches an operation waited for is there. */
  fetched(operation: Operation): void {
    if (--operation.pending > 0) return;
    operation.failure ??= lostWhileWaiting(operation) ?? this.outOfReach(operation);
    if (operation.failure !== null) {
      this.release(operation);
      operation.finish(operation.failure);
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

  /** Called by an operation that runs: a new version of its `index`th key takes the place of what it read. */
  write(operation: Operation, index: number, type: VersionType, payload: string, expireAt: number): void {
    const entry = operation.places[index].entry!;
    const record = entry.record ?? null;
    const hlc = this.hlc.next(this.clock.now(), highestHlc(record));
    const writer = this.own.name(this.topology().isHome[entry.slot] === 1);
    const next = supersede(record, writer, hlc, type, payload, expireAt, this.writers);
    this.groups.carry(operation, entry);
    operation.wrote = true;
    this.store.put(entry, next);
  }

  // --- effects of quorum reads ---

  ask(read: KeyRead, peer: number, full: boolean): boolean {
    const out = this.transport.writer(peer);
    if (out === undefined) return false;
    const id = this.takeId();
    out.begin();
    out.u8(Message.Read);
    out.u32(id);
    out.u8(full ? 1 : 0);
    out.u8(read.db);
    out.u16(read.slot);
    out.latin1(read.key);
    if (!out.end()) return false;
    this.reads.set(id, { read, peer });
    return true;
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
    out.begin();
    out.u8(Message.Repair);
    out.u8(read.db);
    out.u16(read.slot);
    out.latin1(read.key);
    out.bytes(this.scratch.buffer, 0, this.scratch.encode(record, fnv1a(read.key)));
    out.end();
  }

  done(read: KeyRead): void {
    if (read.entry !== undefined) this.store.unpin(read.entry);
  }

  /** The answer to a `Read` of ours. */
  answered(peer: number, id: number, deliver: (read: KeyRead) => void): void {
    const asked = this.reads.get(id);
    if (asked === undefined || asked.peer !== peer) return;
    this.reads.delete(id);
    deliver(asked.read);
  }

  // --- replicas' answers, time, members ---

  /** A member is gone: nothing is expected of it any more. */
  peerDown(peer: number): void {
    for (const [id, asked] of [...this.reads]) {
      if (asked.peer !== peer) continue;
      this.reads.delete(id);
      asked.read.lost(peer);
    }
    this.groups.peerDown(peer);
  }

  /** To be called some times a second. */
  tick(): void {
    const limit = this.clock.elapsed() - this.options.requestTimeout();
    this.counters.timeouts += this.groups.expire(limit);
    for (const [id, asked] of [...this.reads]) {
      if (asked.read.startedMs > limit) continue;
      this.reads.delete(id);
      this.counters.timeouts++;
      asked.read.expire();
    }
  }

  /** A group commit is in the log, or has failed. */
  commitEnds(seq: number, error: Error | null): void {
    this.groups.commitEnds(seq, error);
    const waiting = this.commitWaiters;
    this.commitWaiters = [];
    for (const waiter of waiting) {
      if (error !== null && waiter.from <= seq) {
        waiter.operation.finish(`MISCONF Errors writing to disk: ${error.message}`);
      } else if (waiter.seq <= seq) waiter.operation.finish(null);
      else this.commitWaiters.push(waiter);
    }
  }

  private fetchForRead(operation: Operation, topology: Topology): void {
    const needed = replicasNeeded(operation.readLevel, topology.n, this.options.readQuorum());
    for (let i = 0; i < operation.count; i++) {
      const { slot } = operation.places[i];
      if (needed === 1 && topology.isHome[slot] === 1) this.fetchLocal(operation, i);
      else this.fetchQuorum(operation, i, needed, topology);
    }
  }

  private fetchLocal(operation: Operation, index: number): void {
    this.counters.localReads++;
    const place = operation.places[index];
    const entry = this.store.pin(place.db, place.slot, place.key);
    place.entry = entry;
    if (entry.record !== undefined) return;
    operation.pending++;
    this.store.load(entry, operation);
  }

  /** A read that this node would have answered alone found its copy damaged: another replica answers in its place. */
  damaged(operation: Operation, entry: RecordEntry): void {
    const topology = this.topology();
    if (topology.n === 1) operation.failure ??= entry.loadFailure;
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
    this.startRead(operation, index, db, slot, key, needed, topology);
  }

  private startRead(
    owner: ReadOwner,
    index: number,
    db: number,
    slot: number,
    key: string,
    needed: number,
    topology: Topology,
    isGate = false,
  ): void {
    const set = topology.setOf(slot);
    const liveHomes = set.reachable - set.standIns.length;
    // The copy of a stand-in is in part: it is an answer only where home replicas are too few.
    const own = isGate || topology.isHome[slot] === 1 || (set.standsFor !== -1 && liveHomes < needed);
    const entry = own ? this.store.pin(db, slot, key) : undefined;
    const read = new KeyRead(
      owner,
      index,
      db,
      slot,
      key,
      entry,
      topology.self,
      needed,
      topology.n,
      this,
      (own, waiter) => this.store.load(own, waiter),
      this.clock.elapsed(),
    );
    const candidates: number[] = [];
    for (const member of topology.homes(slot)) if (topology.alive[member]) candidates.push(member);
    for (const { member } of set.standIns) candidates.push(member);
    read.start(candidates);
  }

  private fetchForWrite(operation: Operation, topology: Topology): void {
    operation.needed = replicasNeeded(operation.writeLevel, topology.n, this.options.writeQuorum());
    operation.failure = this.outOfReach(operation);
    if (operation.failure !== null) return;
    for (let i = 0; i < operation.count; i++) {
      const place = operation.places[i];
      const { slot } = place;
      const entry = this.store.pin(place.db, slot, place.key);
      place.entry = entry;
      if (!entry.gated && this.mayWrite(entry, slot, topology)) continue;
      // Before the gate opens: it may pass at once.
      operation.pending++;
      if (entry.gated) this.gates.get(entry)!.operations.push(operation);
      else this.openGate(entry, operation, topology);
    }
    if (this.store.writeError !== null && operation.failure === null) this.checkDisk(operation);
  }

  /** Why the operation's writes cannot reach as many replicas as they need: a whole error line, or null. */
  private outOfReach(operation: Operation): string | null {
    const topology = this.topology();
    if (!operation.isWrite || topology.n === 1) return null;
    for (let i = 0; i < operation.count; i++) {
      const { reachable, standsFor } = topology.setOf(operation.places[i].slot);
      if (reachable < operation.needed)
        return `NOQUORUM ${reachable} of ${operation.needed} needed replicas are reachable; the write was not applied`;
      if (standsFor !== -1 && this.hints.full)
        return 'OVERLOADED no more hints can be kept for the home replicas; the write was not applied';
    }
    return null;
  }

  /** After a failed write one operation at a time is let through to see whether the disk has recovered. */
  private checkDisk(operation: Operation): void {
    if (this.store.idle) return;
    operation.failure = `MISCONF Errors writing to disk: ${this.store.writeError!.message}; the write was not applied`;
  }

  private mayWrite(entry: RecordEntry, slot: number, topology: Topology): boolean {
    if (entry.record === undefined) return false;
    if (topology.n === 1) return true;
    return entry.verifiedEpoch === topology.trustEpoch && topology.firstLive[slot] === topology.self;
  }

  private openGate(entry: RecordEntry, operation: Operation, topology: Topology): void {
    const gate: Gate = { entry, operations: [operation] };
    entry.gated = true;
    this.gates.set(entry, gate);
    entry.pins++;
    if (topology.n === 1) {
      this.store.load(entry, { loaded: (own) => this.passGate(gate, own.loadFailure) });
      return;
    }
    this.counters.verified++;
    // Enough replicas that one of them has every acknowledged write, as far as they are alive.
    const overlap = Math.max(majority(topology.n), topology.n - operation.needed + 1);
    // A stand-in may know nothing of the key: whoever asks it asks one more.
    const { reachable, standIns } = topology.setOf(entry.slot);
    const needed = Math.min(reachable, overlap + standIns.length);
    const epoch = topology.trustEpoch;
    const owner: ReadOwner = {
      readDone: (read, record, failed) => {
        const failure = failed ?? read.loadFailure;
        if (failure === null) {
          if (record !== null) applyRecord(this.store, entry, record);
          else if (entry.record === undefined) this.store.adoptAbsence(entry);
          entry.verifiedEpoch = epoch;
        }
        this.passGate(gate, failure);
      },
    };
    this.startRead(owner, 0, entry.db, entry.slot, entry.key, needed, topology, true);
  }

  private passGate(gate: Gate, failure: string | null): void {
    this.gates.delete(gate.entry);
    gate.entry.gated = false;
    const isAlone = this.topology().n === 1;
    for (const operation of gate.operations) {
      if (failure !== null && !(isAlone && mayOverwrite(operation, gate.entry)))
        operation.failure ??= failure;
      this.fetched(operation);
    }
    this.store.unpin(gate.entry);
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
    if (seq > 0) this.commitWaiters.push({ from, seq, operation });
    else operation.finish(null);
  }

  private release(operation: Operation): void {
    for (let i = 0; i < operation.count; i++) {
      const { entry } = operation.places[i];
      if (entry !== undefined) this.store.unpin(entry);
    }
  }

  private takeId(): number {
    const id = this.nextId;
    this.nextId = id === 0xffffffff ? 1 : id + 1;
    return id;
  }
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
