/** Nodes for the transport's tests: real sockets on loopback, and a record of all that was reported. */
import { type AddressInfo, createServer, connect as dialTcp, type Socket } from 'node:net';
import type { Clock, Log } from '../environment.js';
import type { DialOutcome, HelloVerdict, TransportHandlers } from '../transport.js';
import type { TransportLimits } from './limits.js';
import { TcpTransport } from './tcp-transport.js';

export const realClock: Clock = {
  now: () => Date.now(),
  defer: (run) => void setImmediate(run),
  elapsed: () => performance.now(),
  setTimer: (ms, run) => setTimeout(run, ms),
  clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

/** Quick, so that what takes seconds in life takes tenths here. */
const QUICK: Partial<TransportLimits> = {
  handshakeMs: 2000,
  heartbeatMs: 50,
  heartbeatTimeoutMs: 1000,
  backoffMinMs: 10,
  backoffMaxMs: 100,
};

export class TestNode {
  readonly transport: TcpTransport;
  /** In order: `up 1`, `down 1 reason`, `dial self`, ... */
  readonly events: string[] = [];
  readonly logged: string[] = [];
  readonly messages: string[] = [];
  port = 0;
  /** By node id; grows as nodes introduce themselves. */
  readonly peers = new Map<string, number>();
  readonly hellos: string[] = [];
  verdict: ((nodeId: string, peer: number) => HelloVerdict) | undefined;
  onMessage: ((peer: number, buffer: Buffer, start: number, end: number) => boolean) | undefined;

  constructor(
    readonly nodeId: string,
    secret = 'a shared secret',
    limits: Partial<TransportLimits> = {},
    /** Not before the test calls `attach`. */
    later = false,
  ) {
    const note = (facts: object, text: string) => void this.logged.push(`${text} ${JSON.stringify(facts)}`);
    const log: Log = { info: note, warn: note, error: note };
    const random = { next: () => Math.random() };
    const options = { nodeId, secret, clock: realClock, random, log, limits: { ...QUICK, ...limits } };
    this.transport = new TcpTransport(options);
    if (!later) this.attach();
  }

  attach(): void {
    this.transport.attach(this.handlers());
  }

  async listen(port = 0): Promise<this> {
    this.port = await this.transport.listen('127.0.0.1', port);
    return this;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  peerOf(other: TestNode): number {
    return this.peers.get(other.nodeId) ?? -1;
  }

  isConnectedTo(other: TestNode): boolean {
    return this.transport.isUp(this.peerOf(other));
  }

  send(to: TestNode, text: string): boolean {
    return this.transport.send(this.peerOf(to), Buffer.from(text, 'latin1'));
  }

  count(event: string): number {
    return this.events.filter((one) => one.startsWith(event)).length;
  }

  private handlers(): TransportHandlers {
    return {
      hello: () => Buffer.from(`hello from ${this.nodeId}`),
      onHello: (nodeId, payload) => {
        this.hellos.push(payload.toString());
        if (!this.peers.has(nodeId)) this.peers.set(nodeId, this.peers.size + 1);
        const peer = this.peers.get(nodeId)!;
        return this.verdict?.(nodeId, peer) ?? { accept: true, peer };
      },
      onUp: (peer) => void this.events.push(`up ${peer}`),
      onDown: (peer, reason) => void this.events.push(`down ${peer} ${reason}`),
      onMessage: (peer, buffer, start, end) => {
        if (this.onMessage !== undefined) return this.onMessage(peer, buffer, start, end);
        this.messages.push(buffer.latin1Slice(start, end));
        return true;
      },
      onGathered: () => {},
      onDial: (_address, outcome) => void this.events.push(`dial ${describe(outcome)}`),
    };
  }
}

function describe(outcome: DialOutcome): string {
  return 'reason' in outcome ? `${outcome.kind} ${outcome.reason}` : outcome.kind;
}

/** Ids sort as their digits do: 'a' is smaller than 'b'. */
export function idOf(digit: string): string {
  return digit.repeat(32);
}

/** Waits until it holds; the test fails when it does not within 5 s. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await pause(5);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A stranger's connection: what it sends is the test's, what it got is recorded. */
export class Stranger {
  readonly socket: Socket;
  received: Buffer = Buffer.alloc(0);
  closed = false;

  constructor(port: number) {
    this.socket = dialTcp(port, '127.0.0.1');
    this.socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.closed = true;
    });
  }
}

/** A cable that can be cut without either end being told. */
export class Cable {
  port = 0;
  private cut = false;
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((near) => {
    const far = dialTcp(this.target, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(from);
      from.on('data', (chunk) => this.cut || to.write(chunk));
      from.on('error', () => {});
      from.on('close', () => this.cut || to.destroy());
    }
  });

  constructor(private readonly target: number) {}

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
    return this;
  }

  cutIt(): void {
    this.cut = true;
  }

  mend(): void {
    this.cut = false;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
