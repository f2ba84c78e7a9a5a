import { payloadBytes } from '../../storage/record.js';
import type { RecordEntry } from '../../storage/record-cache.js';
import type { RecordScratch } from '../../storage/record-scratch.js';
import { Message } from '../messages.js';
import type { Transport } from '../transport.js';
import type { Hints } from './hints.js';
import type { Operation } from './operation.js';
import type { StandIn, Topology } from './topology.js';
import { WriteGroup } from './write-group.js';

/** Groups that one peer may have yet to answer: it holds as many open at most, and one further behind is served by hints. */
const MAX_OPEN_PER_PEER = 2048;
/** A group commit that takes longer holds no writes back from the peers, ms: shorter ones pay for themselves by larger batches. */
const SLOW_COMMIT_MS = 40;
/** A group with more bytes is not sent ahead: its records would have to be encoded in one turn. */
const MAX_AHEAD_BYTES = 4 * 1024 * 1024;

/**
 * The writes on their way to their replicas: gathered during a turn, sent while this node's own group commit is handed to the
 * disk, and counted as the answers come. While a slow disk holds the next group commit up, they are sent ahead of it.
 *
 * Promise: what a home replica has not confirmed by the time the group is over is written down as a hint, here or by the node
 * that stood in for it, unless there is no more room for hints.
 */
export class WriteGroups {
  private readonly gathering = new Map<object, WriteGroup>();
  private readonly sent = new Map<number, WriteGroup>();
  /** By peer: groups sent to it and not answered. */
  private readonly open: number[] = [];
  private readonly groupsOfSeq = new Map<number, WriteGroup[]>();
  /** Sent, while the group commit they belong to has not begun. */
  private ahead: WriteGroup[] = [];
  /** When the group commit under way began; -1: none is. */
  private commitBeganMs = -1;

  constructor(
    private readonly topology: () => Topology,
    private readonly transport: Transport,
    private readonly hints: Hints,
    private readonly takeId: () => number,
    private readonly elapsedMs: () => number,
    /** How many replicas must have what the operation writes, as the ring is now. */
    private readonly neededBy: (operation: Operation) => number,
  ) {}

  get underWay(): number {
    return this.sent.size;
  }

  /** A record that was put in this turn goes to the other replicas; nobody waits for it. */
  spread(entry: RecordEntry): void {
    if (entry.replicate !== null) return;
    const group = this.groupFor(entry.slot);
    entry.replicate = group;
    group.entries.push(entry);
  }

  /** The operation that runs has put a new record into the entry. */
  carry(operation: Operation, entry: RecordEntry): void {
    const gathered = entry.replicate as WriteGroup | null;
    operation.group ??= gathered?.epoch === this.topology().epoch ? gathered : this.groupFor(entry.slot);
    const { group } = operation;
    if (entry.replicate === group) return;
    if (entry.replicate === null) {
      entry.replicate = group;
      group.entries.push(entry);
      return;
    }
    // Somebody came or went, or the ring has changed, while this turn gathered: what has to be confirmed together goes together.
    const other = entry.replicate as WriteGroup;
    this.gathering.delete(other.set);
    group.absorb(other, other.epoch === group.epoch ? null : this.neededBy);
  }

  /** The store begins to write a group commit: every record of it goes to the peers in the same breath. */
  commitBegins(seq: number): void {
    this.commitBeganMs = this.elapsedMs();
    if (this.gathering.size === 0 && this.ahead.length === 0) return;
    this.groupsOfSeq.set(seq, [...this.ahead, ...this.gathering.values()]);
    this.gathering.clear();
    this.ahead = [];
  }

  /**
   * To be called some times a second: if this node's disk is slow, what waits for it goes to the peers already, who may confirm it without
   * us. Our own commit carries it, and counts, as ever.
   */
  sendAhead(scratch: RecordScratch): void {
    if (this.commitBeganMs === -1 || this.elapsedMs() - this.commitBeganMs < SLOW_COMMIT_MS) return;
    for (const [set, group] of this.gathering) {
      if (!maySendAhead(group)) continue;
      this.gathering.delete(set);
      this.ahead.push(group);
      for (const entry of group.entries) {
        // What is written from here on is another group's.
        entry.replicate = null;
        const length = scratch.encode(entry.record!, entry.hash);
        this.sendRecord(group, entry, scratch.buffer, length);
      }
      this.sendEnds(group);
    }
  }

  /** One record of the group commit, encoded. */
  commitRecord(entry: RecordEntry, bytes: Buffer, length: number): void {
    const topology = this.topology();
    const group = entry.replicate as WriteGroup | null;
    if (group !== null) {
      entry.replicate = null;
      this.sendRecord(group, entry, bytes, length);
      for (const home of group.set.missing) this.hints.keep(home, entry);
      if (group.set.standsFor !== -1) this.hints.insist(group.set.standsFor, entry);
    }
    // A record on a node that is no home of it is always on its way to one; unless it is copied ahead, to stay.
    if (!topology.ownsRows(entry.slot) && !this.hints.secure(entry))
      this.hints.insist(topology.homes(entry.slot)[0], entry);
  }

  /** All records of the group commit are in the peers' frames. */
  commitSent(seq: number): void {
    const groups = this.groupsOfSeq.get(seq);
    if (groups === undefined) return;
    for (const group of groups) {
      if (group.isSent) continue;
      for (const entry of group.entries) if (entry.replicate === group) entry.replicate = null;
      this.sendEnds(group);
    }
  }

