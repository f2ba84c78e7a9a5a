import { Message } from '../../messages.js';
import type { FrameReader } from '../../transport/frame-reader.js';
import type { PeerId, Transport } from '../../transport.js';
import { SLOTS } from '../slot.js';
import { How } from './followers.js';
import { type SlotRange, SlotSet } from './slot-set.js';

/** A peer that follows us pulses every second: after so long without one it has not heard of us, ms. */
const SILENCE_MS = 5000;
/** A pulse may have crossed with what we asked for since: until then it is not held against us, ms. */
const CROSSING_MS = 2000;

/** What this node hears from one peer. */
interface Followed {
  session: number;
  /** Number of the last message. */
  number: number;
  /** When it was last asked for something, and last heard, by `Clock.elapsed`. */
  askedAt: number;
  heardAt: number;
  /** Something could not be asked for. */
  broken: boolean;
}

/** What becomes of what is heard. */
export interface FollowingEvents {
  changed(key: string): void;
  /** Anything that this peer would have told may have changed. */
  lost(peer: PeerId): void;
}

/**
 * Follows slots at all connected peers: says which, takes what they tell, and notices when something is missing: by the numbers of
 * their messages, by their pulse, by the end of a connection. Then everything counts as changed, and it starts anew.
 */
export class Following {
  readonly slots = new SlotSet();
  private readonly peers = new Map<PeerId, Followed>();
  private elapsedMs = 0;

  constructor(
    private readonly transport: Transport,
    private readonly events: FollowingEvents,
    private nextSession: number,
  ) {}

  /** From now on; a message that leaves for a peer after this finds it following. */
  add(slot: number): void {
    if (!this.slots.add(slot)) return;
    this.added(this.slots.size === 1, [[slot, slot]]);
  }

  addAll(): void {
    const first = this.slots.size === 0;
    for (let slot = 0; slot < SLOTS; slot++) this.slots.add(slot);
    this.added(first, [[0, SLOTS - 1]]);
  }

  remove(slots: readonly number[]): void {
    for (const slot of slots) this.slots.delete(slot);
    const ranges = slots.map((slot) => [slot, slot] as const);
    const how = this.slots.size === 0 ? How.OnlyThese : How.NotThese;
    for (const [peer, followed] of this.peers)
      this.ask(peer, followed, how, this.slots.size === 0 ? [] : ranges);
  }

  linkUp(peer: PeerId): void {
    const followed: Followed = { session: 0, number: 0, askedAt: 0, heardAt: 0, broken: false };
    this.peers.set(peer, followed);
    if (this.slots.size > 0) this.begin(peer, followed);
  }

  linkDown(peer: PeerId): void {
    this.peers.delete(peer);
  }

  /** False: garbled. */
  onMessage(type: number, peer: PeerId, body: FrameReader): boolean {
    const session = body.u32();
    const number = body.u32();
    if (type === Message.Changed) {
      const keys = Array.from({ length: body.u16() }, () => body.latin1());
      if (!body.finished) return false;
      const followed = this.heard(peer, session);
      if (followed === undefined) return true;
      this.follow(peer, followed, number);
      for (const key of keys) this.events.changed(key);
      return true;
    }
    const slots = type === Message.FeedPulse ? body.u32() : 0;
    if (!body.finished) return false;
    const followed = this.heard(peer, session);
    if (followed === undefined) return true;
    if (type === Message.ChangesLost) {
      followed.number = number;
      this.events.lost(peer);
    } else this.onPulse(peer, followed, number, slots);
    return true;
  }

  tick(elapsedMs: number): void {
    this.elapsedMs = elapsedMs;
    if (this.slots.size === 0) return;
    for (const [peer, followed] of this.peers) {
      const isSilent = elapsedMs - Math.max(followed.heardAt, followed.askedAt) > SILENCE_MS;
      if (followed.broken || isSilent) this.beginAgain(peer, followed);
    }
  }

  /** What is still on its way in a session that goes on is heard. */
  private added(first: boolean, ranges: readonly SlotRange[]): void {
    for (const [peer, followed] of this.peers)
      if (first) this.begin(peer, followed);
      else this.ask(peer, followed, How.These, ranges);
  }

  private heard(peer: PeerId, session: number): Followed | undefined {
    const followed = this.peers.get(peer);
    if (followed === undefined || followed.session !== session || this.slots.size === 0) return undefined;
    followed.heardAt = this.elapsedMs;
    return followed;
  }

  private follow(peer: PeerId, followed: Followed, number: number): void {
    const isNext = number === followed.number + 1;
    followed.number = number;
    if (!isNext) this.events.lost(peer);
  }

  private onPulse(peer: PeerId, followed: Followed, number: number, slots: number): void {
    if (number !== followed.number) {
      followed.number = number;
      this.events.lost(peer);
    }
    const mayHaveCrossed = this.elapsedMs - followed.askedAt < CROSSING_MS;
    if (slots !== this.slots.size && !mayHaveCrossed) this.beginAgain(peer, followed);
  }

  private beginAgain(peer: PeerId, followed: Followed): void {
    this.begin(peer, followed);
    this.events.lost(peer);
  }

  private begin(peer: PeerId, followed: Followed): void {
    followed.session = this.nextSession;
    this.nextSession = this.nextSession === 0xffffffff ? 1 : this.nextSession + 1;
    followed.number = 0;
    followed.broken = false;
    this.ask(peer, followed, How.OnlyThese, this.slots.ranges());
  }

  private ask(peer: PeerId, followed: Followed, how: number, ranges: readonly SlotRange[]): void {
    followed.askedAt = this.elapsedMs;
    const out = this.transport.writer(peer);
    if (out === undefined) {
      followed.broken = true;
      return;
    }
    out.begin();
    out.u8(Message.Follow);
    out.u32(followed.session);
    out.u8(how);
    out.u16(ranges.length);
    for (const [first, last] of ranges) {
      out.u16(first);
      out.u16(last);
    }
    if (!out.end()) followed.broken = true;
  }
}
