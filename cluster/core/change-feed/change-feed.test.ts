import { describe, expect, it } from 'vitest';
import { STRING, TOMBSTONE } from '../../../storage/record.js';
import { StoreBench } from '../../../storage/record-store.test-support.js';
import { writerId } from '../../../storage/writers.js';
import { Message } from '../../messages.js';
import { FrameReader } from '../../transport/frame-reader.js';
import { FrameWriter } from '../../transport/frame-writer.js';
import { LENGTH_BYTES } from '../../transport/limits.js';
import type { Transport } from '../../transport.js';
import { slotOf } from '../slot.js';
import { Topology } from '../topology.js';
import { membersOf } from '../topology.test-support.js';
import { ChangeFeed } from './change-feed.js';

/** From one node to the other; each loses what it is told to lose. */
class Wire {
  readonly writer = new FrameWriter(1024 * 1024);
  full = false;
  private readonly reader = new FrameReader();

  /** Hands over what is on the way, except what `drops` says by its number. */
  deliver(
    to: (type: number, body: FrameReader) => boolean,
    drops: (nth: number) => boolean = () => false,
  ): void {
    if (this.writer.length === 0) return;
    const { bytes, length } = this.take();
    let nth = 0;
    for (let at = 0; at < length; ) {
      const end = at + LENGTH_BYTES + bytes.readUInt32BE(at);
      const body = this.reader.reset(bytes, at + LENGTH_BYTES, end);
      if (!drops(nth++)) expect(to(body.u8(), body)).toBe(true);
      at = end;
    }
  }

  private take(): { bytes: Buffer; length: number } {
    const { length } = this.writer;
    return { bytes: Buffer.from(this.writer.take().subarray(0, length)), length };
  }
}

/** Node 0, whose clients cache, and node 1, the only home of everything. */
class FeedBench {
  readonly disk = new StoreBench();
  readonly there: ChangeFeed;
  readonly here: ChangeFeed;
  readonly up = new Wire();
  readonly down = new Wire();
  readonly told: string[] = [];
  drops: (nth: number) => boolean = () => false;
  now = 0;
  /** The slot that `lost` is asked about. */
  watched = 1;
  topology: Topology;
  private readonly writer = this.disk.writers.index(writerId('b'.repeat(32), 0));
  private hlc = 1;

  constructor() {
    const members = membersOf(2);
    const mine = new Topology(members, 0, 1, 8);
    // As if all slots were the other's.
    mine.homes = () => Uint16Array.of(1);
    mine.liveHomes = () => 1;
    this.topology = mine;
    const transportOf = (wire: Wire): Transport =>
      ({ writer: () => (wire.full ? undefined : wire.writer) }) as unknown as Transport;
    const options = { firstRequest: 1, plan: () => {} };
    this.here = new ChangeFeed(new StoreBench().store, () => this.topology, transportOf(this.up), options);
    this.there = new ChangeFeed(this.disk.store, () => mine, transportOf(this.down), options);
    this.here.linkUp(1);
    this.there.linkUp(0);
    this.here.listen({
      changed: (key) => this.told.push(key),
      lost: (isLost) => this.told.push(isLost(this.watched) ? 'lost' : 'lost nothing'),
      flushed: () => this.told.push('flushed'),
      needs: () => true,
    });
  }

  put(key: string, payload: string | null): void {
    const { store } = this.disk;
    const entry = store.pin(0, slotOf(key), key);
    if (entry.record === undefined) store.load(entry, { loaded: () => {} });
    this.disk.settle();
    const type = payload === null ? TOMBSTONE : STRING;
    const hlc = this.hlc++;
    const version = { writer: this.writer, hlc, type, expireAt: 0, payload: payload ?? '' } as const;
    store.put(entry, { context: [this.writer, hlc], siblings: [version] });
    this.disk.settle();
    store.unpin(entry);
  }

  /** The end of a turn of both. */
  turn(): void {
    this.there.flush();
    this.up.deliver((type, body) => this.there.onMessage(type, 0, body), this.drops);
    this.down.deliver((type, body) => this.here.onMessage(type, 1, body), this.drops);
  }

  /** Time goes by: ticks of both. */
  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end; this.now += 50) {
      this.here.tick(this.now, this.now);
      this.there.tick(this.now, this.now);
      this.turn();
    }
  }

  take(): string[] {
    return this.told.splice(0);
  }
}

