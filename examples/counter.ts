/**
 * A counter that is right whatever happens: every request is counted once, also if its answer was lost and it is sent again.
 *
 *     npm run example:counter
 *
 * starts three nodes, lets five clients count to a hundred each, and ends one of the nodes by `kill -9` on the way.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import { WiredCluster } from '../compat-tests/harness/wired-cluster.js';

const CLIENTS = 5;
const TIMES = 100;
const REMEMBERED_S = 3600;
const AGAIN_MS = 50;

/**
 * Adds `amount`, once for each `request`, however often it is asked for. That the request was counted and the sum itself are written by one
 * transaction, which is atomic since both are in one slot (`{...}`); its WATCH makes it a compare-and-swap.
 */
export async function addOnce(redis: Redis, counter: string, request: string, amount: number): Promise<void> {
  const counted = `{${counter}}:counted:${request}`;
  await redis.watch(counted);
  if ((await redis.call('KV.AT', 'SERIAL', 'EXISTS', counted)) === 1) {
    await redis.unwatch();
    return;
  }
  const results = await redis.multi().set(counted, '1', 'EX', REMEMBERED_S).incrby(counter, amount).exec();
  // null: it was counted in the meantime, by an earlier try that was under way.
  for (const [error] of results ?? []) if (error !== null) throw error;
}

/** What is read at SERIAL is the last word: no write that was answered before is missing. */
export async function read(redis: Redis, counter: string): Promise<number> {
  return Number(await redis.call('KV.AT', 'SERIAL', 'GET', counter));
}

/** One client: a connection of its own, since a WATCH belongs to a connection, to another node whenever one fails. */
async function count(ports: readonly number[], first: number): Promise<number> {
  let at = first;
  let tries = 0;
  let redis = connect(ports[at % ports.length]);
  for (let i = 0; i < TIMES; i++) {
    const request = randomUUID();
    for (;;) {
      tries++;
      try {
        await addOnce(redis, 'visits', request, 1);
        break;
      } catch {
        // Perhaps it was counted and perhaps not: asking again does no harm.
        redis.disconnect();
        await pause(AGAIN_MS);
        redis = connect(ports[++at % ports.length]);
      }
    }
  }
  redis.disconnect();
  return tries;
}

/** What is lost is asked for again by us, who know what we asked for, not by the connection. */
function connect(port: number): Redis {
  const redis = new Redis(port, '127.0.0.1', {
    retryStrategy: null,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 5000,
  });
  redis.on('error', () => {});
  return redis;
}

/** The sum after all have counted, a node having died in the middle of it. */
export async function story(): Promise<{ sum: number; expected: number }> {
  const cluster = await WiredCluster.start(3);
  try {
    const ports = cluster.nodes.map((node) => node.port);
    process.stdout.write(`${CLIENTS} clients add 1, ${TIMES} times each, on three nodes\n`);
    const counting = Promise.all(Array.from({ length: CLIENTS }, (_, client) => count(ports, client)));
    await pause(300);
    await cluster.nodes[2].process.stop('SIGKILL');
    process.stdout.write('a node is dead\n');
    const tries = (await counting).reduce((sum, one) => sum + one, 0);
    const redis = connect(ports[0]);
    const sum = await read(redis, 'visits');
    redis.disconnect();
    process.stdout.write(`${tries} tries, and the counter says ${sum}\n`);
    return { sum, expected: CLIENTS * TIMES };
  } finally {
    await cluster.stop();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await story();
