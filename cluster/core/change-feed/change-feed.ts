import type { RecordStore } from '../../../storage/record-store.js';
import { Message } from '../../messages.js';
import type { FrameReader } from '../../transport/frame-reader.js';
import type { PeerId, Transport } from '../../transport.js';
import { SLOTS, slotOf } from '../slot.js';
import type { Topology } from '../topology.js';
import { Followers } from './followers.js';
import { Following } from './following.js';
import { isVisibleChange } from './visible-change.js';

/** Who wants to know of changes: server-assisted client caches. */
export interface ChangeListener {
  /** What is read of the key is, or may be, another than before. It may come more than once for one change, and in any database. */
  changed(key: string, slot: number): void;
  /** Keys of these slots may have changed, and nobody can say which. */
  lost(isLost: (slot: number) => boolean): void;
  flushed(): void;
  /** Whether it still has to hear of the slot. */
  needs(slot: number): boolean;
}

export interface ChangeFeedOptions {
  /** Sessions are numbered from here on: see `CoordinatorOptions`. */
  readonly firstRequest: number;
  /** `flush` has to be called at the end of this turn, before the frames leave. */
  readonly plan: () => void;
}

/** Slots that nobody needs any more are let go of so often, ms. */
const LET_GO_EVERY_MS = 10_000;

/**
 * Tells the listener of this node, and the nodes that follow it, which keys have changed, wherever they were written.
 *
 * Promise: a value that a read of this node has returned after `follow(slot)` is either still what every replica that was asked has, or
 * `changed`, `lost` or `flushed` has come, or comes as soon as the change is known to a replica this node is connected with. A
 * request follows behind the `Follow` on the same connection, so who answers a read tells of everything that comes after. Every
 * replica tells of what is put into its record store, by whatever way it came there: writes, repairs, handed-over hints, units of registers,
 * expiry. What cannot be told for certain is told as lost.
 */
export class ChangeFeed {
  readonly messages = [Message.Follow, Message.Changed, Message.ChangesLost, Message.FeedPulse];
  /** A database was flushed on this node, for whoever keeps something of it for a moment. */
  onFlushed: () => void = () => {};
  private readonly followers: Followers;
  private readonly following: Following;
  private listener: ChangeListener | null = null;
  private topologyThen: Topology | null = null;
  private letGoAt = 0;

  constructor(
    private readonly store: RecordStore,
    private readonly topology: () => Topology,
    transport: Transport,
    options: ChangeFeedOptions,
  ) {
    this.followers = new Followers(transport, options.plan);
    this.following = new Following(
      transport,
      {
        changed: (key) => this.listener?.changed(key, slotOf(key)),
        lost: (peer) => this.lost(peer),
      },
      options.firstRequest,
    );
  }

  /** Slots this node follows at its peers. */
  get followed(): number {
    return this.following.slots.size;
  }

  /** Nodes that follow this one. */
  get followedBy(): number {
    return this.followers.size;
  }

  /** Begins to tell of changes; null: no more. */
  listen(listener: ChangeListener | null): void {
    this.listener = listener;
    if (listener === null) this.letGo(() => false);
    this.hook();
  }

  /** Before the slot's keys are read. Changes on this node are told anyhow. */
  follow(slot: number): void {
    if (!this.following.slots.has(slot)) this.following.add(slot);
  }

  followAll(): void {
    if (this.following.slots.size < SLOTS) this.following.addAll();
  }

  /** A database was flushed on this node. */
  flushed(): void {
    this.listener?.flushed();
    this.followers.allChanged();
    this.onFlushed();
  }

  /** The end of a turn. */
  flush(): void {
    this.followers.flush();
  }

  // --- the node's part ---

  onMessage(type: number, peer: PeerId, body: FrameReader): boolean {
    if (type !== Message.Follow) return this.following.onMessage(type, peer, body);
    const isSound = this.followers.onFollow(peer, body);
    this.hook();
    return isSound;
  }

  linkUp(peer: PeerId): void {
    this.following.linkUp(peer);
    this.lost(peer);
  }

  linkDown(peer: PeerId): void {
    this.following.linkDown(peer);
    this.followers.forget(peer);
    this.hook();
    this.lost(peer);
  }

  /** It may have taken writes in the meantime, and told nobody. */
  peerUp(peer: PeerId): void {
    this.lost(peer);
  }

  peerDown(peer: PeerId): void {
    this.lost(peer);
  }

  tick(_: number, elapsedMs: number): void {
    this.noticeMoves();
    this.following.tick(elapsedMs);
    this.followers.tick(elapsedMs);
    if (this.following.slots.size === 0 || elapsedMs < this.letGoAt) return;
    this.letGoAt = elapsedMs + LET_GO_EVERY_MS;
    const { listener } = this;
    this.letGo((slot) => listener?.needs(slot) === true);
  }

  private letGo(isNeeded: (slot: number) => boolean): void {
    const idle: number[] = [];
    for (let slot = 0; slot < SLOTS; slot++)
      if (this.following.slots.has(slot) && !isNeeded(slot)) idle.push(slot);
    if (idle.length > 0) this.following.remove(idle);
  }

  /** Costs nothing where nobody asks. */
  private hook(): void {
    const isAsked = this.listener !== null || this.followers.size > 0;
    this.store.onChanged = isAsked
      ? ({ key, slot }, before, after) => {
          if (!isVisibleChange(before, after)) return;
          this.listener?.changed(key, slot);
          this.followers.changed(key, slot);
        }
      : null;
  }

  /** What the peer would have told: of the slots it is a home replica of, and of those where others stand in. */
  private lost(peer: PeerId): void {
    if (this.listener === null) return;
    const topology = this.topology();
    this.listener.lost(
      (slot) => topology.homes(slot).includes(peer) || topology.liveHomes(slot) < topology.sizeOf(slot),
    );
  }

  /** After a change of the ring: of slots with other home replicas than before nothing is certain. */
  private noticeMoves(): void {
    const now = this.topology();
    const then = this.topologyThen;
    this.topologyThen = now;
    if (then === null || then === now || this.listener === null) return;
    this.listener.lost((slot) => !now.sameHomes(slot, then));
  }
}
