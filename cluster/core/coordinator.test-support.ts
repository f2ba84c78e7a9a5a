import { expect } from 'vitest';
import { dataKey } from '../../storage/key-layout.js';
import { Quarantine } from '../../storage/quarantine.js';
import { type KeyRecord, STRING } from '../../storage/record.js';
import type { RecordEntry } from '../../storage/record-cache.js';
import { RecordScratch } from '../../storage/record-scratch.js';
import { StoreBench } from '../../storage/record-store.test-support.js';
import { fnv1a, writerId } from '../../storage/writers.js';
import type { Clock } from '../environment.js';
import { Message } from '../messages.js';
import { FrameReader } from '../transport/frame-reader.js';
import { FrameWriter } from '../transport/frame-writer.js';
import type { Transport } from '../transport.js';
import { Coordinator } from './coordinator.js';
import { DamagedRecords } from './damaged-records.js';
import type { Hints } from './hints.js';
import { HybridClock, hlcFromMs } from './hlc.js';
import { Operation } from './operation.js';
import { OwnWriters } from './own-writers.js';
import { Replica } from './replica.js';
import { Topology } from './topology.js';
import { membersOf } from './topology.test-support.js';
import { digestA, digestB } from './version.js';

const START_MS = Date.UTC(2026, 0, 1);
const QUIET = { info: () => {}, warn: () => {}, error: () => {} };

const CARRY_EPOCH: ReadonlySet<number> = new Set([Message.Write, Message.WriteHinted, Message.Read]);

/** A message this node has sent. */
export interface Sent {
  readonly peer: number;
  readonly type: number;
  /** The request's or the group's number. */
  readonly id: number;
  /** Read: 1 for the full record; WriteEnd: records; WriteAck: 1 for yes. */
  readonly value: number;
}

/** An operation on some keys that appends to what it finds (a write) or looks at it. */
export class TestOperation extends Operation {
  /** What it found each time it ran. */
  readonly found: (string | null)[] = [];
  /** How it ended, each time. */
  readonly ends: (string | null)[] = [];

  constructor(
    private readonly bench: CoreBench,
    private readonly append: string | null,
  ) {
    super();
    this.isWrite = append !== null;
  }

  run(): void {
    const found = this.record(0)?.siblings[0]?.payload ?? null;
    this.found.push(found);
    if (this.append === null) return;
    for (let i = 0; i < this.count; i++) {
      const before = this.record(i)?.siblings[0]?.payload ?? '';
      this.bench.coordinator.write(this, i, STRING, before + this.append, 0);
    }
  }

  finish(failure: string | null): void {
    this.ends.push(failure);
  }
}

/** Remembers who lacks what. */
class HintsInMemory implements Hints {
  /** `home key` of every hint. */
  readonly kept = new Set<string>();
  full = false;

  insist(home: number, { key }: RecordEntry): void {
    this.kept.add(`${home} ${key}`);
  }

  keep(home: number, { key }: RecordEntry): boolean {
    if (this.full) return false;
    this.kept.add(`${home} ${key}`);
    return true;
  }

  secure({ key }: RecordEntry): boolean {
    return [...this.kept].some((hint) => hint.endsWith(` ${key}`));
  }
}

/**
 * Node 0 of a cluster whose other members are the test: its disk, its turns and what the peers say move only when told. All
 * of it in slot `slot`, of which node 0 is the first home replica.
 */
export class CoreBench {
  readonly disk = new StoreBench();
  readonly store = this.disk.store;
  topology: Topology;
  readonly coordinator: Coordinator;
  readonly replica: Replica;
  readonly damaged: DamagedRecords;
  /** How often the node was told that its disk has lost versions. */
  lostSome = 0;
  readonly slot: number;
  readonly hints = new HintsInMemory();
  now = START_MS;
  /** Peers that cannot be sent anything, though nobody has said that they are down. */
  readonly deaf = new Set<number>();
  /** Peers for which too much is queued. */
  readonly crowded = new Set<number>();
  /** How often it was asked for a look at the reads under way. */
  looksPlanned = 0;
  readonly standInWriter = this.disk.writers.index(writerId('c'.repeat(32), 0));
  readonly otherWriter = this.disk.writers.index(writerId('b'.repeat(32), 0));
  /** Sent, and not yet looked at. */
  private readonly unread: Sent[] = [];
  private readonly frames = new Map<number, FrameWriter>();
  private readonly scratch = new RecordScratch(this.disk.writers);

