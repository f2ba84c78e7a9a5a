import { SLOTS } from '../../storage/key-layout.js';
import { CORRUPT, decodeRecord, type KeyRecord } from '../../storage/record.js';
import type { RecordEntry } from '../../storage/record-cache.js';
import { RecordScratch } from '../../storage/record-scratch.js';
import type { LoadWaiter, RecordStore } from '../../storage/record-store.js';
import { fnv1a } from '../../storage/writers.js';
import type { Clock, Log } from '../environment.js';
import { Message } from '../messages.js';
import type { FrameReader } from '../transport/frame-reader.js';
import type { Transport } from '../transport.js';
import { applyRecord } from './apply.js';
import type { Hints } from './hints.js';
import type { HybridClock } from './hlc.js';
import type { Topology } from './topology.js';
import { digestA, digestB, highestHlc } from './version.js';

/** A group of writes on its way in from one coordinator, or a hint, which is a group of one. */
interface IncomingGroup {
  readonly isHint: boolean;
  /** The state of the ring that it was begun under. */
  readonly epoch: number;
  /** By `Clock.elapsed`. */
  readonly startedMs: number;
  received: number;
  /** Said by WriteEnd; -1 before it. */
  expected: number;
  /** Records that wait for their old version to be read. */
  loading: number;
  /** The group commit of ours that carries the last of them. */
  seq: number;
  ok: boolean;
}

/** In the place of a member: the record is for this node itself. */
const NO_HINT = -1;
/** The epoch of what is taken whatever the ring is: hints. */
const NEVER_PAST = Number.POSITIVE_INFINITY;
/** How many groups one peer may have open: beyond it the connection is nonsense and is closed. */
const MAX_OPEN_GROUPS = 4096;
/** Hints have numbers of their own: they are told from groups of writes by this much. */
const FIRST_HINT = 2 ** 32;

/**
 * The replica's side: takes records from coordinators, merges them into its own and acknowledges a group once all of it is in
 * the log; answers reads with digests or records.
 *
 * Promise: an acknowledgement means that every record of the group, or something that has seen it, survives this process.
 */
export class Replica {
  readonly counters = { applied: 0, readsServed: 0, driftRefused: 0 };
  private readonly incoming = new Map<number, Map<number, IncomingGroup>>();
  private acksDue: { peer: number; groupId: number; group: IncomingGroup }[] = [];
  private readonly scratch: RecordScratch;

  constructor(
    private readonly store: RecordStore,
    private readonly transport: Transport,
    private readonly clock: Clock,
    private readonly hlc: HybridClock,
    private readonly log: Log,
    private readonly topology: () => Topology,
    private readonly hints: Hints,
  ) {
    this.scratch = new RecordScratch(store.writers);
  }

  /** False: the message is garbled or out of bounds. */
  onWrite(peer: number, body: FrameReader): boolean {
    const groupId = body.u32();
    const epoch = body.u32();
    const group = this.groupOf(peer, groupId, epoch);
    if (group === undefined) return false;
    if (this.topology().isPast(epoch)) return refuse(group);
    return this.takeRecord(body, peer, groupId, group, null);
  }

  /** A record for a home replica that is down: we stand in for the member of that name. */
  onWriteHinted(peer: number, body: FrameReader): boolean {
    const groupId = body.u32();
    const epoch = body.u32();
    const home = this.topology().numberOf(body.latin1());
    const group = this.groupOf(peer, groupId, epoch);
    if (group === undefined || !body.ok) return false;
    // Who is not known here has joined only now.
    if (this.topology().isPast(epoch) || home === undefined) return refuse(group);
    return this.takeRecord(body, peer, groupId, group, home);
  }

  /** What we missed while we were away, from a node that kept a hint; it keeps it until it hears that the record is safe here. */
  onHint(peer: number, body: FrameReader): boolean {
    const id = FIRST_HINT + body.u32();
    const group = this.groupOf(peer, id);
    if (group === undefined || !this.takeRecord(body, peer, id, group, null)) return false;
    group.expected = 1;
    this.settle(peer, id, group);
    return true;
  }

  onWriteEnd(peer: number, body: FrameReader): boolean {
    const groupId = body.u32();
    const records = body.u32();
    const group = this.groupOf(peer, groupId);
    if (!body.finished || group === undefined) return false;
    group.expected = records;
    this.settle(peer, groupId, group);
    return true;
  }

  /** The group is not taken: this node has yet to learn which slots are its own. */
  declineGroup(peer: number, body: FrameReader): boolean {
    const groupId = body.u32();
    body.u32();
    if (!body.finished) return false;
    this.acknowledge(peer, groupId, false);
    return true;
  }

