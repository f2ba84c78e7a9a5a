import type { MemoryDisk } from '../../../storage/engine-memory.js';
import { SLOTS } from '../../../storage/key-layout.js';
import { type KeyRecord, STRING } from '../../../storage/record.js';
import { StoreBench } from '../../../storage/record-store.test-support.js';
import { Recounter } from '../../../storage/recount.js';
import { writerId } from '../../../storage/writers.js';
import type { Clock } from '../../environment.js';
import { Message } from '../../messages.js';
import { FrameReader } from '../../transport/frame-reader.js';
import { HybridClock, hlcFromMs } from '../hlc.js';
import { Frames } from '../register/frames.test-support.js';
import { TokenBucket } from '../token-bucket.js';
import type { Topology } from '../topology.js';
import { AntiEntropy } from './anti-entropy.js';

const START_MS = Date.UTC(2026, 0, 1);
const QUIET = { info: () => {}, warn: () => {}, error: () => {} };

/** One node's records and its anti-entropy. Its disk, its turns and its messages move only when told. */
export class ReplicaBench {
  readonly disk: StoreBench;
  readonly repair: AntiEntropy;
  readonly frames = new Frames(1 << 24);
  readonly recounter: Recounter;
  elapsed = 0;
  streamThrottle = 1 << 30;
  repairInterval = 0;

  constructor(
    readonly self: number,
    public topology: Topology,
    found?: MemoryDisk,
  ) {
    this.disk = new StoreBench(undefined, found, SLOTS);
    const { store, summaries } = this.disk;
    this.recounter = new Recounter(store, summaries, (error) => {
      throw error;
    });
    this.recounter.start(undefined);
    this.disk.settle();
    this.repair = new AntiEntropy(
      store,
      summaries,
      () => this.topology,
      this.frames.transport,
      this.clock,
      { next: () => 0.5 },
      new HybridClock(0, () => 60_000),
      QUIET,
      {
        ready: () => this.recounter.known,
        handedOver: () => true,
        interval: () => this.repairInterval,
        throttle: () => 1 << 30,
        pace: new TokenBucket(() => this.streamThrottle),
        firstRequest: 1,
      },
    );
  }

  get clock(): Clock {
    return {
      now: () => START_MS + this.elapsed,
      elapsed: () => this.elapsed,
      defer: () => {},
      setTimer: () => 0,
      clearTimer: () => {},
    };
  }

  /** A write of the node with this digit all over, at that time. */
  put(slot: number, key: string, payload: string, at = 1, digit = 'd'): void {
    const entry = this.disk.store.pin(0, slot, key);
    if (entry.record === undefined) this.disk.store.load(entry, { loaded: () => {} });
    this.disk.settle();
    this.disk.store.put(entry, this.record(payload, at, digit));
    this.disk.store.unpin(entry);
    this.disk.settle();
  }

  /** The same of one key in each of these slots. */
  putAll(slots: readonly number[], key: string, payload: string, at = 1): void {
    const keys = slots.map((slot) => [slot, `${key}@${slot}`] as const);
    this.putThese(keys, payload, at);
  }

  /** So many keys of one slot. */
  putMany(slot: number, keys: number): void {
    this.putThese(
      Array.from({ length: keys }, (_, i) => [slot, `key${i}`]),
      'x',
      1,
    );
  }

  private putThese(
    keys: readonly (readonly [slot: number, key: string])[],
    payload: string,
    at: number,
  ): void {
    const { store } = this.disk;
    const entries = keys.map(([slot, key]) => store.pin(0, slot, key));
    for (const entry of entries) if (entry.record === undefined) store.load(entry, { loaded: () => {} });
    this.disk.settle();
    for (const entry of entries) {
      store.put(entry, this.record(payload, at));
      store.unpin(entry);
    }
    this.disk.settle();
  }

  record(payload: string, at = 1, digit = 'd', expireAt = 0): KeyRecord {
    const writer = this.disk.writers.index(writerId(digit.repeat(32), 0));
    const hlc = hlcFromMs(START_MS) + at;
    return { context: [writer, hlc], siblings: [{ writer, hlc, type: STRING, expireAt, payload }] };
  }

  /** The payload; undefined: no record. */
  get(slot: number, key: string): string | undefined {
    const entry = this.disk.store.pin(0, slot, key);
    if (entry.record === undefined) this.disk.store.load(entry, { loaded: () => {} });
    this.disk.settle();
    this.disk.store.unpin(entry);
    return entry.record?.siblings[0]?.payload;
  }

  keys(slot: number): number {
    return this.disk.counts.slot(0, slot);
  }
}

/** Some nodes that send each other messages. */
export class ReplicaRing<T extends ReplicaBench = ReplicaBench> {
  /** Messages of these types to these nodes are lost. */
  lost: (from: number, to: number, type: number) => boolean = () => false;

  constructor(readonly nodes: T[]) {}

  /** Everything that is on its way arrives, and is answered, until nothing moves any more or so many rounds are over. */
  deliver(rounds = Number.POSITIVE_INFINITY): void {
    for (let round = 0; round < rounds; round++) {
      for (const { disk } of this.nodes) disk.settle();
      const all = this.nodes.flatMap(({ self, frames }) =>
        frames.sent().map((sent) => ({ from: self, ...sent })),
      );
      if (all.length === 0) return;
      for (const { from, peer, type, body } of all) {
        if (this.lost(from, peer, type)) continue;
        if (!this.take(this.nodes[peer], from, type, body))
          throw new Error(
            `${peer} refused ${Object.keys(Message).find((name) => Message[name as never] === type)}`,
          );
      }
    }
  }

  /** So much time goes by, with all that comes of it. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 50) {
      for (const node of this.nodes) {
        node.elapsed += 50;
        this.tick(node);
      }
      this.deliver();
    }
  }

  protected take(node: T, from: number, type: number, body: Buffer): boolean {
    return node.repair.onMessage(type, from, new FrameReader().reset(body, 0, body.length));
  }

  protected tick(node: T): void {
    node.repair.tick();
  }
}
