import { Message } from '../../messages.js';
import type { FrameReader } from '../../transport/frame-reader.js';
import type { PeerId, Transport } from '../../transport.js';
import { SLOTS } from '../slot.js';
import { SlotSet } from './slot-set.js';

/** How a `Follow` is meant: frozen. */
export const How = { These: 0, OnlyThese: 1, NotThese: 2 } as const;

/** Changed keys gathered in one turn before they are told all the same. */
const MAX_GATHERED = 10_000;
/** A message with changed keys is closed when it is longer, in bytes, or has so many. */
const MAX_MESSAGE_BYTES = 64 * 1024;
const MAX_MESSAGE_KEYS = 10_000;
const PULSE_EVERY_MS = 1000;

/** A node that wants to hear of changes here. */
interface Follower {
  readonly session: number;
  readonly slots: SlotSet;
  /** Messages sent to it in this session. */
  number: number;
  /** Something could not be sent: it has to be told so. */
  lost: boolean;
}

/**
 * Tells other nodes which keys have changed here, of the slots they follow: one message each per turn, numbered, so that who misses
 * one knows. What cannot be sent is not kept: they are told that anything may have changed.
 */
export class Followers {
  /** By slot: how many follow it. */
  private readonly counts = new Uint16Array(SLOTS);
  private readonly followers = new Map<PeerId, Follower>();
  private gathered = new Map<string, number>();
  private pulseNextAt = 0;

  constructor(
    private readonly transport: Transport,
    /** `flush` has to be called at the end of this turn. */
    private readonly plan: () => void,
  ) {}

  get size(): number {
    return this.followers.size;
  }

  /** False: garbled. */
  onFollow(peer: PeerId, body: FrameReader): boolean {
    const session = body.u32();
    const how = body.u8();
    const ranges = Array.from({ length: body.u16() }, () => [body.u16(), body.u16()] as const);
    if (!body.finished || how > How.NotThese) return false;
    if (ranges.some(([first, last]) => first > last || last >= SLOTS)) return false;
    if (how === How.OnlyThese) this.forget(peer);
    let follower = this.followers.get(peer);
    if (follower === undefined) {
      // What it means to add to was lost on the way: it will see that by the pulse, or by there being none.
      if (how !== How.OnlyThese || ranges.length === 0) return true;
      follower = { session, slots: new SlotSet(), number: 0, lost: false };
      this.followers.set(peer, follower);
    }
    if (follower.session !== session) return true;
    for (const [first, last] of ranges)
      for (let slot = first; slot <= last; slot++) {
        if (how === How.NotThese) this.drop(follower, slot);
        else if (follower.slots.add(slot)) this.counts[slot]++;
      }
    return true;
  }

  forget(peer: PeerId): void {
    const follower = this.followers.get(peer);
    if (follower === undefined) return;
    this.followers.delete(peer);
    for (const [first, last] of follower.slots.ranges())
      for (let slot = first; slot <= last; slot++) this.counts[slot]--;
  }

  changed(key: string, slot: number): void {
    if (this.counts[slot] === 0) return;
    this.gathered.set(key, slot);
    if (this.gathered.size >= MAX_GATHERED) this.flush();
    else if (this.gathered.size === 1) this.plan();
  }

  /** Anything may have changed: a database was flushed. */
  allChanged(): void {
    for (const [peer, follower] of this.followers) this.lose(peer, follower);
  }

  flush(): void {
    if (this.gathered.size === 0) return;
    const { gathered } = this;
    this.gathered = new Map();
    for (const [peer, follower] of this.followers) this.tell(peer, follower, gathered);
  }

  tick(elapsedMs: number): void {
    const pulse = elapsedMs >= this.pulseNextAt;
    if (pulse) this.pulseNextAt = elapsedMs + PULSE_EVERY_MS;
    for (const [peer, follower] of this.followers) {
      if (follower.lost) this.lose(peer, follower);
      if (pulse) this.pulse(peer, follower);
    }
  }

  private drop(follower: Follower, slot: number): void {
    if (!follower.slots.has(slot)) return;
    follower.slots.delete(slot);
    this.counts[slot]--;
  }

  private tell(peer: PeerId, follower: Follower, gathered: ReadonlyMap<string, number>): void {
    let keys: string[] = [];
    let bytes = 0;
    for (const [key, slot] of gathered) {
      if (!follower.slots.has(slot)) continue;
      keys.push(key);
      bytes += key.length;
      if (bytes < MAX_MESSAGE_BYTES && keys.length < MAX_MESSAGE_KEYS) continue;
      this.send(peer, follower, keys);
      keys = [];
      bytes = 0;
    }
    if (keys.length > 0) this.send(peer, follower, keys);
  }

  private send(peer: PeerId, follower: Follower, keys: readonly string[]): void {
    // They will be told that anything may have changed.
    if (follower.lost) return;
    const out = this.transport.writer(peer);
    if (out === undefined) {
      follower.lost = true;
      return;
    }
    out.begin();
    out.u8(Message.Changed);
    out.u32(follower.session);
    out.u32(++follower.number);
    out.u16(keys.length);
    for (const key of keys) out.latin1(key);
    if (!out.end()) follower.lost = true;
  }

  private lose(peer: PeerId, follower: Follower): void {
    follower.lost = true;
    const out = this.transport.writer(peer);
    if (out === undefined) return;
    out.begin();
    out.u8(Message.ChangesLost);
    out.u32(follower.session);
    out.u32(++follower.number);
    if (out.end()) follower.lost = false;
  }

  private pulse(peer: PeerId, follower: Follower): void {
    const out = this.transport.writer(peer);
    if (out === undefined) return;
    out.begin();
    out.u8(Message.FeedPulse);
    out.u32(follower.session);
    out.u32(follower.number);
    out.u32(follower.slots.size);
    out.end();
  }
}
