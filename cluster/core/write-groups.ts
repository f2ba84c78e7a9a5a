import type { RecordEntry } from '../../storage/record-cache.js';
import { Message } from '../messages.js';
import type { Transport } from '../transport.js';
import type { Hints } from './hints.js';
import type { Operation } from './operation.js';
import type { StandIn, Topology } from './topology.js';
import { WriteGroup } from './write-group.js';

/** Groups that one peer may have yet to answer: it holds as many open at most, and one further behind is served by hints. */
const MAX_OPEN_PER_PEER = 2048;

/**
 * The writes on their way to their replicas: gathered during a turn, sent while this node's own group commit is handed to the
 * disk, and counted as the answers come.
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

  constructor(
    private readonly topology: () => Topology,
    private readonly transport: Transport,
    private readonly hints: Hints,
    private readonly takeId: () => number,
    private readonly elapsedMs: () => number,
  ) {}

  get underWay(): number {
    return this.sent.size;
  }

  /** The operation that runs has put a new record into the entry. */
  carry(operation: Operation, entry: RecordEntry): void {
    operation.group ??= (entry.replicate as WriteGroup | null) ?? this.groupFor(entry.slot);
    const group = operation.group;
    if (entry.replicate === group) return;
    if (entry.replicate === null) {
      entry.replicate = group;
      group.entries.push(entry);
      return;
    }
    // Somebody came or went while this turn gathered: what has to be confirmed together goes together.
    const other = entry.replicate as WriteGroup;
    this.gathering.delete(other.set);
    group.absorb(other);
  }

  /** The store begins to write a group commit: every record of it goes to the peers in the same breath. */
  commitBegins(seq: number): void {
    if (this.gathering.size === 0) return;
    this.groupsOfSeq.set(seq, [...this.gathering.values()]);
    this.gathering.clear();
  }

  /** One record of the group commit, encoded. */
  commitRecord(entry: RecordEntry, bytes: Buffer, length: number): void {
    const topology = this.topology();
    const group = entry.replicate as WriteGroup | null;
    if (group !== null) {
      entry.replicate = null;
      group.records++;
      for (const peer of group.set.peers) this.send(peer, null, group.id, entry, bytes, length);
      for (const place of group.set.standIns)
        if (place.member !== topology.self) this.send(place.member, place, group.id, entry, bytes, length);
      for (const home of group.set.missing) this.hints.keep(home, entry);
      if (group.set.standsFor !== -1) this.hints.insist(group.set.standsFor, entry);
    }
    // A record on a node that is no home of it is always on its way to one.
    if (topology.isHome[entry.slot] === 0 && !this.hints.secure(entry))
      this.hints.insist(topology.homes(entry.slot)[0], entry);
  }

  /** All records of the group commit are in the peers' frames. */
  commitSent(seq: number): void {
    const groups = this.groupsOfSeq.get(seq);
    if (groups === undefined) return;
    const { self } = this.topology();
    for (const group of groups) {
      for (const entry of group.entries) if (entry.replicate === group) entry.replicate = null;
      group.sentMs = this.elapsedMs();
      this.sent.set(group.id, group);
      for (const peer of group.set.peers) this.sendEnd(group, peer);
      for (const { member } of group.set.standIns) if (member !== self) this.sendEnd(group, member);
      this.dropIfOver(group);
    }
  }

  commitEnds(seq: number, error: Error | null): void {
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
    const set = this.topology().setOf(slot);
    let group = this.gathering.get(set);
    if (group === undefined) {
      group = new WriteGroup(this.takeId(), set);
      this.gathering.set(set, group);
    }
    return group;
  }

  private send(
    peer: number,
    place: StandIn | null,
    groupId: number,
    entry: RecordEntry,
    bytes: Buffer,
    length: number,
  ): void {
    const out = this.hasRoom(peer) ? this.transport.writer(peer) : undefined;
    if (out === undefined) return;
    out.begin();
    out.u8(place === null ? Message.Write : Message.WriteHinted);
    out.u32(groupId);
    if (place !== null) out.u8(place.rank);
    out.u8(entry.db);
    out.u16(entry.slot);
    out.latin1(entry.key);
    out.bytes(bytes, 0, length);
    out.end();
  }

  private sendEnd(group: WriteGroup, peer: number): void {
    const out = this.hasRoom(peer) ? this.transport.writer(peer) : undefined;
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

  private hasRoom(peer: number): boolean {
    return (this.open[peer] ?? 0) < MAX_OPEN_PER_PEER;
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
