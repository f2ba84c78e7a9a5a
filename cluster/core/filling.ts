import { SLOTS } from '../../storage/key-layout.js';
import type { Log } from '../environment.js';
import type { PeerId } from '../transport.js';
import type { MemberFacts } from './member-view.js';
import type { Topology } from './topology.js';

/** What others say of themselves is looked at so often, and whether this node is whole, ms. */
const LOOK_EVERY_MS = 1000;

export interface FillingWorld {
  readonly topology: () => Topology;
  readonly log: Log;
  /** The disk is not known to have what it once had: it is new, or was set back to a backup. */
  readonly isNew: boolean;
  /** This node has made up for all it may have lost: see `register/memory.ts`. */
  readonly isWhole: () => boolean;
  /** The identity under which the peer has greeted, 32 hex digits. */
  readonly idOf: (peer: PeerId) => string | undefined;
  readonly factsOf: (peer: PeerId) => MemberFacts | undefined;
}

/**
 * Whose disk is new and has yet to get what is theirs. A member that is back without its data is a home like any other: it takes writes, and
 * is one of a quorum. But what a single replica is asked, walks of the keyspace and reads at ONE, others answer as long as one of them is up.
 *
 * This node is whole when all live homes of each of its slots were compared with it, and among them one that is not filling itself, or all
 * there are. Where all homes are new nobody has anything to wait for: each answers as well as the next.
 *
 * What is known of others is hearsay (`MemberFacts.filling`). Of one whose predecessor alone was heard of the worst is assumed; and who is asked
 * by one that has not heard yet, says so itself (`keyspace.ts`).
 */
export class Filling {
  readonly messages: readonly number[] = [];
  private filling: boolean;
  /** With whom this node was compared; true: with one that was not filling itself. */
  private readonly sources = new Map<PeerId, boolean>();
  private lookAt = 0;

  constructor(private readonly world: FillingWorld) {
    this.filling = world.isNew;
  }

  get isFilling(): boolean {
    return this.filling;
  }

  onMessage(): boolean {
    return false;
  }

  formed(): void {
    const topology = this.world.topology();
    topology.setFilling(topology.self, this.filling);
    for (const peer of topology.peers) this.hear(peer);
  }

  /** Others may be homes of this node's slots now. */
  ringChanged(): void {
    this.sources.clear();
    for (const peer of this.world.topology().peers) this.hear(peer);
  }

  peerUp(peer: PeerId): void {
    this.hear(peer);
  }

  tick(_: number, elapsedMs: number): void {
    if (elapsedMs < this.lookAt) return;
    this.lookAt = elapsedMs + LOOK_EVERY_MS;
    for (const peer of this.world.topology().peers) this.hear(peer);
    this.look();
  }

  /** All that this node shares with the peer was compared, and is equal. */
  compared(peer: PeerId): void {
    if (!this.filling) return;
    const isFull = this.world.topology().filling[peer] === 0;
    this.sources.set(peer, isFull || this.sources.get(peer) === true);
    this.look();
  }

  private hear(peer: PeerId): void {
    const { topology, factsOf, idOf } = this.world;
    const facts = factsOf(peer);
    topology().setFilling(peer, facts !== undefined && (facts.filling === true || facts.id !== idOf(peer)));
  }

  private look(): void {
    if (!this.filling || !(this.world.isWhole() || this.hasAll())) return;
    this.filling = false;
    const topology = this.world.topology();
    topology.setFilling(topology.self, false);
    this.world.log.info({}, 'this node has what the other replicas have');
  }

  private hasAll(): boolean {
    if (this.sources.size === 0) return false;
    const topology = this.world.topology();
    for (let slot = 0; slot < SLOTS; slot++)
      if (topology.isHome[slot] === 1 && !this.has(topology, slot)) return false;
    return true;
  }

  private has(topology: Topology, slot: number): boolean {
    const { self, alive } = topology;
    let others = 0;
    let compared = 0;
    let isFull = false;
    for (const home of topology.homes(slot)) {
      if (home === self) continue;
      others++;
      const source = this.sources.get(home);
      if (source === undefined && alive[home] === 1) return false;
      if (source !== undefined) compared++;
      if (source === true) isFull = true;
    }
    return isFull || compared === others;
  }
}
