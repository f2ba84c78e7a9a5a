import { FrameWriter } from '../transport/frame-writer.js';
import { LENGTH_BYTES } from '../transport/limits.js';
import type { DialOutcome, NodeIdHex, PeerId, Transport, TransportHandlers } from '../transport.js';
import type { ProcessClock } from './sim-clock.js';
import type { Connection, End, Parcel } from './sim-connection.js';
import type { SimNetwork } from './sim-network.js';

const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const BACKOFF_MIN_MS = 50;
const BACKOFF_MAX_MS = 2000;

interface Link {
  readonly connection: Connection;
  readonly end: End;
  readonly out: FrameWriter;
  dirty: boolean;
}

interface Target {
  nodeId: NodeIdHex | undefined;
  backoffMs: number;
  dialling: boolean;
}

/** One process's end of the simulated network: see `transport.ts` for what it promises. */
export class SimTransport implements Transport {
  dead = false;
  private handlers!: TransportHandlers;
  private readonly links: (Link | undefined)[] = [];
  private dirty: Link[] = [];
  private readonly targets = new Map<string, Target>();

  constructor(
    private readonly network: SimNetwork,
    readonly address: string,
    readonly nodeId: NodeIdHex,
    /** The process it belongs to: everything that comes in comes in through it. */
    private readonly owner: ProcessClock,
  ) {}

  get frozen(): boolean {
    return this.owner.frozen;
  }

  attach(handlers: TransportHandlers): void {
    this.handlers = handlers;
    this.network.plug(this);
  }

  writer(peer: PeerId): FrameWriter | undefined {
    const link = this.links[peer];
    if (link === undefined) return undefined;
    if (!link.dirty) {
      link.dirty = true;
      this.dirty.push(link);
      if (this.dirty.length === 1) this.handlers.onGathered();
    }
    return link.out;
  }

  send(peer: PeerId, message: Buffer): boolean {
    const writer = this.writer(peer);
    if (writer === undefined) return false;
    writer.begin();
    writer.bytes(message);
    return writer.end();
  }

  flush(): void {
    const due = this.dirty;
    this.dirty = [];
    for (const link of due) {
      link.dirty = false;
      if (link.end.closed || link.out.length === 0) continue;
      const taken = link.out.take();
      this.network.send(link.connection, link.end, { kind: 'frame', bytes: Buffer.from(taken) });
      link.out.giveBack(taken);
    }
  }

  isUp(peer: PeerId): boolean {
    return this.links[peer] !== undefined;
  }

  isFull(_peer: PeerId): boolean {
    return false;
  }

  signsOf(peer: PeerId): number {
    return this.links[peer]?.end.signs ?? 0;
  }

  queuedBytes(peer: PeerId): number {
    return this.links[peer]?.out.length ?? 0;
  }

  pause(peer: PeerId): void {
    const link = this.links[peer];
    if (link !== undefined) link.end.paused = true;
  }

  resume(peer: PeerId): void {
    const link = this.links[peer];
    if (link !== undefined) this.network.resume(link.connection, link.end);
  }

  drop(peer: PeerId, reason: string): void {
    const link = this.links[peer];
    if (link !== undefined) this.network.close(link.connection, link.end, reason);
  }

  connect(address: string): void {
    if (this.targets.has(address)) return;
    this.targets.set(address, { nodeId: undefined, backoffMs: BACKOFF_MIN_MS, dialling: false });
    this.dialSoon(address, 0);
  }

  forget(address: string): void {
    this.targets.delete(address);
  }

  /** The process ends. Nothing is sent any more, nothing reaches it. */
  die(withMachine: boolean): void {
    this.dead = true;
    this.network.died(this, withMachine);
  }

  /** A clean stop: what is gathered still goes out. */
  close(): void {
    this.flush();
    for (const link of this.links) {
      if (link === undefined) continue;
      this.network.send(link.connection, link.end, { kind: 'end' });
      link.end.closed = true;
      this.links[link.end.peer] = undefined;
      this.handlers.onDown(link.end.peer, 'this node is stopping');
    }
    this.targets.clear();
    this.dead = true;
  }

  // --- what the network tells ---

  hello(): Buffer {
    return this.handlers.hello();
  }

  /** Somebody introduces itself; why it is turned away, or null. */
  greeted(end: End, nodeId: NodeIdHex, hello: Buffer): string | null {
    const verdict = this.handlers.onHello(nodeId, hello);
    if (!verdict.accept) return verdict.reason;
    end.peer = verdict.peer;
    return null;
  }

  receive(connection: Connection, end: End, nodeId: NodeIdHex, parcel: Parcel): void {
    this.owner.enter(() => this.take(connection, end, nodeId, parcel));
  }

