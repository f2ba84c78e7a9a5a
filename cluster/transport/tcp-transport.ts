import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer, connect as dialTcp, type Server, type Socket } from 'node:net';
import type { Clock, Log, Random } from '../environment.js';
import type { DialOutcome, NodeIdHex, PeerId, Transport, TransportHandlers } from '../transport.js';
import type { Address } from './address.js';
import { type Counters, newCounters } from './counters.js';
import { type DialHost, Dialler } from './dialler.js';
import type { FrameWriter } from './frame-writer.js';
import { Control, NONCE_BYTES, type Opening } from './handshake.js';
import { limitsWith, type TransportLimits } from './limits.js';
import { Link, type LinkOwner } from './link.js';
import { settle, wants } from './pairing.js';
import { QuietLog } from './quiet-log.js';

const BOOT_BYTES = 8;
/** Text of a refusal that is kept, chars. */
const MAX_REASON = 1024;

export interface TcpTransportOptions {
  readonly nodeId: NodeIdHex;
  /** Shared by all nodes; '' lets everybody without one in. */
  readonly secret: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits?: Partial<TransportLimits>;
}

/**
 * Node-to-node messages over TCP: one connection per pair of nodes, whoever dialled it, proven by the cluster secret
 * (`handshake.ts`), one socket write per peer and turn (`link.ts`). What messages mean is none of its business.
 */
export class TcpTransport implements Transport, LinkOwner, DialHost {
  readonly limits: TransportLimits;
  readonly counters: Counters = newCounters();
  readonly secret: string;
  private readonly nodeId: NodeIdHex;
  private readonly boot = randomBytes(BOOT_BYTES).toString('hex');
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly quietLog: QuietLog;
  private readonly dialler: Dialler;
  private handlers!: TransportHandlers;
  private attached = false;
  private server: Server | undefined;
  private closed = false;
  private cancelTick: () => void = () => {};
  private readonly links = new Set<Link>();
  /** Incoming links that have proven nothing, oldest first. */
  private readonly strangers = new Set<Link>();
  private readonly byNode = new Map<NodeIdHex, Link>();
  private readonly byPeer: (Link | undefined)[] = [];
  /** Links we want and the other side, whose id is smaller, has yet to settle. */
  private readonly wished = new Map<NodeIdHex, Link>();
  private wishes = 0;
  /** Nonces of our handshakes under way: who shows one of them is ourselves. */
  private readonly ownNonces = new Set<string>();
  /** How dials ended whose links are about to close; a link without an entry failed for the reason it closes with. */
  private readonly outcomes = new WeakMap<Link, DialOutcome>();
  /** Links with something gathered this turn. */
  private readonly dirty: Link[] = [];

  constructor(options: TcpTransportOptions) {
    this.nodeId = options.nodeId;
    this.secret = options.secret;
    this.clock = options.clock;
    this.log = options.log;
    this.quietLog = new QuietLog(options.log, options.clock);
    this.limits = limitsWith(options.limits ?? {});
    this.dialler = new Dialler(this, options.random);
  }

  attach(handlers: TransportHandlers): void {
    this.handlers = handlers;
    this.attached = true;
    this.armTick();
  }

