import { afterEach, describe, expect, it } from 'vitest';
import type { RespConnection } from './harness/connection.js';
import { RingCluster, type RingNode } from './harness/servers.js';

const PATIENCE_MS = 60_000;
const VALUE = 'x'.repeat(200);
/** Hints have to do it alone. */
const NO_REPAIR = { 'repair-interval': '0' };
/** So slow that the delivery of KEYS takes some seconds. */
const SLOW = { ...NO_REPAIR, 'hint-throttle': '20kb' };
const KEYS = 600;

let cluster: RingCluster;
afterEach(() => cluster.stop());

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function withConnection<T>(
  node: RingNode,
  use: (connection: RespConnection) => Promise<T>,
): Promise<T> {
  const connection = await node.connect();
  try {
    return await use(connection);
  } finally {
    connection.close();
  }
}

/** How many keys the nodes keep for others, all together. */
async function hintsOn(nodes: readonly RingNode[]): Promise<number> {
  let sum = 0;
  for (const node of nodes) {
    const reply = await withConnection(node, (connection) => connection.command('KV.HINTS'));
    for (const [, count] of reply.matchAll(/\$5\r\nhints\r\n:(\d+)\r\n/g)) sum += Number(count);
  }
  return sum;
}

async function drained(nodes: readonly RingNode[]): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (let left = await hintsOn(nodes); left > 0; left = await hintsOn(nodes)) {
    if (Date.now() > deadline) throw new Error(`${left} hints are still there`);
    await pause(100);
  }
}

const nameOf = (i: number): string => `key:${i}`;
const textOf = (i: number): string => `${nameOf(i)} ${VALUE}`;

/** Writes KEYS keys, by way of these nodes in turn; each write has to be acknowledged. */
async function writeBy(nodes: readonly RingNode[], count = KEYS): Promise<void> {
  for (const [at, node] of nodes.entries()) {
    const mine = Array.from({ length: count }, (_, i) => i).filter((i) => i % nodes.length === at);
    const replies = await withConnection(node, (connection) =>
      connection.pipeline(mine.map((i) => ['SET', nameOf(i), textOf(i)])),
    );
    expect(new Set(replies)).toEqual(new Set(['+OK\r\n']));
  }
}

/** What the node itself has, without asking another: every key of which it is a home replica must be right. */
async function expectComplete(node: RingNode, count = KEYS): Promise<void> {
  await withConnection(node, async (connection) => {
    const all = Array.from({ length: count }, (_, i) => i);
    const places = await connection.pipeline(all.map((i) => ['KV.WHERE', nameOf(i)]));
    const own = all.filter((i) => places[i].includes(`:${node.port}\r\n`));
    expect(own.length).toBeGreaterThan(count / 4);
    const replies = await connection.pipeline(own.map((i) => ['KV.AT', 'ONE', 'GET', nameOf(i)]));
    const wrong = own.filter((i, at) => replies[at] !== `$${textOf(i).length}\r\n${textOf(i)}\r\n`);
    expect(wrong.map(nameOf)).toEqual([]);
  });
}

/** Until the others know that it is gone. */
async function noticed(nodes: readonly RingNode[]): Promise<void> {
  for (const node of nodes) {
    await withConnection(node, async (connection) => {
      const deadline = Date.now() + PATIENCE_MS;
      while (!/\$4\r\ndown\r\n/.test(await connection.command('KV.NODES'))) {
        if (Date.now() > deadline) throw new Error('nobody noticed');
        await pause(50);
      }
    });
  }
}

describe('a node that was away', { timeout: 180_000 }, () => {
  it('has every key by itself once the hints are drained', async () => {
    cluster = await RingCluster.start(3, NO_REPAIR);
    const [victim, ...others] = cluster.nodes;
    await victim.process.stop('SIGKILL');
    await noticed(others);
    await writeBy(others, 5000);
    expect(await hintsOn(others)).toBe(5000);
    await victim.start();
    await drained(others);
    await expectComplete(victim, 5000);
    const [figures] = await Promise.all(
      others.map((node) => withConnection(node, (connection) => connection.command('INFO', 'ringkv'))),
    );
    expect(figures).toMatch(/hints_delivered:[1-9]\d*\r\n/);
    expect(figures).toMatch(/hints_dropped:0\r\n/);
  });

  it('is shown by KV.HINTS with what it lacks and since when', async () => {
    cluster = await RingCluster.start(3, NO_REPAIR);
    const [victim, one, two] = cluster.nodes;
    expect(await withConnection(one, (connection) => connection.command('KV.HINTS'))).toBe('*0\r\n');
    await victim.process.stop('SIGKILL');
    await noticed([one, two]);
    await writeBy([one, two]);
    await pause(200);
    const reply = await withConnection(one, (connection) => connection.command('KV.HINTS'));
    expect(reply).toMatch(new RegExp(`^\\*1\r\n\\*12\r\n.*:${victim.port}\r\n.*waiting\r\n$`, 's'));
    const age = Number(/oldest-ms\r\n:(\d+)\r\n/.exec(reply)![1]);
    expect(age).toBeGreaterThanOrEqual(200);
    expect(age).toBeLessThan(PATIENCE_MS);
  });

  it('gets what stand-ins took in its place; they keep nothing of it', async () => {
    cluster = await RingCluster.start(5, { ...NO_REPAIR, sloppy: 'yes' });
    const [victim, ...others] = cluster.nodes;
    const keysOn = (node: RingNode): Promise<number> =>
      withConnection(node, async (connection) => {
        const info = await connection.command('INFO', 'keyspace');
        return Number(/keys=(\d+)/.exec(info)?.[1] ?? 0);
      });
    const total = async (): Promise<number> => {
      let sum = 0;
      for (const node of cluster.nodes) sum += await keysOn(node);
      return sum;
    };
    await victim.process.stop('SIGKILL');
    await noticed(others);
    await writeBy(others);
    expect(await hintsOn(others)).toBeGreaterThan(KEYS / 3);
    await victim.start();
    await victim.serves();
    await drained(others);
    await expectComplete(victim);
    expect(await total()).toBe(KEYS * 3);
  });
});

describe('kill -9', { timeout: 180_000 }, () => {
  it('of who keeps the hints, before the delivery, loses none', async () => {
    cluster = await RingCluster.start(3, NO_REPAIR);
    const [victim, ...others] = cluster.nodes;
    await victim.process.stop('SIGKILL');
    await noticed(others);
    await writeBy(others);
    expect(await hintsOn(others)).toBe(KEYS);
    await Promise.all(others.map((node) => node.process.stop('SIGKILL')));
    await cluster.startAll();
    await drained(others);
    await expectComplete(victim);
  });

  it('of who keeps the hints and of who gets them, during the delivery, loses none', async () => {
    cluster = await RingCluster.start(3, SLOW);
    const [victim, ...others] = cluster.nodes;
    await victim.process.stop('SIGKILL');
    await noticed(others);
    await writeBy(others);
    await victim.start();
    await victim.serves();
    for (const dies of [others[0], victim, others[1]]) {
      await pause(500);
      expect(await hintsOn(cluster.nodes)).toBeGreaterThan(0);
      await dies.process.stop('SIGKILL');
      await pause(300);
      await dies.start();
      await dies.serves();
    }
    const before = await hintsOn(others);
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(KEYS);
    await drained(others);
    await expectComplete(victim);
  });
});
