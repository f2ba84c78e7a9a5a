import { jsonRow } from '../storage/checked-row.js';
import { metaKey, SLOTS } from '../storage/key-layout.js';
import type { LiveCounts } from '../storage/live-counts.js';
import type { RecordStore } from '../storage/record-store.js';
import type { FlushMarks } from './core/flush-marks.js';
import type { HybridClock } from './core/hlc.js';
import { majority } from './core/levels.js';
import { scanLocal } from './core/local-scan.js';
import type { Topology } from './core/topology.js';
import type { Clock, Random } from './environment.js';
import { NOBODY, type Node, SELF } from './node.js';
import type { NodePart } from './part.js';

/** Questions about the whole keyspace, with their numbers on the wire: frozen. 5 is that of `loads.ts`. */
const Query = {
  Scan: 1,
  Size: 2,
  Clock: 3,
  Flush: 4,
  /** The first two of one that is known to be filling: nobody else can be asked. */
  ScanAnyway: 6,
  SizeAnyway: 7,
} as const;

const HASHES = 2 ** 32;
const TELL_EVERY_MS = 1000;
/** So long a question about slots that have moved waits for news of the ring, ms. */
const RING_PATIENCE_MS = 2000;
/** Keys of a slot asked for in one step. */
const SLOT_KEYS_STEP = 10_000;
const ALL_SLOTS: readonly number[] = Array.from({ length: SLOTS }, (_, slot) => slot);
export const FLUSH_ROW = metaKey('flush-marks');

/** One key a scan has found. All values are strings so far. */
export interface FoundKey {
  readonly key: string;
  readonly type: string;
}

type Failure = string | null;

/** What the sweeper and the counter do when a database was flushed. */
export interface FlushListener {
  flushed(dbs: readonly number[]): void;
}

/**
 * The database as a whole, seen from any node: each slot is asked of this node if it is a home replica of it, else of the slot's
 * first live one; of one that is filling (`core/filling.ts`) only where there is no other. Levels do not apply here: what one replica
 * lacks, its answer lacks.
 */
export class ClusterKeyspace implements NodePart {
  readonly messages: readonly number[] = [];
  /** The flush marks that each peer is known to have. */
  private readonly confirmed = new Map<number, string>();
  private tellNextAt = 0;

  constructor(
    private readonly node: Node,
    private readonly store: RecordStore,
    private readonly counts: LiveCounts,
    private readonly marks: FlushMarks,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly hlc: HybridClock,
    private readonly listener: FlushListener,
    private readonly databases: number,
    /** Calls back once the counts are complete (they are counted afresh after an unclean stop). */
    private readonly whenCounted: (run: () => void) => void,
  ) {
    // What was flushed before a crash may lie ahead of a clock that was set back, or of one slower than the flusher's.
    hlc.startAbove(Math.max(...marks.all));
  }

  /** See `server/keyspace.ts`. A cursor is the place of the next key, slot and hash in one number. */
  scan(
    db: number,
    cursor: number,
    count: number,
    done: (f: Failure, next: number, items: FoundKey[]) => void,
  ): void {
    this.scanBefore(SLOTS, db, cursor, count, (failure, next, keys) => {
      done(
        failure,
        next,
        keys.map((key) => ({ key, type: 'string' })),
      );
    });
  }

  /** `scan`, which may end at `endSlot` and does not go beyond it. */
  private scanBefore(
    endSlot: number,
    db: number,
    cursor: number,
    count: number,
    done: (f: Failure, next: number, keys: readonly string[]) => void,
  ): void {
    const slot = Math.floor(cursor / HASHES);
    if (slot >= SLOTS) return done(null, 0, []);
    const hash = cursor % HASHES;
    const server = this.serverOf(slot);
    if (server === NOBODY) return done(unreachable(slot), 0, []);
    const end = Math.min(endSlot, this.endOfRun(slot, server));
    if (server === SELF) {
      this.scanHere(db, slot, hash, end, count, (failure, keys, next) => done(failure, next, keys));
      return;
    }
    const kind = this.isFilling(server) ? Query.ScanAnyway : Query.Scan;
    this.node.query(server, kind, JSON.stringify([db, slot, hash, end, count]), (answer, failure) => {
      if (answer === FILLING) {
        this.node.topology.setFilling(server, true);
        return this.scanBefore(endSlot, db, cursor, count, done);
      }
      if (answer === MOVED) {
        this.whenRingKnown(
          () => this.scanBefore(endSlot, db, cursor, count, done),
          () => done(unreachable(slot), 0, []),
        );
        return;
      }
      const parsed = failure === null ? parse<[number, string[]]>(answer) : undefined;
      if (parsed === undefined) done(unreachable(slot), 0, []);
      else done(null, parsed[0], parsed[1]);
    });
  }