  constructor(members = 3, sloppy = false) {
    const list = membersOf(members);
    this.topology = new Topology(list, 0, 3, 8, sloppy);
    for (let peer = 1; peer < members; peer++) this.topology.setAlive(peer, true);
    this.slot = this.topology.firstLive.indexOf(0);
    const clock: Clock = {
      now: () => this.now,
      defer: () => {},
      elapsed: () => this.now,
      setTimer: () => 0,
      clearTimer: () => {},
    };
    const transport = {
      writer: (peer: number) =>
        this.deaf.has(peer) || this.crowded.has(peer) ? undefined : this.frame(peer),
      isUp: (peer: number) => !this.deaf.has(peer),
      isFull: (peer: number) => this.crowded.has(peer),
    } as unknown as Transport;
    const hlc = new HybridClock(0, () => 60_000);
    const { store } = this;
    const topology = () => this.topology;
    const { hints, disk } = this;
    const options = {
      readQuorum: () => -1,
      writeQuorum: () => -1,
      requestTimeout: () => 1000,
      firstRequest: 1,
    };
    const own = new OwnWriters(disk.writer, () => this.standInWriter);
    const planLook = (): void => {
      this.looksPlanned++;
    };
    this.coordinator = new Coordinator(store, topology, transport, clock, hlc, own, hints, options, planLook);
    this.replica = new Replica(store, transport, clock, hlc, QUIET, topology, hints);
    this.damaged = new DamagedRecords(
      store,
      new Quarantine(store, () => 1 << 20),
      topology,
      () => this.coordinator.reads,
      clock,
      QUIET,
      { forgot: () => own.forgot(null), lostSome: () => void (own.lostSome() && this.lostSome++) },
    );
    const { groups } = this.coordinator;
    store.onCommitBegin = (seq) => groups.commitBegins(seq);
    store.onCommitRecord = (entry, bytes, length) => groups.commitRecord(entry, bytes, length);
    store.onCommitSent = (seq) => groups.commitSent(seq);
    store.onCommitEnd = (seq, error) => {
      this.coordinator.commitEnds(seq, error);
      this.replica.commitEnds(seq, error);
    };
  }

  /** A record another node has written, `age` being the ticks since the world began. */
  record(payload: string, age: number): KeyRecord {
    const hlc = hlcFromMs(START_MS) + age;
    const version = { writer: this.otherWriter, hlc, type: STRING, expireAt: 0, payload } as const;
    return { context: [this.otherWriter, hlc], siblings: [version] };
  }

  /** Puts a record on this node's disk, out of its cache. */
  onDisk(key: string, record: KeyRecord): void {
    this.inCache(key, record);
    const { cacheBytes } = this.disk;
    this.disk.cacheBytes = 0;
    for (let i = 0; i < 3; i++) this.store.unpin(this.store.pin(0, this.slot, `other${i}`));
    this.disk.cacheBytes = cacheBytes;
  }

  /** Puts a record on this node's disk and in its cache. */
  inCache(key: string, record: KeyRecord): void {
    const entry = this.store.pin(0, this.slot, key);
    this.store.load(entry, { loaded: () => this.store.put(entry, record) });
    this.disk.settle();
    this.store.unpin(entry);
  }

  /** Turns the record that is on the disk into rubbish. */
  damage(key: string): void {
    const batch = this.disk.engine.batch();
    batch.put(dataKey(this.slot, 0, fnv1a(key), key), Buffer.from('rubbish'));
    batch.write(true, () => {});
    this.disk.settle();
  }

