import type { KeyRecord, VersionType } from '../../storage/record.js';
import type { RecordEntry } from '../../storage/record-cache.js';
import { RecordScratch } from '../../storage/record-scratch.js';
import type { RecordStore } from '../../storage/record-store.js';
import { fnv1a, type WriterTable } from '../../storage/writers.js';
import type { Clock } from '../environment.js';
import { Message } from '../messages.js';
import type { Transport } from '../transport.js';
import { applyRecord } from './apply.js';
import type { HybridClock } from './hlc.js';
import { KeyRead, type ReadEffects, type ReadOwner } from './key-read.js';
import { type Level, majority, replicasNeeded } from './levels.js';
import type { Operation } from './operation.js';
import type { Topology } from './topology.js';
import { recallUnwritten } from './unwritten.js';
import { highestHlc, supersede } from './version.js';
import { WriteGroup } from './write-group.js';

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
  private readonly gathering: (WriteGroup | undefined)[] = [];
  private readonly groups = new Map<number, WriteGroup>();
  private readonly groupsOfSeq = new Map<number, WriteGroup[]>();
  private readonly reads = new Map<number, { read: KeyRead; peer: number }>();
  /** Reads that saw what is on its way to the log in the group commits `from` to `seq`. */
  private commitWaiters: { from: number; seq: number; operation: Operation }[] = [];
  private readonly committing: (WriteGroup | undefined)[] = [];
  private readonly scratch: RecordScratch;
  private nextId: number;

  constructor(
    private readonly store: RecordStore,
    private readonly topology: () => Topology,
    private readonly transport: Transport,
    private readonly clock: Clock,
    private readonly hlc: HybridClock,
    readonly writer: number,
    private readonly options: CoordinatorOptions,
  ) {
    this.scratch = new RecordScratch(store.writers);
    this.nextId = options.firstRequest;
  }

  get writers(): WriterTable {
    return this.store.writers;
  }

  /** Requests under way, for INFO. */
  get inFlight(): number {
    return this.reads.size + this.gates.size + this.groups.size + this.commitWaiters.length;
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
    operation.failure ??= lostWhileWaiting(operation);
    if (operation.failure !== null) {
      this.release(operation);
      operation.finish(operation.failure);
      return;
    }
    if (operation.isWrite) recallUnwritten(this.store, operation);
    operation.run();
    if (operation.wrote) this.joinGroup(operation);
    else this.finishRead(operation);
    this.release(operation);
  }

  /** Called by an operation that runs: a new version of its `index`th key takes the place of what it read. */
  write(operation: Operation, index: number, type: VersionType, payload: string, expireAt: number): void {
    const entry = operation.places[index].entry!;
    const record = entry.record ?? null;
    const hlc = this.hlc.next(this.clock.now(), highestHlc(record));
    const next = supersede(record, this.writer, hlc, type, payload, expireAt, this.writers);
    entry.replicate = true;
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
    this.counters.repairs++;
    if (replica === this.topology().self) {
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

  acknowledged(peer: number, groupId: number, ok: boolean): void {
    const group = this.groups.get(groupId);
    if (group === undefined) return;
    group.answer(peer, ok);
    if (group.acks.complete) this.groups.delete(groupId);
  }

  /** A member is gone: nothing is expected of it any more. */
  peerDown(peer: number): void {
    for (const [id, asked] of [...this.reads]) {
      if (asked.peer !== peer) continue;
      this.reads.delete(id);
      asked.read.lost(peer);
    }
    for (const [id, group] of [...this.groups]) {
      if (!group.homes.peers.includes(peer)) continue;
      group.answer(peer, false);
      if (group.acks.complete) this.groups.delete(id);
    }
  }

  /** To be called some times a second. */
  tick(): void {
    const limit = this.clock.now() - this.options.requestTimeout();
    for (const [id, group] of this.groups) {
      if (group.startedMs > limit) continue;
      this.groups.delete(id);
      if (group.waiting > 0) this.counters.timeouts++;
      group.expire();
    }
    for (const [id, asked] of [...this.reads]) {
      if (asked.read.startedMs > limit) continue;
      this.reads.delete(id);
      this.counters.timeouts++;
      asked.read.expire();
    }
  }

  // --- group commit ---

  /** The store begins to write a group: every record of it goes to the peers in the same breath. */
  commitBegins(seq: number): void {
    const groups: WriteGroup[] = [];
    for (const group of this.gathering) if (group !== undefined) groups.push(group);
    this.gathering.length = 0;
    if (groups.length === 0) return;
    this.groupsOfSeq.set(seq, groups);
    for (const group of groups) this.committing[group.homes.index] = group;
  }

  /** One record of the group that is being written, encoded. */
  commitRecord(entry: RecordEntry, bytes: Buffer, length: number): void {
    if (!entry.replicate) return;
    entry.replicate = false;
    const group = this.committing[this.topology().homeSetOf[entry.slot]];
    if (group === undefined) return;
    group.records++;
    for (const peer of group.homes.peers) {
      const out = this.transport.writer(peer);
      if (out === undefined) continue;
      out.begin();
      out.u8(Message.Write);
      out.u32(group.id);
      out.u8(entry.db);
      out.u16(entry.slot);
      out.latin1(entry.key);
      out.bytes(bytes, 0, length);
      out.end();
    }
  }

  /** All records of the group are in the peers' frames. */
  commitSent(seq: number): void {
    for (const group of this.groupsOfSeq.get(seq) ?? []) {
      this.committing[group.homes.index] = undefined;
      if (group.homes.peers.length > 0) this.groups.set(group.id, group);
      for (const peer of group.homes.peers) {
        const out = this.transport.writer(peer);
        if (out !== undefined) {
          out.begin();
          out.u8(Message.WriteEnd);
          out.u32(group.id);
          out.u32(group.records);
          if (out.end()) continue;
        }
        group.answer(peer, false);
      }
      if (group.acks.complete) this.groups.delete(group.id);
    }
  }

  commitEnds(seq: number, error: Error | null): void {
    const { self } = this.topology();
    for (const group of this.groupsOfSeq.get(seq) ?? []) {
      group.answer(self, error === null, error);
      if (group.acks.complete) this.groups.delete(group.id);
    }
    this.groupsOfSeq.delete(seq);
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
  ): void {
    const entry = topology.isHome[slot] === 1 ? this.store.pin(db, slot, key) : undefined;
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
      this.clock.now(),
    );
    const candidates: number[] = [];
    for (const member of topology.homes(slot)) if (topology.alive[member]) candidates.push(member);
    read.start(candidates);
  }

  private fetchForWrite(operation: Operation, topology: Topology): void {
    const { n } = topology;
    operation.needed = replicasNeeded(operation.writeLevel, n, this.options.writeQuorum());
    for (let i = 0; i < operation.count; i++) {
      const place = operation.places[i];
      const { slot } = place;
      const entry = this.store.pin(place.db, slot, place.key);
      place.entry = entry;
      const live = n === 1 ? 1 : topology.liveHomes(slot);
      if (live < operation.needed) {
        operation.failure ??= `NOQUORUM ${live} of ${operation.needed} needed replicas are reachable; the write was not applied`;
        continue;
      }
      if (!entry.gated && this.mayWrite(entry, slot, topology)) continue;
      // Before the gate opens: it may pass at once.
      operation.pending++;
      if (entry.gated) this.gates.get(entry)!.operations.push(operation);
      else this.openGate(entry, operation, topology);
    }
    if (this.store.writeError !== null && operation.failure === null) this.checkDisk(operation);
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
    const needed = Math.min(topology.liveHomes(entry.slot), overlap);
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
    this.startRead(owner, 0, entry.db, entry.slot, entry.key, needed, topology);
  }

  private passGate(gate: Gate, failure: string | null): void {
    this.gates.delete(gate.entry);
    gate.entry.gated = false;
    for (const operation of gate.operations) {
      if (failure !== null) operation.failure ??= failure;
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

  private joinGroup(operation: Operation): void {
    this.counters.writes++;
    const topology = this.topology();
    const index = topology.homeSetOf[operation.places[0].slot];
    let group = this.gathering[index];
    if (group === undefined) {
      group = new WriteGroup(this.takeId(), topology.homeSets[index], this.clock.now(), topology.n);
      this.gathering[index] = group;
    }
    group.add(operation);
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
    if (entry !== undefined && entry.record === undefined)
      return 'MISCONF Errors writing to disk: the key is being read again; nothing was applied';
  }
  return null;
}