  size(db: number, done: (f: Failure, keys: number) => void): void {
    this.sizeOf(db, ALL_SLOTS, done);
  }

  slotSize(db: number, slot: number, done: (f: Failure, keys: number) => void): void {
    this.sizeOf(db, [slot], done);
  }

  slotKeys(
    db: number,
    slot: number,
    count: number,
    done: (f: Failure, keys: readonly string[]) => void,
  ): void {
    const found: string[] = [];
    const goOn = (cursor: number): void => {
      const step = Math.min(count - found.length, SLOT_KEYS_STEP);
      this.scanBefore(slot + 1, db, cursor, step, (failure, next, keys) => {
        if (failure !== null) return done(failure, []);
        for (const key of keys) if (found.length < count) found.push(key);
        if (found.length >= count || Math.floor(next / HASHES) !== slot) done(null, found);
        else goOn(next);
      });
    };
    goOn(slot * HASHES);
  }

  private sizeOf(db: number, wanted: readonly number[], done: (f: Failure, keys: number) => void): void {
    const slotsOf = new Map<number, number[]>();
    for (const slot of wanted) {
      const server = this.serverOf(slot);
      if (server === NOBODY) return done(unreachable(slot), 0);
      const slots = slotsOf.get(server);
      if (slots === undefined) slotsOf.set(server, [slot]);
      else slots.push(slot);
    }
    let left = slotsOf.size;
    let total = 0;
    let failed: Failure = null;
    let moved = false;
    let learnt = false;
    const end = (): void => {
      if (--left > 0) return;
      if (learnt && failed === null) return this.sizeOf(db, wanted, done);
      if (moved && failed === null)
        this.whenRingKnown(
          () => this.sizeOf(db, wanted, done),
          () => done(UNCOUNTED, 0),
        );
      else done(failed, total);
    };
    const add = (keys: number | undefined): void => {
      if (keys === undefined) failed = UNCOUNTED;
      else total += keys;
      end();
    };
    for (const [server, slots] of slotsOf) {
      if (server === SELF) this.sizeHere(db, slots, add);
      else
        this.askSize(server, db, slots, (answer) => {
          if (answer === FILLING) learnt = true;
          else if (answer === MOVED) moved = true;
          else return add(parse<number>(answer));
          end();
        });
    }
  }

  private askSize(
    server: number,
    db: number,
    slots: readonly number[],
    done: (answer: string | null) => void,
  ): void {
    const kind = this.isFilling(server) ? Query.SizeAnyway : Query.Size;
    this.node.query(server, kind, JSON.stringify([db, ...slots]), (answer) => {
      if (answer === FILLING) this.node.topology.setFilling(server, true);
      done(answer);
    });
  }

  randomKey(db: number, done: (f: Failure, key: string | undefined) => void): void {
    const start = Math.floor(this.random.next() * SLOTS) * HASHES + Math.floor(this.random.next() * HASHES);
    this.firstFrom(db, start, true, done);
  }

  flush(db: number | undefined, done: (f: Failure) => void): void {
    const others = this.node.topology.peers;
    const peers = others.filter((peer) => this.node.isUp(peer));
    const members = others.length + 1;
    if (peers.length + 1 < majority(members)) {
      done(`NOQUORUM ${peers.length + 1} of ${members} nodes are reachable; nothing was flushed`);
      return;
    }
    // The mark has to lie above every write acknowledged so far, also those of a node whose clock is ahead of ours.
    let mark = this.hlc.next(this.clock.now(), 0);
    if (peers.length === 0) return this.flushEverywhere(db, mark, peers, done);
    let left = peers.length;
    let failed = false;
    for (const peer of peers) {
      this.node.query(peer, Query.Clock, '', (answer) => {
        const reading = parse<number>(answer);
        if (reading === undefined) failed = true;
        else mark = Math.max(mark, reading);
        if (--left > 0) return;
        if (failed) done('NOQUORUM a node did not answer; nothing was flushed');
        else this.flushEverywhere(db, mark, peers, done);
      });
    }
  }