  commitEnds(seq: number, error: Error | null): void {
    this.commitBeganMs = -1;
    const groups = this.groupsOfSeq.get(seq);
    if (groups === undefined) return;
    const { self } = this.topology();
    for (const group of groups) {
      if (group.countsSelf) group.answer(self, error === null, error);
      this.dropIfOver(group);
    }
    this.groupsOfSeq.delete(seq);
  }

  /** False: it is no group of ours that is still under way. */
  acknowledged(peer: number, groupId: number, ok: boolean): boolean {
    const group = this.sent.get(groupId);
    if (group === undefined) return false;
    this.answer(group, peer, ok);
    return true;
  }

  /** A member is gone: nothing is expected of it any more. */
  peerDown(peer: number): void {
    for (const group of [...this.sent.values()]) if (takesPart(group, peer)) this.answer(group, peer, false);
  }

  /** Gives up on what has waited for `timeoutMs`. Returns how many operations did. To be called some times a second. */
  expire(now: number, timeoutMs: number): number {
    let late = 0;
    // Their group commit waits for one that does not end. They have run, and will be sent.
    for (const group of this.gathering.values()) late += group.giveUp(now, timeoutMs);
    for (const group of this.sent.values()) {
      late += group.giveUp(now, timeoutMs);
      if (group.sentMs > now - timeoutMs) continue;
      this.sent.delete(group.id);
      late += group.waiting;
      group.expire();
      for (const peer of participants(group)) {
        if (group.acks.hasAnswered(peer)) continue;
        this.open[peer]--;
        this.missed(group, peer);
      }
    }
    return late;
  }

  private groupFor(slot: number): WriteGroup {
    const { epoch } = this.topology();
    const set = this.topology().setOf(slot);
    let group = this.gathering.get(set);
    if (group === undefined) {
      group = new WriteGroup(this.takeId(), set, epoch);
      this.gathering.set(set, group);
    }
    return group;
  }

  private sendRecord(group: WriteGroup, entry: RecordEntry, bytes: Buffer, length: number): void {
    const { self } = this.topology();
    group.records++;
    for (const peer of group.set.peers) this.send(peer, null, group, entry, bytes, length);
    for (const place of group.set.standIns)
      if (place.member !== self) this.send(place.member, place, group, entry, bytes, length);
  }

  private sendEnds(group: WriteGroup): void {
    const { self } = this.topology();
    group.isSent = true;
    group.sentMs = this.elapsedMs();
    this.sent.set(group.id, group);
    for (const peer of group.set.peers) this.sendEnd(group, peer);
    for (const { member } of group.set.standIns) if (member !== self) this.sendEnd(group, member);
    this.dropIfOver(group);
  }

  private send(
    peer: number,
    place: StandIn | null,
    { id, epoch }: WriteGroup,
    entry: RecordEntry,
    bytes: Buffer,
    length: number,
  ): void {
    const out = this.isOpen(peer) ? this.transport.writer(peer) : undefined;
    if (out === undefined) return;
    out.begin();
    out.u8(place === null ? Message.Write : Message.WriteHinted);
    out.u32(id);
    out.u32(epoch);
    if (place !== null) out.latin1(this.topology().members[place.home].name);
    out.u8(entry.db);
    out.u16(entry.slot);
    out.latin1(entry.key);
    out.bytes(bytes, 0, length);
    out.end();
  }

  private sendEnd(group: WriteGroup, peer: number): void {
    const out = this.isOpen(peer) ? this.transport.writer(peer) : undefined;
    this.open[peer] = (this.open[peer] ?? 0) + 1;
    if (out !== undefined) {
      out.begin();
      out.u8(Message.WriteEnd);
      out.u32(group.id);
      out.u32(group.records);
      if (out.end()) return;
    }
    this.answer(group, peer, false);
  }

  /** Who has fallen silent since the group was begun may still be connected, but nobody says any more that it is lost. */
  private isOpen(peer: number): boolean {
    return this.topology().alive[peer] === 1 && (this.open[peer] ?? 0) < MAX_OPEN_PER_PEER;
  }

  private answer(group: WriteGroup, peer: number, ok: boolean): void {
    if (group.answer(peer, ok)) {
      this.open[peer]--;
      if (!ok) this.missed(group, peer);
    }
    this.dropIfOver(group);
  }

  private missed(group: WriteGroup, peer: number): void {
    const home = group.homeOf(peer);
    for (const entry of group.entries) this.hints.keep(home, entry);
  }

  private dropIfOver(group: WriteGroup): void {
    if (!group.acks.complete) return;
    this.sent.delete(group.id);
    group.expire();
  }
}

function participants({ set }: WriteGroup): number[] {
  return [...set.peers, ...set.standIns.map(({ member }) => member)];
}

function takesPart(group: WriteGroup, peer: number): boolean {
  return group.set.peers.includes(peer) || group.set.standIns.some(({ member }) => member === peer);
}

/** Where a home replica is down, its hint is written with the records: what a crash leaves must not lack it. */
function maySendAhead({ set, entries }: WriteGroup): boolean {
  if (set.missing.length > 0 || set.standsFor !== -1) return false;
  let bytes = 0;
  for (const { record } of entries) {
    if (record == null) return false;
    bytes += payloadBytes(record);
  }
  return bytes <= MAX_AHEAD_BYTES;
}
