import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { type KeyRecord, STRING } from '../../../storage/record.js';
import { RecordScratch } from '../../../storage/record-scratch.js';
import { StoreBench } from '../../../storage/record-store.test-support.js';
import { writerId } from '../../../storage/writers.js';
import type { Clock } from '../../environment.js';
import { Message } from '../../messages.js';
import { FrameReader } from '../../transport/frame-reader.js';
import { FrameWriter } from '../../transport/frame-writer.js';
import type { Transport } from '../../transport.js';
import { HybridClock, hlcFromMs } from '../hlc.js';
import { TokenBucket } from '../token-bucket.js';
import { Topology } from '../topology.js';
import { AntiEntropy } from './anti-entropy.js';
import { Ask, Depth, End } from './wire.js';

const START_MS = Date.UTC(2026, 0, 1);
const QUIET = { info: () => {}, warn: () => {}, error: () => {} };
const PEER = 1;
/** Of the three members two are home replicas of each slot. */
const MEMBERS = ['a', 'b', 'c'].map((name) => ({
  name,
  tokens: name,
  rack: '',
  weight: 1,
  nodeId: name.repeat(32),
  busAddress: `${name}:1`,
  clientAddress: `${name}:2`,
}));

/** Node 0; its peers are the test. */
class Bench {
  readonly disk = new StoreBench();
  readonly topology = new Topology(MEMBERS, 0, 2, 8);
  readonly repair: AntiEntropy;
  readonly shared: number;
  now = START_MS;
  ready = true;
  streamThrottle = 1 << 20;
  private readonly frame = new FrameWriter(1 << 22);

  constructor() {
    for (const peer of [1, 2]) this.topology.setAlive(peer, true);
    const slots = Array.from({ length: 16384 }, (_, slot) => slot);
    const homes = (slot: number): number[] => [...this.topology.homes(slot)];
    this.shared = slots.find((slot) => homes(slot).includes(0) && homes(slot).includes(PEER))!;
    const clock: Clock = {
      now: () => this.now,
      elapsed: () => this.now - START_MS,
      defer: () => {},
      setTimer: () => 0,
      clearTimer: () => {},
    };
    const transport = { writer: () => this.frame } as unknown as Transport;
    const hlc = new HybridClock(0, () => 60_000);
    const { store, summaries } = this.disk;
    const random = { next: () => 0.5 };
    this.repair = new AntiEntropy(
      store,
      summaries,
      () => this.topology,
      transport,
      clock,
      random,
      hlc,
      QUIET,
      {
        ready: () => this.ready,
        handedOver: () => true,
        interval: () => 0,
        throttle: () => 1 << 20,
        pace: new TokenBucket(() => this.streamThrottle),
        firstRequest: 1,
      },
    );
  }

  /** The peer says something; what this node makes of it. */
  hear(type: number, write: (out: FrameWriter) => void, request = 1): boolean {
    const message = new FrameWriter(1 << 20);
    message.begin();
    message.u32(request);
    write(message);
    message.end();
    const bytes = message.take();
    return this.repair.onMessage(type, PEER, new FrameReader().reset(bytes, 4, bytes.length));
  }

  /** What was said since the last call: types and requests. */
  said(): { type: number; request: number; body: FrameReader }[] {
    const bytes = Buffer.from(this.frame.take());
    const all = [];
    for (let at = 0; at < bytes.length; ) {
      const end = at + 4 + bytes.readUInt32BE(at);
      const body = new FrameReader().reset(bytes, at + 4, end);
      all.push({ type: body.u8(), request: body.u32(), body });
      at = end;
    }
    return all;
  }

  settle(): void {
    for (let i = 0; i < 5; i++) {
      this.repair.tick();
      this.disk.settle();
    }
  }