  /**
   * Takes connections on `host:port` (0: any free port); turns them away before `attach`. Returns the port. Rejects when it
   * cannot (port in use).
   */
  listen(host: string, port: number): Promise<number> {
    const server = createServer((socket) => this.take(socket));
    this.server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, () => {
        server.off('error', reject);
        server.on('error', (error) => this.log.error({ err: error }, 'bus listener failed'));
        resolve((server.address() as AddressInfo).port);
      });
    });
  }

  /** Ends every connection, after what is gathered has been sent; `onDown` is called for those that were up. */
  close(): Promise<void> {
    this.closed = true;
    this.cancelTick();
    this.dialler.close();
    for (const link of [...this.links]) {
      link.flush();
      link.close('this node is stopping', true);
    }
    const { server } = this;
    if (server === undefined) return Promise.resolve();
    return new Promise((resolve) => server.close(() => resolve()));
  }

  writer(peer: PeerId): FrameWriter | undefined {
    const link = this.byPeer[peer];
    if (link === undefined) return undefined;
    if (link.queuedBytes >= this.limits.maxQueuedBytes) {
      this.counters.queueFull++;
      return undefined;
    }
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
    if (writer.end()) return true;
    this.counters.tooLong++;
    return false;
  }

  flush(): void {
    if (this.dirty.length === 0) return;
    for (const link of this.dirty) link.flush();
    this.dirty.length = 0;
  }

  /** The connections there are; `since` by `Clock.elapsed`. */
  openLinks(): { peer: PeerId; dialled: boolean; since: number; queuedBytes: number }[] {
    return this.byPeer.flatMap((link, peer) =>
      link === undefined
        ? []
        : { peer, dialled: link.dialler, since: link.upSince, queuedBytes: link.queuedBytes },
    );
  }

  isUp(peer: PeerId): boolean {
    return this.byPeer[peer] !== undefined;
  }

  isFull(peer: PeerId): boolean {
    return this.queuedBytes(peer) >= this.limits.maxQueuedBytes;
  }

  signsOf(peer: PeerId): number {
    return this.byPeer[peer]?.signs ?? 0;
  }

  queuedBytes(peer: PeerId): number {
    return this.byPeer[peer]?.queuedBytes ?? 0;
  }

  pause(peer: PeerId): void {
    this.byPeer[peer]?.pause();
  }

  resume(peer: PeerId): void {
    this.byPeer[peer]?.resume();
  }

  drop(peer: PeerId, reason: string): void {
    this.byPeer[peer]?.close(reason);
  }

  connect(address: string): void {
    if (!this.closed) this.dialler.connect(address);
  }

  forget(address: string): void {
    this.dialler.forget(address);
  }

  isNodeUp(nodeId: NodeIdHex): boolean {
    return this.byNode.has(nodeId);
  }

  after(ms: number, run: () => void): () => void {
    const timer = this.clock.setTimer(ms, run);
    return () => this.clock.clearTimer(timer);
  }

  report(address: string, outcome: DialOutcome): void {
    if (outcome.kind === 'twin') {
      this.log.error(
        { address, node: this.nodeId },
        'another process has this node id: a copied data folder',
      );
    } else if (outcome.kind !== 'up' && outcome.kind !== 'self') {
      this.quietLog.warn(
        'dial',
        { address, reason: outcome.reason },
        'no connection to a node, trying again',
      );
    }
    this.handlers.onDial(address, outcome);
  }

  open(to: Address, name: string): Link {
    return this.adopt(dialTcp(to), true, name);
  }

  onProven(link: Link, remote: Opening): boolean {
    this.strangers.delete(link);
    if (remote.nodeId === this.nodeId) return this.metOwnId(link, this.ownNonces.has(remote.nonce));
    const hello = this.handlers.hello();
    if (hello.length > this.limits.maxHelloBytes) {
      this.log.error({ bytes: hello.length }, 'the greeting for other nodes is too long');
      link.close('our greeting is too long');
      return false;
    }
    link.control(Control.Hello, hello);
    return true;
  }

  onControl(link: Link, type: number, payload: Buffer): void {
    if (type === Control.Hello && !link.accepted) this.greeted(link, payload);
    else if (type === Control.Accept && link.accepted && payload.length === 4) this.wanted(link, payload);
    else if (type === Control.Refuse) this.refused(link, payload.toString('latin1', 0, MAX_REASON));
    else if (type === Control.Duplicate) this.duplicate(link);
    else link.close(`control frame ${type} out of place`);
  }

  onMessage(link: Link, buffer: Buffer, start: number, end: number): boolean {
    return this.handlers.onMessage(link.peer, buffer, start, end);
  }

  onClosed(link: Link, wasUp: boolean, reason: string): void {
    this.links.delete(link);
    this.ownNonces.delete(link.opening.nonce);
    if (this.wished.get(link.nodeId) === link) this.wished.delete(link.nodeId);
    if (wasUp) this.wentDown(link, reason);
    else if (link.dialler) this.dialler.onFailed(link, this.outcomes.get(link) ?? { kind: 'failed', reason });
    else if (this.strangers.delete(link)) {
      this.counters.failedHandshakes++;
      this.quietLog.warn(
        'stranger',
        { from: link.remote, reason },
        'turned a connection to the bus port away',
      );
    }
  }

  private take(socket: Socket): void {
    this.counters.taken++;
    if (!this.attached) {
      // As if nobody listened yet: it will try again.
      socket.resetAndDestroy();
      return;
    }
    if (this.strangers.size >= this.limits.maxHalfOpen) {
      const [oldest] = this.strangers;
      this.counters.pushedOut++;
      oldest?.close('too many connections that say nothing');
    }
    this.strangers.add(this.adopt(socket, false, socket.remoteAddress ?? 'unknown'));
  }

  private adopt(socket: Socket, dialler: boolean, remote: string): Link {
    const nonce = randomBytes(NONCE_BYTES).toString('hex');
    this.ownNonces.add(nonce);
    const link = new Link(this, socket, dialler, remote, { nodeId: this.nodeId, boot: this.boot, nonce });
    this.links.add(link);
    return link;
  }

  /** Somebody with the secret shows our own id. The listening side waits for the dialling one to find out and close. */
  private metOwnId(link: Link, self: boolean): boolean {
    if (!link.dialler) return true;
    this.outcomes.set(link, { kind: self ? 'self' : 'twin' });
    link.close(self ? 'this is ourselves' : 'a node with our own id');
    return false;
  }

  private greeted(link: Link, payload: Buffer): void {
    if (link.nodeId === this.nodeId) {
      link.close('a node with our own id');
      return;
    }
    const verdict = this.handlers.onHello(link.nodeId, payload);
    if (!verdict.accept) {
      this.noteRefusal(link, 'unwanted', verdict.reason, 'refused a node');
      link.closeWith(Control.Refuse, verdict.reason);
      return;
    }
    link.peer = verdict.peer;
    link.accepted = true;
    // The smaller id settles which connection stays: see pairing.ts.
    if (this.nodeId < link.nodeId) return;
    const current = this.wished.get(link.nodeId) ?? this.byNode.get(link.nodeId);
    if (!wants(current, link)) {
      this.duplicate(link);
      return;
    }
    this.wished.set(link.nodeId, link);
    this.sendWish(link);
  }

  private wanted(link: Link, payload: Buffer): void {
    const current = this.byNode.get(link.nodeId);
    if (this.nodeId < link.nodeId) {
      link.wish = payload.readUInt32BE(0);
      if (settle(current, link) === 'duplicate') {
        link.closeWith(Control.Duplicate, 'there is another connection');
        return;
      }
      this.sendWish(link);
    }
    current?.close('replaced by a new connection');
    this.raise(link);
  }

  private sendWish(link: Link): void {
    const wish = Buffer.allocUnsafe(4);
    wish.writeUInt32BE(this.wishes++ >>> 0);
    link.control(Control.Accept, wish);
  }

  private refused(link: Link, reason: string): void {
    this.noteRefusal(link, 'refused', reason, 'a node refused us');
    link.close(`refused: ${reason}`);
  }

  private noteRefusal(link: Link, kind: 'refused' | 'unwanted', reason: string, text: string): void {
    this.counters.refused++;
    this.outcomes.set(link, { kind, nodeId: link.nodeId, reason });
    this.quietLog.warn('refusal', { node: link.nodeId, address: link.remote, reason }, text);
  }

  private duplicate(link: Link): void {
    if (this.byNode.has(link.nodeId)) this.outcomes.set(link, { kind: 'up', nodeId: link.nodeId });
    link.close('there is another connection');
  }

  private raise(link: Link): void {
    if (link.isClosed) return;
    const holder = this.byPeer[link.peer];
    if (holder !== undefined)
      throw new Error(`peer ${link.peer} is both ${holder.nodeId} and ${link.nodeId}`);
    this.wished.delete(link.nodeId);
    this.ownNonces.delete(link.opening.nonce);
    this.byNode.set(link.nodeId, link);
    this.byPeer[link.peer] = link;
    link.raise(this.clock.elapsed());
    this.log.info({ node: link.nodeId, address: link.remote, dialled: link.dialler }, 'connected to a node');
    this.handlers.onUp(link.peer);
    this.dialler.onUp(link);
  }

  private wentDown(link: Link, reason: string): void {
    this.byNode.delete(link.nodeId);
    this.byPeer[link.peer] = undefined;
    this.quietLog.warn('down', { node: link.nodeId, address: link.remote, reason }, 'lost a node');
    const stoodFor = this.clock.elapsed() - link.upSince;
    this.dialler.onNodeDown(link, stoodFor >= this.limits.backoffMaxMs);
    this.handlers.onDown(link.peer, reason);
  }

  private armTick(): void {
    this.cancelTick = this.after(this.limits.heartbeatMs, () => {
      this.armTick();
      for (const link of [...this.links]) link.tick();
    });
  }
}
