import { afterEach, describe, expect, it } from 'vitest';
import type { RespConnection } from './harness/connection.js';
import { RingCluster } from './harness/servers.js';

const CONNECTIONS = 8;
const KEYS = 400;
/** Under way on a connection at once. */
const PIPELINE = 8;
/** Far above what it takes on an idle machine (some 20 ms), and far below what a client would see that waits for a timeout. */
const SLOWEST_MS = 3000;

let cluster: RingCluster;
afterEach(() => cluster.stop());

function moments(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Clients of one node that set and get without end, and what they felt. */
class Clients {
  readonly failures: string[] = [];
  slowestMs = 0;
  done = 0;
  private stopped = false;
  private readonly running: Promise<void>[] = [];

  constructor(connections: readonly RespConnection[]) {
    connections.forEach((connection, client) => void this.running.push(this.run(connection, client)));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.running);
  }

  async reach(requests: number): Promise<void> {
    while (this.done < requests) await moments(10);
  }

  private async run(connection: RespConnection, client: number): Promise<void> {
    for (let round = 0; !this.stopped; round++) {
      const requests: Promise<void>[] = [];
      for (let i = 0; i < PIPELINE; i++) {
        const key = `key ${client} ${(round * PIPELINE + i) % KEYS}`;
        requests.push(this.ask(connection, i % 2 === 0 ? ['SET', key, `${round}`] : ['GET', key]));
      }
      await Promise.all(requests);
    }
    connection.close();
  }

  private async ask(connection: RespConnection, argv: readonly string[]): Promise<void> {
    const began = performance.now();
    const reply = await connection.command(...argv);
    this.slowestMs = Math.max(this.slowestMs, performance.now() - began);
    this.done++;
    if (reply.startsWith('-')) this.failures.push(`${argv[0]}: ${reply.trim()}`);
  }
}

describe('kill -9 of a node under the load of clients of another one', { timeout: 120_000 }, () => {
  it.each([
    [3, 'no', 1],
    [3, 'yes', 1],
    [5, 'no', 1],
    // With stand-ins a second one may die once the first is known to be dead.
    [5, 'yes', 2],
  ])(
    '%i nodes, sloppy %s, %i of them die: no SET and no GET fails, none takes long',
    async (count, sloppy, deaths) => {
      cluster = await RingCluster.start(count, { sloppy });
      const [node, ...others] = cluster.nodes;
      const clients = new Clients(
        await Promise.all(Array.from({ length: CONNECTIONS }, () => node.connect())),
      );
      await clients.reach(3000);
      for (const victim of others.slice(0, deaths)) {
        await victim.process.stop('SIGKILL');
        const reached = clients.done;
        await clients.reach(reached + 3000);
        await moments(1500);
      }
      await clients.stop();
      expect(clients.failures).toEqual([]);
      expect(clients.slowestMs).toBeLessThan(SLOWEST_MS);
    },
  );
});