  /** What this node has now, from the disk if need be. */
  load(key: string): string | null {
    const entry = this.store.pin(0, this.slot, key);
    if (entry.record === undefined) this.store.load(entry, { loaded: () => {} });
    this.disk.settle();
    return entry.record?.siblings[0]?.payload ?? null;
  }

  begin(key: string, append: string | null, level = 0, ...more: string[]): TestOperation {
    const operation = new TestOperation(this, append);
    for (const one of [key, ...more]) operation.addKey(0, this.slot, one);
    operation.readLevel = level;
    operation.writeLevel = level;
    this.coordinator.begin(operation);
    return operation;
  }

  /** A write that does not depend on what the key holds; null: it writes nothing after all. */
  overwrite(key: string, value: string | null): TestOperation {
    const operation = new TestOperation(this, value);
    operation.isWrite = true;
    operation.overwrites = true;
    operation.addKey(0, this.slot, key);
    this.coordinator.begin(operation);
    return operation;
  }

  /** What was sent since the last call. */
  sent(): Sent[] {
    const all = this.unread.splice(0);
    for (const [peer, frame] of this.frames) {
      const bytes = frame.take();
      for (let at = 0; at < bytes.length; ) {
        const end = at + 4 + bytes.readUInt32BE(at);
        const body = new FrameReader().reset(bytes, at + 4, end);
        const type = body.u8();
        const id = body.u32();
        if (CARRY_EPOCH.has(type)) expect(body.u32()).toBe(this.topology.epoch);
        const value = type === Message.WriteEnd ? body.u32() : body.u8();
        all.push({ peer, type, id, value });
        at = end;
      }
    }
    return all;
  }

  /** Every `Read` sent since is answered by its peer with what `records` says it has. */
  answerReads(records: Readonly<Record<number, KeyRecord | null>>): void {
    const sent = this.sent();
    this.unread.push(...sent.filter(({ type }) => type !== Message.Read));
    this.answer(sent, records);
  }

  /** The same for what was sent before; peers that are not named do not answer. */
  answer(sent: readonly Sent[], records: Readonly<Record<number, KeyRecord | null>>): void {
    const { writers } = this.disk;
    for (const { peer, type, id, value } of sent) {
      const record = records[peer];
      if (type !== Message.Read || record === undefined) continue;
      this.coordinator.reads.answered(peer, id, (read) => {
        if (value === 1) read.full(peer, record);
        else read.digest(peer, digestA(record, writers), digestB(record, writers));
      });
    }
  }

  /** Every group of writes sent since is confirmed, or not, by its peer. Returns how many. */
  confirmAll(ok = true): number {
    const ends = this.sent().filter(({ type }) => type === Message.WriteEnd);
    for (const { peer, id } of ends) this.coordinator.acknowledged(peer, id, ok);
    return ends.length;
  }

  /** A peer sends one record of a group, or its end. */
  write(peer: number, group: number, key: string, record: KeyRecord, epoch = this.topology.epoch): void {
    const length = this.scratch.encode(record, fnv1a(key));
    const message = new FrameWriter(1 << 20);
    message.begin();
    message.u32(group);
    message.u32(epoch);
    message.u8(0);
    message.u16(this.slot);
    message.latin1(key);
    message.bytes(this.scratch.buffer, 0, length);
    message.end();
    this.replica.onWrite(peer, readerOf(message));
  }

  writeEnd(peer: number, group: number, records: number): void {
    const message = new FrameWriter(64);
    message.begin();
    message.u32(group);
    message.u32(records);
    message.end();
    this.replica.onWriteEnd(peer, readerOf(message));
  }

  private frame(peer: number): FrameWriter {
    let frame = this.frames.get(peer);
    if (frame === undefined) {
      frame = new FrameWriter(1 << 20);
      this.frames.set(peer, frame);
    }
    return frame;
  }
}

function readerOf(message: FrameWriter): FrameReader {
  const bytes = message.take();
  return new FrameReader().reset(bytes, 4, bytes.length);
}