  record(hlc: number): KeyRecord {
    const writer = this.disk.writers.index(writerId('d'.repeat(32), 0));
    return { context: [writer, hlc], siblings: [{ writer, hlc, type: STRING, expireAt: 0, payload: 'x' }] };
  }
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

const range = (out: FrameWriter, what: number, slot: number, from = 0, to = 0xffffffff): void => {
  out.u8(what);
  out.u8(0);
  out.u16(slot);
  out.u32(from);
  out.u32(to);
};

describe('what makes no sense closes the connection', () => {
  it.each<[string, number, (out: FrameWriter) => void]>([
    ['a depth that does not exist', Message.TreeAsk, (out) => out.u8(4)],
    ['a root of places', Message.TreeAsk, (out) => [out.u8(Depth.Root), out.u16(1)]],
    ['a group that does not exist', Message.TreeAsk, (out) => [out.u8(Depth.Slots), out.u16(128)]],
    ['a slot that does not exist', Message.TreeAsk, (out) => [out.u8(Depth.Leaves), out.u16(16384)]],
    [
      'more slots than fit an answer',
      Message.TreeAsk,
      (out) => [out.u8(Depth.Leaves), ...Array.from({ length: 129 }, (_, i) => out.u16(i))],
    ],
    ['half a place', Message.TreeAsk, (out) => [out.u8(Depth.Leaves), out.u8(1)]],
    [
      'a range that ends before it begins',
      Message.RangeAsk,
      (out) => range(out, Ask.List, bench.shared, 2, 1),
    ],
    ['a range of a slot that does not exist', Message.RangeAsk, (out) => range(out, Ask.List, 16384)],
    ['records of no hashes', Message.RangeAsk, (out) => range(out, Ask.Some, bench.shared)],
    [
      'hashes out of order',
      Message.RangeAsk,
      (out) => [range(out, Ask.Some, bench.shared), out.u32(2), out.u32(1)],
    ],
    ['a question that does not exist', Message.RangeAsk, (out) => range(out, 3, bench.shared)],
    [
      'a list out of order',
      Message.RangeList,
      (out) => [out.u32(9), ...[5, 0, 0, 4, 0, 0].map((n) => out.u32(n))],
    ],
    ['a list beyond its end', Message.RangeList, (out) => [out.u32(3), ...[5, 0, 0].map((n) => out.u32(n))]],
    [
      'a damaged record',
      Message.RepairRecord,
      (out) => [out.u8(1), out.u8(0), out.u16(bench.shared), out.latin1('key'), out.u32(0)],
    ],
    ['an end that does not exist', Message.RepairEnd, (out) => [out.u8(9), out.u32(1), out.u32(0)]],
  ])('%s', (_, type, write) => {
    expect(bench.hear(type, write)).toBe(false);
  });

  it('and rubbish never throws', () => {
    const { messages } = bench.repair;
    fc.assert(
      fc.property(fc.constantFrom(...messages), fc.uint8Array({ maxLength: 60 }), (type, bytes) => {
        const buffer = Buffer.from(bytes);
        bench.repair.onMessage(type, PEER, new FrameReader().reset(buffer, 0, buffer.length));
        bench.settle();
        bench.said();
      }),
      { numRuns: 2000 },
    );
  });

  it('and so do more questions than one peer may have open', () => {
    bench.disk.put('key', 'x');
    const heard = Array.from({ length: 65 }, (_, i) =>
      bench.hear(Message.RangeAsk, (out) => range(out, Ask.List, bench.shared), i + 1),
    );
    expect(heard.slice(0, 64).every((ok) => ok)).toBe(true);
    expect(heard[64]).toBe(false);
  });
});

describe('answers that nobody waits for', () => {
  it.each<[number, (out: FrameWriter) => void]>([
    [Message.TreeAnswer, (out) => out.u8(Depth.Root)],
    [Message.RangeList, (out) => out.u32(9)],
    [Message.RepairEnd, (out) => [out.u8(End.Done), out.u32(1), out.u32(0)]],
  ])('are let pass: they come too late', (type, write) => {
    expect(bench.hear(type, write, 77)).toBe(true);
  });
});

describe('the answering side', () => {
  it('has no time while its trees are not known', () => {
    bench.ready = false;
    expect(bench.hear(Message.TreeAsk, (out) => out.u8(Depth.Root))).toBe(true);
    const [{ type, body }] = bench.said();
    expect([type, body.u8()]).toEqual([Message.RepairEnd, End.Cannot]);
  });

  // Seed 3001690 of `simulate -- --serial --minutes 0.4`: the peer was taken for dead in the middle of it.
  it('vouches for nothing of a push that it does not know all of any more', () => {
    expect(bench.hear(Message.RepairEnd, (out) => [out.u8(End.Pushed), out.u32(1), out.u32(0)], 7)).toBe(
      true,
    );
    const [{ type, request, body }] = bench.said();
    expect([type, request, body.u8(), body.u32()]).toEqual([Message.RepairEnd, 7, End.Done, 0]);
  });

  it('says that it is at it while an answer takes long', () => {
    expect(bench.hear(Message.RangeAsk, (out) => range(out, Ask.List, bench.shared), 5)).toBe(true);
    bench.now += 1500;
    bench.repair.tick();
    expect(bench.said().map(({ type, request }) => [type, request])).toContainEqual([Message.RepairEnd, 5]);
  });
});

describe('the asking side', () => {
  /** Begins a repair with the peer and answers its first question. */
  function begin(): { ended: (readonly string[])[] } {
    const ended: (readonly string[])[] = [];
    bench.topology.setAlive(2, false);
    bench.repair.repair(bench.shared, (failures) => ended.push(failures));
    bench.repair.tick();
    return { ended };
  }

  it('gives up on a peer that stays silent, tries again, and says so in the end', () => {
    const { ended } = begin();
    for (let i = 0; i < 20; i++) {
      bench.now += 11_000;
      bench.repair.tick();
    }
    expect(ended).toEqual([['b: the peer did not answer in time']]);
    expect(bench.said().filter(({ type }) => type === Message.TreeAsk)).toHaveLength(3);
  });

  it('waits longer for a peer that says that it is at it', () => {
    const { ended } = begin();
    const [{ request }] = bench.said();
    for (let i = 0; i < 20; i++) {
      bench.now += 5000;
      bench.hear(Message.RepairEnd, (out) => [out.u8(End.Working), out.u32(0), out.u32(0)], request);
      bench.repair.tick();
    }
    expect(ended).toEqual([]);
    expect(bench.said()).toEqual([]);
  });

  it('ends when the peer goes', () => {
    const { ended } = begin();
    bench.topology.setAlive(PEER, false);
    bench.repair.peerDown(PEER);
    bench.now += 5000;
    bench.repair.tick();
    expect(ended).toEqual([['b: the peer is down']]);
  });

  it('takes records of its own range only', () => {
    begin();
    const [{ request }] = bench.said();
    // All leaves of database 0 differ: everything is fetched.
    expect(
      bench.hear(
        Message.TreeAnswer,
        (out) => {
          out.u8(Depth.Leaves);
          out.u16(1);
          for (let i = 0; i < 32; i++) out.u32(i + 1);
        },
        request,
      ),
    ).toBe(true);
    const asked = bench.said().find(({ type }) => type === Message.RangeAsk)!;
    const send = (slot: number): boolean =>
      bench.hear(
        Message.RepairRecord,
        (out) => {
          out.u8(0);
          out.u8(0);
          out.u16(slot);
          out.latin1('key');
          out.bytes(encoded(bench, 'key', hlcFromMs(START_MS)));
        },
        asked.request,
      );
    expect(send(bench.shared)).toBe(true);
    expect(send(bench.shared + 1)).toBe(false);
  });
});

function encoded(one: Bench, key: string, hlc: number): Buffer {
  const { store } = one.disk;
  const entry = store.pin(0, 0, key);
  store.unpin(entry);
  const scratch = new RecordScratch(one.disk.writers);
  const length = scratch.encode(one.record(hlc), entry.hash);
  return Buffer.from(scratch.buffer.subarray(0, length));
}