  /** It has no messages of its own: questions come through `answer`. */
  onMessage(): boolean {
    return false;
  }

  /** Answers another node. */
  answer(kind: number, payload: string, reply: (answer: string) => void): void {
    if (kind === Query.Scan || kind === Query.ScanAnyway) {
      const question = numbers(payload);
      if (question.length !== 5) return reply('');
      const [db, slot, hash, end, count] = question;
      const slots = Array.from({ length: Math.min(end, SLOTS) - slot }, (_, i) => slot + i);
      const objection = this.objection(slots, kind === Query.ScanAnyway);
      if (objection !== null) return reply(objection);
      this.scanHere(db, slot, hash, end, count, (failure, keys, next) => {
        reply(failure === null ? JSON.stringify([next, keys]) : '');
      });
    } else if (kind === Query.Size || kind === Query.SizeAnyway) {
      const [db, ...slots] = numbers(payload);
      if (db === undefined) return reply('');
      const objection = this.objection(slots, kind === Query.SizeAnyway);
      if (objection !== null) return reply(objection);
      this.sizeHere(db, slots, (keys) => reply(JSON.stringify(keys)));
    } else if (kind === Query.Clock) {
      reply(JSON.stringify(this.hlc.next(this.clock.now(), 0)));
    } else if (kind === Query.Flush) {
      this.raise(numbers(payload), (failure) => reply(failure === null ? '1' : '0'));
    } else {
      reply('');
    }
  }

  /** A peer may be asked things again: it may have missed a flush, or have lost its disk. */
  peerUp(peer: number): void {
    this.confirmed.delete(peer);
    this.tellMarks(peer);
  }

  /** Marks are told until they are confirmed: a question may be lost, or be refused by a clock that is behind. */
  tick(_: number, elapsedMs: number): void {
    if (elapsedMs < this.tellNextAt) return;
    this.tellNextAt = elapsedMs + TELL_EVERY_MS;
    const { alive } = this.node.topology;
    for (const peer of alive.keys()) if (peer !== SELF && alive[peer] === 1) this.tellMarks(peer);
  }

  private tellMarks(peer: number): void {
    if (this.marks.all.every((mark) => mark === 0)) return;
    const marks = JSON.stringify(this.marks.all);
    if (this.confirmed.get(peer) === marks) return;
    this.node.query(peer, Query.Flush, marks, (answer) => {
      if (answer === '1') this.confirmed.set(peer, marks);
    });
  }

  private raise(marks: readonly number[], done: (f: Failure) => void): void {
    const now = this.clock.now();
    if (marks.some((mark) => mark > 0 && !this.hlc.observe(mark, now))) return done(TOO_FAR_AHEAD);
    const raised = this.marks.raise(marks);
    if (raised.length > 0) {
      for (const db of raised) this.store.readmit(db);
      this.store.putRow(FLUSH_ROW, jsonRow(this.marks.all));
      this.listener.flushed(raised);
      // Also those that whoever flushed does not know of yet: slots may come to them next.
      this.tellNextAt = 0;
    }
    this.store.whenSettled((error) => {
      done(
        error === null
          ? null
          : `MISCONF Errors writing to disk: ${error.message}; a restart may undo the flush`,
      );
    });
  }

  private flushEverywhere(
    db: number | undefined,
    mark: number,
    peers: number[],
    done: (f: Failure) => void,
  ): void {
    if (!this.hlc.observe(mark, this.clock.now())) return done(NOTHING_FLUSHED);
    const marks = Array.from({ length: this.databases }, (_, one) =>
      db === undefined || one === db ? mark : 0,
    );
    let left = peers.length + 1;
    let missed = 0;
    let ownFailure: Failure = null;
    const one = (ok: boolean): void => {
      if (!ok) missed++;
      if (--left > 0) return;
      if (missed === 0) done(null);
      else
        done(ownFailure ?? `NOQUORUM ${missed} nodes did not confirm; they may still hold what was flushed`);
    };
    this.raise(marks, (failure) => {
      ownFailure = failure;
      one(failure === null);
    });
    for (const peer of peers) {
      this.node.query(peer, Query.Flush, JSON.stringify(marks), (answer) => one(answer === '1'));
    }
  }

