import { HintStore } from '../../storage/hint-store.js';
import { dataKey } from '../../storage/key-layout.js';
import type { KeyRecord } from '../../storage/record.js';
import type { RecordEntry } from '../../storage/record-cache.js';
import { StoreBench } from '../../storage/record-store.test-support.js';
import { fnv1a } from '../../storage/writers.js';
import type { Clock } from '../environment.js';
import { Message } from '../messages.js';
import { FrameReader } from '../transport/frame-reader.js';
import { FrameWriter } from '../transport/frame-writer.js';
import type { Transport } from '../transport.js';
import { Handoff } from './handoff.js';
import { Topology } from './topology.js';
import { membersOf } from './topology.test-support.js';

/** A hint that was sent. */
export interface SentHint {
  readonly peer: number;
  readonly id: number;
  readonly key: string;
  readonly bytes: number;
}

/**
 * The handoff of node 0 in a cluster of five with three replicas: the others are the test, and its disk and its turns move only
 * when told. `home` is a slot of which node 0 is a home replica, `foreign` one of which it is none.
 */
export class HandoffBench {
  readonly disk = new StoreBench();
  readonly store = this.disk.store;
  readonly forgotten: (KeyRecord | null)[] = [];
  topology: Topology;
  readonly home: number;
  readonly foreign: number;
  hints!: HintStore;
  handoff!: Handoff;
  throttle = 1 << 30;
  windowSeconds = 1000;
  readonly warnings: string[] = [];
  /** Peers that cannot be sent anything, though nobody has said that they are down. */
  readonly deaf = new Set<number>();
  private elapsed = 1;
  private readonly frames = new Map<number, FrameWriter>();

  constructor() {
    const members = membersOf(5);
    this.topology = new Topology(members, 0, 3, 8, true);
    for (let peer = 1; peer < members.length; peer++) this.topology.setAlive(peer, true);
    this.home = this.topology.isHome.indexOf(1);
    this.foreign = this.topology.isHome.indexOf(0);
    this.start();
  }

  /** A new life on the same disk. */
  start(): void {
    const clock: Clock = {
      now: () => 1_000_000 + this.elapsed,
      elapsed: () => this.elapsed,
      defer: () => {},
      setTimer: () => 0,
      clearTimer: () => {},
    };
    const transport = {
      writer: (peer: number) => (this.deaf.has(peer) ? undefined : this.frame(peer)),
    } as unknown as Transport;
    const log = {
      info: () => {},
      warn: (_: object, text: string) => void this.warnings.push(text),
      error: (_: object, text: string) => void this.warnings.push(text),
    };
    this.hints = new HintStore(this.store, () => 1 << 24);
    this.handoff = new Handoff(this.store, this.hints, () => this.topology, transport, clock, log, {
      throttle: () => this.throttle,
      window: () => this.windowSeconds,
      forgot: (record) => void this.forgotten.push(record),
      firstRequest: 1,
    });
    this.handoff.formed();
    this.disk.settle();
  }

  /** Home replicas of the foreign slot, and of the home slot without node 0. */
  homes(slot: number): number[] {
    return [...this.topology.homes(slot)].filter((member) => member !== 0);
  }

  down(...members: number[]): void {
    for (const member of members) {
      this.topology.setAlive(member, false);
      this.handoff.peerDown(member);
    }
    this.tick();
  }

  up(...members: number[]): void {
    for (const member of members) {
      this.topology.setAlive(member, true);
      this.handoff.peerUp(member);
    }
    this.tick();
  }

  /** Time goes on, and everything that is to be done by then is done. */
  tick(ms = 50): void {
    this.elapsed += ms;
    this.handoff.tick(1_000_000 + this.elapsed, this.elapsed);
    this.disk.settle();
  }

  record(payload: string, hlc: number): KeyRecord {
    return this.disk.record(payload, hlc);
  }

  /** Writes a record whose hints go with it, as the coordinator does. */
  write(slot: number, key: string, payload: string, hlc: number, ...lacking: number[]): void {
    const entry = this.loaded(slot, key);
    this.store.put(entry, this.record(payload, hlc));
    for (const member of lacking) this.handoff.keep(member, entry);
    this.disk.settle();
    this.store.unpin(entry);
  }

  /** What this node has of the key, from the disk if need be; null: nothing. */
  value(slot: number, key: string): string | null {
    const entry = this.loaded(slot, key);
    this.store.unpin(entry);
    return entry.record?.siblings[0]?.payload ?? null;
  }

  loaded(slot: number, key: string): RecordEntry {
    const entry = this.store.pin(0, slot, key);
    if (entry.record === undefined) {
      this.store.load(entry, { loaded: () => {} });
      this.disk.settle();
    }
    return entry;
  }

  /** Throws everything out of the cache. */
  evict(): void {
    const { cacheBytes } = this.disk;
    this.disk.cacheBytes = 0;
    for (let i = 0; i < 3; i++) this.store.unpin(this.store.pin(0, 0, `other${i}`));
    this.disk.cacheBytes = cacheBytes;
  }

  /** Turns the record that is on the disk into rubbish. */
  damage(slot: number, key: string): void {
    this.evict();
    const batch = this.disk.engine.batch();
    batch.put(dataKey(slot, 0, fnv1a(key), key), Buffer.from('rubbish'));
    batch.write(true, () => {});
    this.disk.settle();
  }

  /** What was sent since the last call. */
  sent(): SentHint[] {
    const all: SentHint[] = [];
    for (const [peer, frame] of this.frames) {
      const bytes = frame.take();
      for (let at = 0; at < bytes.length; ) {
        const end = at + 4 + bytes.readUInt32BE(at);
        const body = new FrameReader().reset(bytes, at + 4, end);
        if (body.u8() !== Message.Hint) throw new Error('not a hint');
        const id = body.u32();
        body.u8();
        body.u16();
        all.push({ peer, id, key: body.latin1(), bytes: end - at });
        at = end;
      }
    }
    return all;
  }

  /** The receiver's word on what it was sent; false: the message was refused as garbled. */
  answer({ id }: SentHint, peer: number, ok = true): boolean {
    const message = new FrameWriter(64);
    message.begin();
    message.u32(id);
    message.u8(ok ? 1 : 0);
    message.end();
    const bytes = message.take();
    const taken = this.handoff.onMessage(
      Message.HintAck,
      peer,
      new FrameReader().reset(bytes, 4, bytes.length),
    );
    this.disk.settle();
    return taken;
  }

  /** Answers all that was sent since the last call; returns their keys. */
  answerAll(ok = true): string[] {
    const all = this.sent();
    for (const one of all) this.answer(one, one.peer, ok);
    return all.map(({ key }) => key);
  }

  private frame(peer: number): FrameWriter {
    let frame = this.frames.get(peer);
    if (frame === undefined) {
      frame = new FrameWriter(1 << 24);
      this.frames.set(peer, frame);
    }
    return frame;
  }
}
