import { setTimeout as pause } from 'node:timers/promises';
import { KeyLedger } from './ledger.js';
import { LoadClient } from './load-client.js';
import { type Group, Tally } from './service.js';

const CLIENTS_PER_NODE = 4;
const KEYS_PER_CLIENT = 250;
const TICK_MS = 5;
const CONNECT_PATIENCE_MS = 10_000;
/** Far above every timeout of the server: who has no reply by then never gets one. */
const REPLY_PATIENCE_MS = 30_000;

/** Clients of every node, at a steady rate, whatever becomes of their requests. */
export class Load {
  readonly ledgers: KeyLedger[] = [];
  private readonly clients: LoadClient[] = [];
  private readonly running: Promise<void>[];
  private timer: NodeJS.Timeout | undefined;
  private tally = new Tally();

  /** `rate`: requests per second of all clients together. */
  constructor(
    addresses: readonly (readonly [host: string, port: number])[],
    private readonly rate: number,
  ) {
    addresses.forEach((address, node) => {
      for (let i = 0; i < CLIENTS_PER_NODE; i++) {
        const own = Array.from(
          { length: KEYS_PER_CLIENT },
          (_, key) => new KeyLedger(`node${node + 1}:client${i + 1}:${key}`),
        );
        this.ledgers.push(...own);
        this.clients.push(new LoadClient(node, address, own, this.tally));
      }
    });
    this.running = this.clients.map((client) => client.stayConnected());
  }

  /** Resolves when every client is connected and has begun. */
  async start(): Promise<void> {
    for (let node = 0; this.clients.some((client) => client.node === node); node++)
      await this.connected(node);
    for (const client of this.clients) client.begin();
    const began = performance.now();
    let sent = 0;
    this.timer = setInterval(() => {
      const due = ((performance.now() - began) * this.rate) / 1000;
      for (; sent < due; sent++) this.clients[sent % this.clients.length].send();
    }, TICK_MS);
  }

  /** Resolves when all clients of a node have a connection. */
  async connected(node: number): Promise<void> {
    const own = this.clients.filter((client) => client.node === node);
    const deadline = performance.now() + CONNECT_PATIENCE_MS;
    while (!own.every((client) => client.connected)) {
      if (performance.now() > deadline) throw new Error(`clients cannot connect to node ${node + 1}`);
      await pause(TICK_MS);
    }
  }

  /** Begins a new tally and gives back the one before. */
  newTally(): Tally {
    const before = this.tally;
    this.tally = new Tally();
    for (const client of this.clients) client.countIn(this.tally);
    return before;
  }

  /** Clients of these nodes count for this group from now on. */
  join(nodes: readonly number[], group: Group): void {
    for (const client of this.clients) if (nodes.includes(client.node)) client.join(group);
  }

  /** No more requests; waits for the replies under way. Gives back the tally. */
  async stop(): Promise<Tally> {
    clearInterval(this.timer);
    for (const client of this.clients) client.closeGap();
    const deadline = performance.now() + REPLY_PATIENCE_MS;
    while (this.clients.some((client) => client.waiting > 0) && performance.now() < deadline)
      await pause(TICK_MS);
    await this.end();
    return this.tally;
  }

  /** At once, for a run that failed: what is under way is of no interest any more. */
  async end(): Promise<void> {
    clearInterval(this.timer);
    for (const client of this.clients) client.end();
    await Promise.all(this.running);
  }
}