  /** A newer record for us, from a read that saw we lacked it. */
  onRepair(body: FrameReader): boolean {
    return this.takeRecord(body, -1, 0, undefined, null);
  }

  onRead(peer: number, body: FrameReader): boolean {
    const request = body.u32();
    const epoch = body.u32();
    const full = body.u8() === 1;
    const db = body.u8();
    const slot = body.u16();
    const key = body.latin1();
    if (!body.finished) return false;
    if (this.topology().isPast(epoch)) {
      this.failRead(peer, request, false);
      return true;
    }
    this.counters.readsServed++;
    const entry = this.store.pin(db, slot, key);
    if (entry.unsettled) this.answerSettled(peer, request, full, entry);
    else this.answerLoaded(peer, request, full, entry);
    return true;
  }

  /** What was chosen, and perhaps acknowledged, must be seen; what was not, must not. */
  private answerSettled(peer: number, request: number, full: boolean, entry: RecordEntry): void {
    this.store.whenRecordSettles(entry, (settled) => {
      if (settled) return this.answerLoaded(peer, request, full, entry);
      this.failRead(peer, request, false);
      this.store.unpin(entry);
    });
  }

  private answerLoaded(peer: number, request: number, full: boolean, entry: RecordEntry): void {
    if (entry.record !== undefined) this.answerRead(peer, request, full, entry);
    else this.store.load(entry, { loaded: (own) => this.answerRead(peer, request, full, own) });
  }

  private failRead(peer: number, request: number, isDamaged: boolean): void {
    const out = this.transport.writer(peer);
    if (out === undefined) return;
    out.begin();
    out.u8(Message.ReadFailed);
    out.u32(request);
    out.u8(isDamaged ? 1 : 0);
    out.end();
  }

  /** Gives up on groups begun at `limitMs` or before: their end was lost, and whoever sent them has stopped waiting. */
  expire(limitMs: number): void {
    for (const open of this.incoming.values()) {
      for (const [id, group] of open) {
        if (group.startedMs > limitMs) break;
        open.delete(id);
      }
    }
  }

  /** Groups on their way in, for INFO. */
  get openGroups(): number {
    let count = this.acksDue.length;
    for (const open of this.incoming.values()) count += open.size;
    return count;
  }

  /** What the peer had begun is void: its coordinator counts us as not having answered. */
  peerDown(peer: number): void {
    this.incoming.delete(peer);
    this.acksDue = this.acksDue.filter((due) => due.peer !== peer);
  }

  commitEnds(seq: number, error: Error | null): void {
    if (error !== null) this.doubt();
    if (this.acksDue.length === 0) return;
    const due = this.acksDue;
    this.acksDue = [];
    for (const ack of due) {
      if (ack.group.seq > seq) this.acksDue.push(ack);
      else this.acknowledge(ack.peer, ack.groupId, ack.group.ok);
    }
  }

  /** Any group of which something was applied may have lost it, also one whose end, or whose last record, is still to come. */
  private doubt(): void {
    for (const open of this.incoming.values()) for (const group of open.values()) mistrust(group);
    for (const { group } of this.acksDue) mistrust(group);
  }

  private takeRecord(
    body: FrameReader,
    peer: number,
    groupId: number,
    group: IncomingGroup | undefined,
    standsFor: number | null,
  ): boolean {
    const db = body.u8();
    const slot = body.u16();
    const key = body.latin1();
    const bytes = body.bytes(body.left);
    if (!body.ok || slot >= SLOTS) return false;
    const record = decodeRecord(fnv1a(key), this.store.writers, bytes, 0, bytes.length);
    if (record === CORRUPT) return false;
    if (group !== undefined) group.received++;
    if (!this.admitClock(record)) {
      if (group !== undefined) group.ok = false;
      return true;
    }
    const topology = this.topology();
    // A late repair for somebody who no longer stands in, or a hint for a home of before: nobody would ever take it from here.
    if (topology.isHome[slot] === 0 && (group === undefined || group.isHint)) {
      if (group !== undefined) group.ok = false;
      return true;
    }
    const entry = this.store.pin(db, slot, key);
    const home = standsFor ?? NO_HINT;
    if (entry.record !== undefined) {
      this.takeIn(entry, record, group, home, bytes);
      return true;
    }
    if (group !== undefined) group.loading++;
    const waiter: LoadWaiter = {
      loaded: () => {
        // A damaged copy of our own is simply replaced: the incoming record is whole. One that could not be read may be
        // sound and hold more.
        if (entry.loadError === null) this.takeIn(entry, record, group, home);
        else this.store.unpin(entry);
        if (group === undefined) return;
        // While it was read the ring may have gone on: who makes sure of the slot has not seen what comes only now.
        if (entry.loadError !== null || this.topology().isPast(group.epoch)) group.ok = false;
        group.loading--;
        this.settle(peer, groupId, group);
      },
    };
    this.store.load(entry, waiter);
    return true;
  }

