import { setTimeout as pause } from 'node:timers/promises';
import { RespConnection } from '../../compat-tests/harness/connection.js';
import type { Client } from './clients.js';
import { Ledger } from './ledger.js';

const COUNTERS = 64;
/** Of a hundred commands: increments, sets; the others are reads. */
const INCREMENTS = 5;
const SETS = 50;
const SLICE_MS = 1000;
const SHOWN_OBJECTIONS = 10;
/** Keys of one pipeline. */
const BATCH = 250;
/** Connections to each port. */
const PIPELINES = 1;

/** What was measured over some time. */
export interface Span {
  readonly seconds: number;
  readonly requests: number;
  readonly failed: number;
  /** Reads that did not see the last acknowledged write. */
  readonly stale: number;
  readonly slowestMs: number;
  readonly p99Ms: number;
  /** Requests in the worst full second. */
  readonly worstSecond: number;
}

export function perSecond({ requests, seconds }: Span): number {
  return requests / seconds;
}

/** Clients in closed loops that set, get and increment keys by chance, each client its own ones. */
export class Load {
  readonly ledger: Ledger;
  /** How often, by text. */
  readonly errors = new Map<string, number>();
  readonly objections: string[] = [];
  private running: Promise<void>[] = [];
  private guests: Client[] = [];
  private stopped = false;
  /** Acknowledged ones. */
  private increments = 0;
  private done = 0;
  private failed = 0;
  private stale = 0;
  private latencies: number[] = [];
  private slices: number[] = [];

  constructor(
    private clients: readonly Client[],
    keys: number,
    /** Commands each client has under way at once. */
    private readonly depth: number,
  ) {
    this.ledger = new Ledger(keys);
  }

  /** Every key gets its first value, by way of these ports. */
  async fill(ports: readonly number[]): Promise<void> {
    const { ledger } = this;
    await inBatches(ledger.size, ports, async (connection, numbers) => {
      // A busy machine may fail some: nothing is measured yet.
      for (let left = numbers; left.length > 0; ) {
        const replies = await connection.pipeline(left.map((n) => ['SET', ledger.keyOf(n), ledger.write(n)]));
        left.forEach((n, i) => void ledger.wrote(n, replies[i] === '+OK\r\n'));
        left = left.filter((n) => ledger.known(n) === 0);
      }
    });
  }

  start(): void {
    this.stopped = false;
    this.running = this.clients.flatMap((client, number) =>
      Array.from({ length: this.depth }, () => this.run(client, number)),
    );
  }

  /** Resolves when all commands are answered. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.running);
  }

  /** Goes on with other clients. */
  async changeTo(clients: readonly Client[]): Promise<void> {
    await this.stop();
    for (const client of [...this.clients, ...this.guests]) client.close();
    this.clients = clients;
    this.guests = [];
    this.start();
  }

  /** One more client, with one command under way: what it does is held to the same, and is no part of the throughput. */
  invite(guest: Client): void {
    this.guests.push(guest);
    this.running.push(this.run(guest, Math.floor(Math.random() * this.clients.length)));
  }

  /** Measures what is asked while `work` is done. */
  async during(work: () => Promise<unknown>): Promise<Span> {
    const began = performance.now();
    const before = { done: this.done, failed: this.failed, stale: this.stale };
    this.latencies = [];
    this.slices = [];
    let last = this.done;
    const timer = setInterval(() => {
      this.slices.push(this.done - last);
      last = this.done;
    }, SLICE_MS);
    await work();
    clearInterval(timer);
    const sorted = Float64Array.from(this.latencies).sort();
    return {
      seconds: (performance.now() - began) / 1000,
      requests: this.done - before.done,
      failed: this.failed - before.failed,
      stale: this.stale - before.stale,
      slowestMs: sorted.at(-1) ?? 0,
      p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
      worstSecond: this.slices.length === 0 ? 0 : Math.min(...this.slices),
    };
  }

  /** Commands that an application has seen an error of. */
  get failures(): number {
    return this.failed;
  }

  rest(ms: number): Promise<Span> {
    return this.during(() => pause(ms));
  }

  /** Reads all keys and counters by way of these ports; what is wrong with them. While nothing is under way. */
  async verify(ports: readonly number[]): Promise<string[]> {
    const { ledger } = this;
    const wrong: string[] = [];
    await inBatches(ledger.size, ports, async (connection, numbers) => {
      const replies = await connection.pipeline(numbers.map((n) => ['GET', ledger.keyOf(n)]));
      replies.forEach((reply, i) => {
        const objection = ledger.objection(numbers[i], ledger.known(numbers[i]), textOf(reply));
        if (objection !== null) wrong.push(objection);
      });
    });
    let counted = 0;
    await inBatches(COUNTERS, ports, async (connection, numbers) => {
      for (const reply of await connection.pipeline(numbers.map((i) => ['GET', counterOf(i)])))
        counted += Number(textOf(reply) ?? 0);
    });
    // There may be more: a client library that lost its connection sends an INCR again that was applied.
    if (counted < this.increments)
      wrong.push(`counters: ${this.increments} increments were acknowledged, they are ${counted}`);
    return wrong;
  }

  private async run(client: Client, number: number): Promise<void> {
    while (!this.stopped) {
      const began = performance.now();
      try {
        await this.ask(client, number);
        if (!this.guests.includes(client)) this.done++;
      } catch (error) {
        this.failed++;
        const text = `${client.library}: ${(error as Error).message}`;
        this.errors.set(text, (this.errors.get(text) ?? 0) + 1);
      }
      this.latencies.push(performance.now() - began);
    }
  }

  private async ask(client: Client, number: number): Promise<void> {
    const { ledger, clients } = this;
    const dice = Math.random() * 100;
    if (dice < INCREMENTS) return this.increment(client);
    const own = Math.ceil((ledger.size - number) / clients.length);
    const n = number + clients.length * Math.floor(Math.random() * own);
    if (dice < INCREMENTS + SETS && !ledger.isBusy(n)) {
      let ok = false;
      try {
        await client.set(ledger.keyOf(n), ledger.write(n));
        ok = true;
      } finally {
        ledger.wrote(n, ok);
      }
      return;
    }
    const known = ledger.known(n);
    const objection = ledger.objection(n, known, await client.get(ledger.keyOf(n)));
    if (objection === null) return;
    this.stale++;
    if (this.objections.length < SHOWN_OBJECTIONS) this.objections.push(objection);
  }

  private async increment(client: Client): Promise<void> {
    await client.incr(counterOf(Math.floor(Math.random() * COUNTERS)));
    this.increments++;
  }
}

function counterOf(i: number): string {
  return `counter:${i}`;
}

/** What a reply of GET holds; an error is a value that no key ever had. */
function textOf(reply: string): string | null {
  return reply === '$-1\r\n' ? null : reply.startsWith('$') ? reply.split('\r\n')[1] : reply;
}

/** All numbers below `size`, in batches, on some connections to each port. */
async function inBatches(
  size: number,
  ports: readonly number[],
  work: (connection: RespConnection, numbers: readonly number[]) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (port: number): Promise<void> => {
    const connection = await RespConnection.open(port);
    while (next < size) {
      const first = next;
      next = Math.min(size, first + BATCH);
      await work(
        connection,
        Array.from({ length: next - first }, (_, i) => first + i),
      );
    }
    connection.close();
  };
  await Promise.all(ports.flatMap((port) => Array.from({ length: PIPELINES }, () => worker(port))));
}
