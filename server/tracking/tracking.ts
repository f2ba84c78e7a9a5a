import type { ChangeListener } from '../../cluster/core/change-feed/change-feed.js';
import { SLOTS } from '../../cluster/core/slot.js';
import type { ClientState } from '../client.js';
import { ClientTracking, type TrackingOptions } from './client-tracking.js';
import { brokenRedirect, invalidation } from './invalidation.js';
import { PrefixTable } from './prefix-table.js';
import { TrackingTable } from './tracking-table.js';

/** What it needs of its server. */
export interface TrackingHost {
  client(id: number): ClientState | undefined;
  /** 0 = no limit. */
  maxKeys(): number;
  /** `flush` has to be called at the end of this turn. */
  plan(): void;
  readonly changes: {
    listen(listener: ChangeListener | null): void;
    follow(slot: number): void;
    followAll(): void;
  };
}

/** Where it is not known what has changed so many keys are named; if it may be more, clients are told to forget everything. */
const MAX_NAMED = 1000;

/**
 * CLIENT TRACKING: server-assisted caching in clients (https://redis.io/docs/latest/develop/reference/client-side-caching/).
 *
 * Promise: a client is told after it has read a key, at the latest when any replica that answered it knows of a change; a message is never
 * in front of the reply that it takes back. It may be told more often than there was a change: each replica tells of it when
 * it comes there, since a read at a low level may have had the older value in between.
 */
export class Tracking implements ChangeListener {
  readonly table = new TrackingTable();
  /** Whose command runs, if it tracks: the changes until it has run are its own. */
  writer: ClientState | null = null;
  private readonly prefixes = new PrefixTable();
  private readonly clients = new Set<ClientState>();
  private broadcasting = 0;

  constructor(private readonly host: TrackingHost) {}

  get clientCount(): number {
    return this.clients.size;
  }

  get prefixCount(): number {
    return this.prefixes.size;
  }

  /** The options go together, and with those before (`client-tracking.ts` of the commands). */
  enable(client: ClientState, options: TrackingOptions): void {
    if (this.clients.size === 0) this.host.changes.listen(this);
    this.clients.add(client);
    if (client.tracking === null) {
      client.tracking = new ClientTracking(options);
      if (options.bcast) this.broadcasting++;
    }
    const { tracking } = client;
    tracking.options = options;
    tracking.brokenRedirect = false;
    if (!options.bcast) return;
    this.host.changes.followAll();
    for (const prefix of options.prefixes.length === 0 ? [''] : options.prefixes) {
      tracking.prefixes.add(prefix);
      this.prefixes.add(prefix, client);
    }
  }

  /** Also when the connection has ended. */
  disable(client: ClientState): void {
    const { tracking } = client;
    if (tracking === null) return;
    for (const prefix of tracking.prefixes) this.prefixes.delete(prefix, client);
    if (tracking.options.bcast) this.broadcasting--;
    client.tracking = null;
    this.clients.delete(client);
    if (this.clients.size > 0) return;
    this.table.clear();
    this.host.changes.listen(null);
  }

  /** Before a key is asked for at other nodes: what changes there from now on comes here. */
  expect(client: ClientState, key: string, slot: number): void {
    this.host.changes.follow(slot);
    this.remember(client, key, slot);
  }

  /** The client has read the key. */
  remember(client: ClientState, key: string, slot: number): void {
    this.table.add(key, slot, client.id);
    const most = this.host.maxKeys();
    if (most > 0) while (this.table.keys > most) this.giveUpOne();
  }

  // --- what has changed ---

  changed(key: string, slot: number): void {
    if (this.broadcasting > 0) {
      this.prefixes.changed(key, this.writer);
      this.host.plan();
    }
    this.invalidate(key, slot);
  }

  flushed(): void {
    this.table.clear();
    for (const client of this.clients) this.tell(client, null);
  }

  lost(isLost: (slot: number) => boolean): void {
    const slots: number[] = [];
    let keys = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      if (!this.table.has(slot) || !isLost(slot)) continue;
      slots.push(slot);
      keys += this.table.keyCount(slot);
    }
    if (keys > MAX_NAMED) return this.flushed();
    for (const slot of slots) for (const key of this.table.keysOf(slot)) this.invalidate(key, slot);
    if (this.broadcasting > 0 && anySlot(isLost))
      for (const client of this.clients) if (client.tracking!.options.bcast) this.tell(client, null);
  }

  needs(slot: number): boolean {
    return this.broadcasting > 0 || this.table.has(slot);
  }

  /** The end of a turn: what was broadcast in it. */
  flush(): void {
    if (this.broadcasting > 0) this.prefixes.take((client, keys) => this.tell(client, keys));
  }

  private invalidate(key: string, slot: number): void {
    for (const id of this.table.take(key, slot)) {
      const client = this.host.client(id);
      if (client === undefined || client.tracking === null) continue;
      const { bcast, noloop } = client.tracking.options;
      if (bcast || (noloop && client === this.writer)) continue;
      this.tell(client, [key]);
    }
  }

  /** Redis's way of keeping the table small: the clients are told that the key has changed. */
  private giveUpOne(): void {
    const { key, slot } = this.table.next()!;
    this.invalidate(key, slot);
  }

  /** `keys` null: everything. */
  private tell(client: ClientState, keys: readonly string[] | null): void {
    const tracking = client.tracking!;
    const { redirect } = tracking.options;
    const to = redirect === 0 ? client : this.host.client(redirect);
    if (to === undefined) {
      tracking.brokenRedirect = true;
      if (client.resp === 3) client.push(brokenRedirect(redirect));
      return;
    }
    const push = (): void => {
      const bytes = invalidation(to, redirect !== 0, keys);
      if (bytes !== null) to.push(bytes);
    };
    // In front of no reply of the client's own, as far as that is in our hands with two connections.
    if (to === client) push();
    else client.whenAnswered(push);
  }
}

function anySlot(isSo: (slot: number) => boolean): boolean {
  for (let slot = 0; slot < SLOTS; slot++) if (isSo(slot)) return true;
  return false;
}
