import { parseTombstoneKey, tombstoneRange } from '../../storage/key-layout.js';
import { afterReaping, isGone, isReapable, newestOf } from '../../storage/reapable.js';
import type { KeyRecord } from '../../storage/record.js';
import type { RecordEntry } from '../../storage/record-cache.js';
import type { RecordStore } from '../../storage/record-store.js';
import { Message } from '../messages.js';
import type { FrameReader } from '../transport/frame-reader.js';
import type { PeerId, Transport } from '../transport.js';
import { hlcToMs } from './hlc.js';
import { isSettled, KEYS_PER_ASK, loadAll, ReapJudge } from './reap-judge.js';
import type { Topology } from './topology.js';
import { digestA, digestB, highestHlc } from './version.js';

export interface ReaperOptions {
  /** How long a tombstone is kept at least, ms. */
  readonly graceMs: () => number;
  /** How long an answer is waited for, ms. */
  readonly requestTimeout: () => number;
  /** Requests are numbered from here on: see `CoordinatorOptions`. */
  readonly firstRequest: number;
}

/** The index is walked so often in a grace period, but neither more often nor more seldom than this. */
const PASSES_PER_GRACE = 16;
const SHORTEST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 600_000;
/** Tombstones of one key get one row of the index in such a part of the grace period, so that a busy key does not fill the disk. */
const PARTS_OF_GRACE = 8;
const LONGEST_PART_MS = 3_600_000;

/** Where what is made now goes in the index: never too soon, and in steps. */
export function tombstoneSince(nowMs: number, graceMs: number): number {
  const part = Math.max(1, Math.min(LONGEST_PART_MS, Math.floor(graceMs / PARTS_OF_GRACE)));
  return Math.ceil(nowMs / part) * part;
}

/** A tombstone, or a record with a long context, that this node coordinates and that is old enough. Its entry is pinned. */
interface Candidate {
  readonly entry: RecordEntry;
  readonly record: KeyRecord;
  /** The row of the index that led to it. */
  readonly row: Buffer;
  /** Nobody has said no yet. */
  agreed: boolean;
}

/** Candidates about which members are being asked, or which they are told to drop or prune. */
interface Round {
  readonly id: number;
  readonly drop: boolean;
  readonly candidates: readonly Candidate[];
  /** What those who have not answered were asked about, in this order. */
  readonly waiting: Map<PeerId, readonly Candidate[]>;
  readonly deadlineMs: number;
}

/**
 * Forgets deleted keys for good, and in records that live on the writers of whom nothing is left (`storage/reapable.ts`). The first home replica of a key does it, following its index of tombstones, once `gc-grace` has
 * passed, and only while every member of the ring is up, and no slot moves: who copies one must not be handed what is forgotten meanwhile.
 *
 * Promise: a tombstone goes only when every home replica holds the very same one or nothing, and no other member holds anything of
 * the key: no old value is left that it would have to hold down (the wound of riak_kv#1094). The others drop it first and
 * say so; a key that is written meanwhile is written by this node, which still knows what the new version has to
 * cover. Whatever goes wrong, a tombstone stays somewhere and spreads again.
 *
 * A context is pruned on the same terms, since it does the same: what it says of a writer without a version holds down that writer's old
 * versions, should they turn up (riak_core#613). Where one replica was told and another was not, merging brings back what was pruned.
 */
export class Reaper {
  readonly messages = [Message.ReapAsk, Message.ReapAnswer];
  readonly counters = { reaped: 0, pruned: 0, refused: 0, staleRows: 0 };
  private readonly judge: ReapJudge;
  private walking = false;
  private stopped = false;
  private round: Round | null = null;
  /** Where the walk goes on; null: from the beginning, once the pause is over. */
  private cursor: Buffer | null = null;
  private pauseUntilMs = 0;
  /** Of the last tick: Unix ms, and for waiting the clock that cannot be set. */
  private nowMs = 0;
  private elapsedMs = 0;
  private nextId: number;

  constructor(
    private readonly store: RecordStore,
    private readonly topology: () => Topology,
    private readonly transport: Transport,
    private readonly options: ReaperOptions,
  ) {
    this.judge = new ReapJudge(store, topology, transport);
    this.nextId = options.firstRequest;
  }

  onMessage(type: number, peer: PeerId, body: FrameReader): boolean {
    return type === Message.ReapAsk ? this.judge.onAsk(peer, body) : this.onAnswer(peer, body);
  }

  peerDown(): void {
    this.abandon();
  }

  ringChanged(): void {
    this.abandon();
  }

  tick(nowMs: number, elapsedMs: number): void {
    this.nowMs = nowMs;
    this.elapsedMs = elapsedMs;
    if (this.round !== null) {
      if (elapsedMs >= this.round.deadlineMs) this.abandon();
      return;
    }
    if (this.walking || this.stopped || this.store.writeError !== null || !this.mayReap) return;
    if (this.cursor !== null || elapsedMs >= this.pauseUntilMs) this.walk();
  }

  stop(): void {
    this.stopped = true;
    this.abandon();
  }

  private get mayReap(): boolean {
    const { ring, peers, alive } = this.topology();
    return ring.phase === 'stable' && peers.every((peer) => alive[peer] === 1);
  }

  /** Looks at the next rows that are due. */
  private walk(): void {
    const grace = this.options.graceMs();
    this.walking = true;
    const { from, to } = tombstoneRange(this.nowMs - grace);
    const iterator = this.store.iterate({ from: this.cursor ?? from, to });
    iterator.next(KEYS_PER_ASK, (error, rows) => {
      iterator.close(() => {
        if (this.stopped) return;
        const more = error === null && rows.length === KEYS_PER_ASK;
        this.cursor = more ? Buffer.concat([rows[rows.length - 1].key, NEXT]) : null;
        const pause = Math.max(SHORTEST_PAUSE_MS, Math.min(LONGEST_PAUSE_MS, grace / PASSES_PER_GRACE));
        if (!more) this.pauseUntilMs = this.elapsedMs + pause;
        this.look(error === null ? rows : []);
      });
    });
  }