  private take(connection: Connection, end: End, nodeId: NodeIdHex, parcel: Parcel): void {
    // Frozen while it came: the connection may have ended since.
    if (end.closed) return;
    if (parcel.kind === 'frame') this.deliver(connection, end, parcel.bytes);
    else if (parcel.kind === 'welcome') this.welcomed(connection, end, nodeId, parcel.hello);
    else if (parcel.kind === 'accept') this.raise(connection, end);
    else if (parcel.kind === 'refuse') this.refused(connection, end, 'refused', nodeId, parcel.reason);
    else this.network.close(connection, end, 'closed by the other side');
  }

  /** One of our ends was closed. */
  ended(end: End, reason: string): void {
    this.owner.enter(() => this.lost(end, reason));
  }

  private lost(end: End, reason: string): void {
    if (end.up) {
      this.links[end.peer] = undefined;
      this.handlers.onDown(end.peer, reason);
    } else if (end.dialler && !end.refused) {
      this.failed(end.dialled, { kind: 'failed', reason });
    }
    for (const [address, target] of this.targets)
      if (!target.dialling) this.dialSoon(address, target.backoffMs);
  }

  private welcomed(connection: Connection, end: End, nodeId: NodeIdHex, hello: Buffer): void {
    const reason = this.greeted(end, nodeId, hello);
    if (reason !== null) return this.refused(connection, end, 'unwanted', nodeId, reason);
    const target = this.targets.get(end.dialled);
    if (target !== undefined) {
      target.nodeId = nodeId;
      target.backoffMs = BACKOFF_MIN_MS;
      target.dialling = false;
    }
    this.network.send(connection, end, { kind: 'accept' });
    this.raise(connection, end);
    this.handlers.onDial(end.dialled, { kind: 'up', nodeId });
  }

  private raise(connection: Connection, end: End): void {
    // The other side has given up the one we still hold.
    this.drop(end.peer, 'replaced by a new connection');
    end.up = true;
    const out = new FrameWriter(MAX_MESSAGE_BYTES);
    this.links[end.peer] = { connection, end, out, dirty: false };
    this.handlers.onUp(end.peer);
  }

  private refused(
    connection: Connection,
    end: End,
    kind: 'refused' | 'unwanted',
    nodeId: NodeIdHex,
    reason: string,
  ): void {
    end.refused = true;
    this.network.close(connection, end, reason);
    this.failed(end.dialled, { kind, nodeId, reason });
  }

  private deliver(connection: Connection, end: End, bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length && !end.closed && !this.dead) {
      const start = at + LENGTH_BYTES;
      at = start + bytes.readUInt32BE(at);
      if (this.handlers.onMessage(end.peer, bytes, start, at)) continue;
      this.network.nonsense(end.peer, this, bytes[start]);
      this.network.close(connection, end, 'sent a message that makes no sense');
    }
  }

  private dialSoon(address: string, afterMs: number): void {
    const target = this.targets.get(address)!;
    target.dialling = true;
    const { queue, random } = this.network;
    queue.after(afterMs * random.between(0.5, 1), () =>
      this.owner.enter(() => {
        if (!this.dead && this.targets.get(address) === target) this.dial(address, target);
      }),
    );
  }

  private dial(address: string, target: Target): void {
    if (address === this.address) {
      // Stays a target for ever under way: it is not dialled again.
      this.handlers.onDial(address, { kind: 'self' });
    } else if (target.nodeId !== undefined && this.holds(target.nodeId)) {
      target.dialling = false;
    } else {
      this.network.dial(this, address, this.hello(), (reason) =>
        this.owner.enter(() => this.failed(address, { kind: 'failed', reason })),
      );
    }
  }

  /** Our dial has reached a node that has, or is making, another connection with us. */
  duplicate(address: string, nodeId: NodeIdHex): void {
    this.owner.enter(() => this.joined(address, nodeId));
  }

  private joined(address: string, nodeId: NodeIdHex): void {
    const target = this.targets.get(address);
    if (target === undefined || !this.holds(nodeId)) {
      this.failed(address, { kind: 'failed', reason: 'there is another connection' });
      return;
    }
    target.nodeId = nodeId;
    target.dialling = false;
    this.handlers.onDial(address, { kind: 'up', nodeId });
  }

  private holds(nodeId: NodeIdHex): boolean {
    return this.links.some((link) => link?.connection.other(link.end).transport.nodeId === nodeId);
  }

  private failed(address: string, outcome: DialOutcome): void {
    const target = this.targets.get(address);
    if (target === undefined || this.dead) return;
    this.handlers.onDial(address, outcome);
    // Who has heard of it may want nothing of the address any more.
    if (this.targets.get(address) !== target) return;
    this.dialSoon(address, target.backoffMs);
    target.backoffMs = Math.min(target.backoffMs * 2, BACKOFF_MAX_MS);
  }
}