  /** In one turn, so that record and hint are in the log together or not at all. */
  private takeIn(
    entry: RecordEntry,
    incoming: KeyRecord,
    group: IncomingGroup | undefined,
    hintFor: number,
    encoded?: Buffer,
  ): void {
    if (hintFor === NO_HINT || this.keepHint(hintFor, entry, group!))
      this.apply(entry, incoming, group, encoded);
    else this.store.unpin(entry);
  }

  private apply(
    entry: RecordEntry,
    incoming: KeyRecord,
    group: IncomingGroup | undefined,
    encoded: Buffer | undefined,
  ): void {
    if (applyRecord(this.store, entry, incoming, encoded)) this.counters.applied++;
    // Unchanged is not yet durable: the version may have come moments ago and still be on its way to the log.
    if (group !== undefined && entry.dirtySeq > group.seq) group.seq = entry.dirtySeq;
    this.store.unpin(entry);
  }

  /** The hint is in the log before the group is acknowledged. */
  private keepHint(home: number, entry: RecordEntry, group: IncomingGroup): boolean {
    const kept = this.hints.keep(home, entry);
    if (kept) group.seq = Math.max(group.seq, this.store.currentSeq);
    else group.ok = false;
    return kept;
  }

  private admitClock(record: KeyRecord): boolean {
    if (this.hlc.observeAll(record.context, this.clock.now())) return true;
    this.counters.driftRefused++;
    this.log.warn({ hlc: highestHlc(record) }, 'refused a version from a clock too far ahead of ours');
    return false;
  }

  private settle(peer: number, groupId: number, group: IncomingGroup): void {
    if (group.expected < 0 || group.loading > 0) return;
    const open = this.incoming.get(peer);
    // The connection the group came over may have ended meanwhile.
    if (open?.get(groupId) !== group) return;
    open.delete(groupId);
    if (group.received !== group.expected) group.ok = false;
    if (group.seq > this.store.committedSeq) this.acksDue.push({ peer, groupId, group });
    else this.acknowledge(peer, groupId, group.ok);
  }

  private acknowledge(peer: number, groupId: number, ok: boolean): void {
    const out = this.transport.writer(peer);
    if (out === undefined) return;
    out.begin();
    out.u8(groupId < FIRST_HINT ? Message.WriteAck : Message.HintAck);
    out.u32(groupId % FIRST_HINT);
    out.u8(ok ? 1 : 0);
    out.end();
  }

  private answerRead(peer: number, request: number, full: boolean, entry: RecordEntry): void {
    const { record } = entry;
    if (record === undefined) {
      this.failRead(peer, request, entry.corrupt);
      this.store.unpin(entry);
      return;
    }
    // Before its buffer is asked for: a long one gets another.
    const length = full && record !== null ? this.scratch.encode(record, entry.hash) : 0;
    const out = this.transport.writer(peer);
    if (out !== undefined) {
      out.begin();
      if (full) {
        out.u8(Message.ReadRecord);
        out.u32(request);
        out.bytes(this.scratch.buffer, 0, length);
      } else {
        out.u8(Message.ReadDigest);
        out.u32(request);
        out.u32(digestA(record, this.store.writers));
        out.u32(digestB(record, this.store.writers));
      }
      out.end();
    }
    this.store.unpin(entry);
  }

  private groupOf(peer: number, groupId: number, epoch = NEVER_PAST): IncomingGroup | undefined {
    let open = this.incoming.get(peer);
    if (open === undefined) {
      open = new Map();
      this.incoming.set(peer, open);
    }
    let group = open.get(groupId);
    if (group === undefined) {
      if (open.size >= MAX_OPEN_GROUPS) return undefined;
      group = {
        startedMs: this.clock.elapsed(),
        isHint: groupId >= FIRST_HINT,
        epoch,
        received: 0,
        expected: -1,
        loading: 0,
        seq: 0,
        ok: true,
      };
      open.set(groupId, group);
    }
    return group;
  }
}

/** The record was counted, and the group will not be confirmed. */
function refuse(group: IncomingGroup): boolean {
  group.received++;
  group.ok = false;
  return true;
}

function mistrust(group: IncomingGroup): void {
  if (group.seq > 0) group.ok = false;
}
