import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterEach, describe, expect, it } from 'vitest';
import { RingCluster } from './harness/servers.js';

const CLIENTS = 3;
const COUNTERS = 20;
/** Between two restarts, ms. */
const BETWEEN_MS = 500;

/** What an application has of a client library. */
interface Client {
  incr(key: string): Promise<unknown>;
  get(key: string): Promise<string | null>;
  close(): void;
}

let cluster: RingCluster;
afterEach(() => cluster.stop());

async function ioredis(port: number): Promise<Client> {
  const client = new Redis(port, '127.0.0.1');
  client.on('error', () => {});
  return { incr: (key) => client.incr(key), get: (key) => client.get(key), close: () => client.disconnect() };
}

async function nodeRedis(port: number): Promise<Client> {
  const client = createClient({ socket: { port, host: '127.0.0.1' } });
  client.on('error', () => {});
  await client.connect();
  return { incr: (key) => client.incr(key), get: (key) => client.get(key), close: () => client.destroy() };
}

describe('a rolling restart under load', { timeout: 120_000 }, () => {
  // One sends again what was under way when its connection was lost, the other moves to another node when it is told to.
  it.each([
    ['ioredis', ioredis],
    ['node-redis', nodeRedis],
  ])('costs applications on %s not one error', async (_, open) => {
    cluster = await RingCluster.start(3);
    const clients = await Promise.all(
      cluster.nodes.flatMap(({ port }) => Array.from({ length: CLIENTS }, () => open(port))),
    );
    const errors: string[] = [];
    let stopped = false;
    let counted = 0;
    const run = async (client: Client): Promise<void> => {
      while (!stopped) {
        try {
          await client.incr(`counter ${counted % COUNTERS}`);
          counted++;
        } catch (error) {
          errors.push((error as Error).message);
        }
      }
    };
    const running = clients.map(run);
    for (const node of cluster.nodes) {
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
      const before = counted;
      expect(await node.process.stop('SIGTERM')).toBe(0);
      await node.start();
      await node.serves();
      while (counted < before + 100) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    stopped = true;
    await Promise.all(running);
    expect(errors).toEqual([]);
    const counters = await Promise.all(
      Array.from({ length: COUNTERS }, (_, i) => clients[0].get(`counter ${i}`)),
    );
    const sum = counters.reduce((all, text) => all + Number(text), 0);
    // A library that sends an INCR again may have it counted twice.
    expect(sum).toBeGreaterThanOrEqual(counted);
    if (open === nodeRedis) expect(sum).toBe(counted);
    for (const client of clients) client.close();
  });
});