describe('the feed of changes', () => {
  it('tells of keys in slots that are followed, once each per turn, and of no others', () => {
    const bench = new FeedBench();
    bench.here.follow(slotOf('a'));
    bench.here.follow(slotOf('c'));
    bench.turn();
    for (const key of ['a', 'b', 'c', 'a']) bench.put(key, key);
    bench.turn();
    expect(bench.take()).toEqual(['a', 'c']);
  });

  it('tells of what a reader can see only', () => {
    const bench = new FeedBench();
    bench.here.followAll();
    bench.turn();
    bench.put('k', null);
    bench.turn();
    expect(bench.take()).toEqual([]);
    for (const value of ['v', null]) {
      bench.put('k', value);
      bench.turn();
      expect(bench.take()).toEqual(['k']);
    }
  });

  it('does nothing on the way of writes as long as nobody follows', () => {
    const bench = new FeedBench();
    expect(bench.disk.store.onChanged).toBe(null);
    bench.here.follow(1);
    bench.turn();
    expect(bench.disk.store.onChanged).not.toBe(null);
    expect(bench.there.followedBy).toBe(1);
    bench.here.listen(null);
    bench.turn();
    expect(bench.there.followedBy).toBe(0);
    expect(bench.disk.store.onChanged).toBe(null);
  });

  it.each(['linkDown', 'peerDown', 'peerUp'] as const)('counts everything as changed at %s', (event) => {
    const bench = new FeedBench();
    bench.here.follow(1);
    bench.here[event](1);
    expect(bench.take()).toEqual(['lost']);
  });

  it('follows the same slots over a new connection', () => {
    const bench = new FeedBench();
    bench.here.follow(slotOf('k'));
    bench.turn();
    bench.here.linkDown(1);
    bench.there.linkDown(0);
    expect(bench.there.followedBy).toBe(0);
    bench.there.linkUp(0);
    bench.here.linkUp(1);
    bench.turn();
    bench.take();
    bench.put('k', 'v');
    bench.turn();
    expect(bench.take()).toEqual(['k']);
  });

  it('says so when a message could not be sent, as soon as one can', () => {
    const bench = new FeedBench();
    bench.here.follow(slotOf('k'));
    bench.turn();
    bench.down.full = true;
    bench.put('k', 'v');
    bench.turn();
    bench.pass(100);
    expect(bench.take()).toEqual([]);
    bench.down.full = false;
    bench.pass(100);
    expect(bench.take()).toEqual(['lost']);
    bench.put('k', 'w');
    bench.turn();
    expect(bench.take()).toEqual(['k']);
  });

  it('notices a message that was lost on the way by the next one', () => {
    const bench = new FeedBench();
    bench.here.followAll();
    bench.turn();
    bench.drops = () => true;
    bench.put('k', 'v');
    bench.turn();
    bench.drops = () => false;
    expect(bench.take()).toEqual([]);
    bench.put('l', 'v');
    bench.turn();
    expect(bench.take()).toEqual(['lost', 'l']);
  });

  it('notices the last message to be lost by the pulse', () => {
    const bench = new FeedBench();
    bench.here.followAll();
    bench.turn();
    bench.drops = () => true;
    bench.put('k', 'v');
    bench.turn();
    bench.drops = () => false;
    bench.pass(1500);
    expect(bench.take()).toEqual(['lost']);
    bench.pass(5000);
    expect(bench.take()).toEqual([]);
  });

  it.each([
    ['the first', 0],
    ['a later one', 1],
  ])('notices that %s of its own messages never arrived', (_, nth) => {
    const bench = new FeedBench();
    if (nth === 1) {
      bench.here.follow(1);
      bench.turn();
    }
    bench.drops = () => true;
    bench.here.follow(slotOf('k'));
    bench.turn();
    bench.drops = () => false;
    bench.pass(8000);
    expect(bench.take()).toContain('lost');
    bench.put('k', 'v');
    bench.turn();
    expect(bench.take()).toEqual(['k']);
  });

  it('lets go of slots that nobody needs any more', () => {
    const bench = new FeedBench();
    bench.here.listen({ changed: () => {}, lost: () => {}, flushed: () => {}, needs: (slot) => slot < 10 });
    bench.here.followAll();
    bench.pass(100);
    expect(bench.here.followed).toBe(10);
    bench.pass(11_000);
    expect(bench.there.followedBy).toBe(1);
  });

  it('counts slots as changed that a new ring has moved', () => {
    const bench = new FeedBench();
    bench.here.follow(1);
    bench.pass(50);
    const next = new Topology(membersOf(2), 0, 1, 9);
    const before = bench.topology;
    const moved = before.isHome.findIndex((_, slot) => !next.sameHomes(slot, before));
    for (const [slot, told] of [
      [moved, 'lost'],
      [before.isHome.findIndex((_, slot) => next.sameHomes(slot, before)), 'lost nothing'],
    ] as const) {
      bench.watched = slot;
      bench.topology = before;
      bench.pass(50);
      bench.take();
      bench.topology = next;
      bench.pass(100);
      expect(bench.take()).toEqual([told]);
    }
  });

  it('tells of a flush', () => {
    const bench = new FeedBench();
    bench.here.follow(1);
    bench.turn();
    bench.there.flushed();
    bench.turn();
    expect(bench.take()).toEqual(['lost']);
    bench.here.flushed();
    expect(bench.take()).toEqual(['flushed']);
  });

  it('refuses garbage', () => {
    const bench = new FeedBench();
    const isTaken = (...bytes: number[]): boolean => {
      const body = new FrameReader().reset(Buffer.from(bytes), 0, bytes.length);
      return bench.there.onMessage(body.u8(), 0, body);
    };
    const session = [0, 0, 0, 1];
    expect(isTaken(Message.Follow)).toBe(false);
    expect(isTaken(Message.Follow, ...session, 1, 0, 1, 0, 4, 0, 5)).toBe(true);
    expect(isTaken(Message.Follow, ...session, 1, 0, 1, 0, 5, 0, 4)).toBe(false);
    expect(isTaken(Message.Follow, ...session, 1, 0, 1, 0, 5, 64, 0)).toBe(false);
    expect(isTaken(Message.Follow, ...session, 3, 0, 1, 0, 4, 0, 5)).toBe(false);
    expect(isTaken(Message.Changed, ...session, ...session, 0, 9)).toBe(false);
    expect(isTaken(Message.FeedPulse, ...session)).toBe(false);
  });
});