  private firstFrom(
    db: number,
    cursor: number,
    mayWrap: boolean,
    done: (f: Failure, key?: string) => void,
  ): void {
    this.scan(db, cursor, 1, (failure, next, items) => {
      if (failure !== null) done(failure, undefined);
      else if (items.length > 0) done(null, items[Math.floor(this.random.next() * items.length)].key);
      else if (next !== 0) this.firstFrom(db, next, mayWrap, done);
      else if (mayWrap) this.firstFrom(db, 0, false, done);
      else done(null, undefined);
    });
  }

  /** Tries again when this node knows another ring, or somebody has come or gone. */
  private whenRingKnown(again: () => void, giveUp: () => void): void {
    const deadline = this.clock.elapsed() + RING_PATIENCE_MS;
    if (!this.node.forwarder.hold({ slot: null, deadline, again, giveUp })) giveUp();
  }

  /**
   * Another node takes this one for a replica that has all of these slots; that may be no longer so, or not yet. Null: it is, or it
   * answers `anyway`.
   */
  private objection(slots: readonly number[], anyway: boolean): string | null {
    const { node } = this;
    if (!node.ready || slots.some((slot) => slot >= SLOTS || !isPlaced(node.topology, slot))) return MOVED;
    return anyway || slots.every((slot) => node.topology.isSource(slot)) ? null : FILLING;
  }

  private isFilling(peer: number): boolean {
    return this.node.topology.filling[peer] === 1;
  }

  private scanHere(
    db: number,
    slot: number,
    hash: number,
    end: number,
    count: number,
    done: (failure: Failure, keys: string[], next: number) => void,
  ): void {
    scanLocal(this.store, db, { slot, hash }, end, count, this.clock.now(), (error, keys, next) => {
      if (error !== null) return done(`ERR read failed: ${error.message}`, [], 0);
      const cursor = next === null ? end * HASHES : next.slot * HASHES + next.hash;
      done(null, keys, cursor >= SLOTS * HASHES ? 0 : cursor);
    });
  }

  private sizeHere(db: number, slots: readonly number[], done: (keys: number) => void): void {
    this.whenCounted(() => {
      if (slots.length === SLOTS) return done(this.counts.total(db));
      let keys = 0;
      for (const slot of slots) keys += this.counts.slot(db, slot);
      done(keys);
    });
  }

  private serverOf(slot: number): number {
    const { topology } = this.node;
    return topology.isSource(slot) ? SELF : topology.firstLiveSource(slot);
  }

  /** The first slot after `slot` that another node has to be asked for. */
  private endOfRun(slot: number, server: number): number {
    let end = slot + 1;
    while (end < SLOTS && this.serverOf(end) === server) end++;
    return end;
  }
}

/** The answer of a node that has not all of the slots asked for: it knows another ring. */
const MOVED = 'moved';
/** The answer of a node whose disk is new, while another replica that has more is up. */
const FILLING = 'filling';
const UNCOUNTED = 'NOQUORUM a replica did not answer; the keys could not be counted';
const NOTHING_FLUSHED =
  "NOQUORUM a node's clock is further ahead of ours than max-clock-drift; nothing was flushed";
const TOO_FAR_AHEAD =
  "NOQUORUM a node's clock is further ahead of ours than max-clock-drift; others may have been flushed";

function isPlaced(topology: Topology, slot: number): boolean {
  return topology.sources(slot).includes(topology.self);
}

function unreachable(slot: number): string {
  return `NOQUORUM no replica of slot ${slot} is reachable; nothing was read`;
}

function parse<T>(answer: string | null): T | undefined {
  if (answer === null || answer === '') return undefined;
  try {
    return JSON.parse(answer) as T;
  } catch {
    return undefined;
  }
}

/** A list of non-negative integers, empty when it is anything else. */
function numbers(payload: string): number[] {
  const list = parse<unknown>(payload);
  if (!Array.isArray(list)) return [];
  return list.every((one) => Number.isSafeInteger(one) && one >= 0) ? list : [];
}