  private look(rows: readonly { key: Buffer; value: Buffer }[]): void {
    const entries = rows.map(({ key }) => {
      const { db, slot, key: name } = parseTombstoneKey(key);
      return this.store.pin(db, slot, name);
    });
    loadAll(this.store, entries, () => {
      const candidates: Candidate[] = [];
      rows.forEach(({ key, value }, i) => {
        const candidate = this.candidate(entries[i], Buffer.from(key), value);
        if (candidate === null) this.store.unpin(entries[i]);
        else candidates.push(candidate);
      });
      if (candidates.length === 0) this.walking = false;
      // Our own copy too must outlast a loss of power before anybody drops theirs.
      else this.store.sync((error) => this.begin(candidates, error));
    });
  }

  private candidate(entry: RecordEntry, row: Buffer, newest: Buffer): Candidate | null {
    const record = entry.record;
    if (record === undefined) return null;
    if (record === null || !isReapable(record) || newestOf(record) !== newest.readDoubleBE(0)) {
      this.counters.staleRows++;
      this.store.putRow(row, null);
      return null;
    }
    // The index goes by this node's clock alone, which may have been behind when the row was made; the hybrid clock never goes back.
    if (hlcToMs(highestHlc(record)) > this.nowMs - this.options.graceMs()) return null;
    const topology = this.topology();
    if (topology.firstLive[entry.slot] !== topology.self || !isSettled(this.store, entry)) return null;
    return { entry, record, row, agreed: true };
  }

  private begin(candidates: readonly Candidate[], error: Error | null): void {
    this.walking = false;
    const others = this.topology().peers;
    if (error !== null || this.stopped || !this.mayReap) this.release(candidates);
    else this.ask(false, candidates, new Map(others.map((peer) => [peer, candidates])));
  }

  /** All were asked and have agreed to these: the other home replicas are told to drop or prune them, this node goes last. */
  private dropElsewhere(candidates: readonly Candidate[]): void {
    const topology = this.topology();
    const told = new Map<PeerId, Candidate[]>();
    for (const candidate of candidates) {
      for (const home of topology.homes(candidate.entry.slot)) {
        if (home === topology.self) continue;
        const list = told.get(home);
        if (list === undefined) told.set(home, [candidate]);
        else list.push(candidate);
      }
    }
    this.ask(true, candidates, told);
  }

  private ask(
    drop: boolean,
    candidates: readonly Candidate[],
    waiting: Map<PeerId, readonly Candidate[]>,
  ): void {
    const id = this.nextId;
    this.nextId = id === 0xffffffff ? 1 : id + 1;
    this.round = {
      id,
      drop,
      candidates,
      waiting,
      deadlineMs: this.elapsedMs + this.options.requestTimeout(),
    };
    for (const [peer, list] of waiting) if (!this.send(peer, id, drop, list)) return this.abandon();
    if (waiting.size === 0) this.answered();
  }

  private send(peer: PeerId, id: number, drop: boolean, candidates: readonly Candidate[]): boolean {
    const { writers } = this.store;
    const out = this.transport.writer(peer);
    if (out === undefined) return false;
    out.begin();
    out.u8(Message.ReapAsk);
    out.u32(id);
    out.u8(drop ? 1 : 0);
    out.u16(candidates.length);
    for (const { entry, record } of candidates) {
      out.u8(entry.db);
      out.u16(entry.slot);
      out.latin1(entry.key);
      out.u32(digestA(record, writers));
      out.u32(digestB(record, writers));
    }
    return out.end();
  }

  private onAnswer(peer: PeerId, body: FrameReader): boolean {
    const id = body.u32();
    const count = body.u16();
    const verdicts = body.bytes(count);
    if (!body.finished) return false;
    const { round } = this;
    const asked = round?.id === id ? round.waiting.get(peer) : undefined;
    if (round === null || asked === undefined) return true;
    if (asked.length !== count) return false;
    asked.forEach((candidate, i) => {
      if (verdicts[i] !== 1) candidate.agreed = false;
    });
    round.waiting.delete(peer);
    if (round.waiting.size === 0) this.answered();
    return true;
  }

  /** Everybody has answered. */
  private answered(): void {
    const { candidates, drop } = this.round!;
    this.round = null;
    const going: Candidate[] = [];
    for (const candidate of candidates) {
      const { entry, record, agreed } = candidate;
      if (agreed && entry.record === record && isSettled(this.store, entry)) going.push(candidate);
      else this.refused(entry);
    }
    if (going.length === 0) return;
    if (!drop) return this.dropElsewhere(going);
    for (const { entry, record, row } of going) {
      this.counters[isGone(record) ? 'reaped' : 'pruned']++;
      this.store.put(entry, afterReaping(record));
      this.store.putRow(row, null);
    }
    this.release(going);
  }

  private refused(entry: RecordEntry): void {
    this.counters.refused++;
    this.store.unpin(entry);
  }

  /** Nothing has become of the round; its keys come up again with the next walk. */
  private abandon(): void {
    if (this.round === null) return;
    this.release(this.round.candidates);
    this.round = null;
  }

  private release(candidates: readonly Candidate[]): void {
    for (const { entry } of candidates) this.store.unpin(entry);
  }
}

const NEXT = Buffer.from([0]);
