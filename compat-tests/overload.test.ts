import { afterEach, describe, expect, it } from 'vitest';
import type { RespConnection } from './harness/connection.js';
import { RingCluster, type RingNode } from './harness/servers.js';

let cluster: RingCluster;
afterEach(async () => {
  // A stopped process cannot be asked to end.
  for (const { process } of cluster.nodes) process.signal('SIGCONT');
  await cluster.stop();
});

function moments(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function info(connection: RespConnection, field: string): Promise<number> {
  const text = await connection.command('INFO');
  return Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(text)?.[1]);
}

async function connections(node: RingNode, count: number): Promise<RespConnection[]> {
  return Promise.all(Array.from({ length: count }, () => node.connect()));
}

describe('a node whose peers do not answer for a moment, under more requests than it may have', {
  timeout: 120_000,
}, () => {
  it('refuses the rest at once and truly, holds no more, and recovers by itself', async () => {
    const maxRequests = 50;
    cluster = await RingCluster.start(3, { 'max-requests': String(maxRequests) });
    const [node, ...others] = cluster.nodes;
    const [observer, ...clients] = await connections(node, 5);
    for (const other of others) other.process.signal('SIGSTOP');
    const keys = clients.flatMap((_, c) => Array.from({ length: 500 }, (__, i) => `key ${c} ${i}`));
    let open = keys.length;
    const began = performance.now();
    const answers = keys.map(async (key, i) => {
      const reply = await clients[i % clients.length].command('SET', key, key.repeat(50));
      open--;
      return { key, reply, ms: performance.now() - began };
    });
    await moments(300);
    expect(await info(observer, 'requests_in_flight')).toBeLessThanOrEqual(maxRequests);
    expect(await info(observer, 'forwards_in_flight')).toBeLessThanOrEqual(maxRequests);
    expect(await info(observer, 'overloaded')).toBeGreaterThan(keys.length / 2);
    // In their order: behind one that waits nothing is answered.
    expect(open).toBeGreaterThan(0);
    for (const other of others) other.process.signal('SIGCONT');
    const all = await Promise.all(answers);
    const refused = all.filter(({ reply }) => reply.startsWith('-OVERLOADED try again'));
    expect(refused.length).toBe(await info(observer, 'overloaded'));
    for (const { key, reply } of all) {
      if (reply === '+OK\r\n') continue;
      expect(reply).toMatch(/^-(OVERLOADED|NOQUORUM) /);
      if (!/not applied|nothing was/.test(reply)) continue;
      expect(await observer.command('EXISTS', key)).toBe(':0\r\n');
    }
    for (let tries = 0; ; tries++) {
      const replies = await Promise.all(
        keys.slice(0, 40).map((key) => observer.command('SET', key, 'again')),
      );
      if (replies.every((reply) => reply === '+OK\r\n')) break;
      expect(tries, replies.join('')).toBeLessThan(100);
      await moments(100);
    }
    expect(await info(observer, 'requests_in_flight')).toBe(0);
  });

  it('does the same with commands that other nodes forward to it', async () => {
    cluster = await RingCluster.start(3, { 'max-requests': '20' });
    const [first, second, third] = cluster.nodes;
    const [client] = await connections(first, 1);
    const [observer] = await connections(second, 1);
    third.process.signal('SIGSTOP');
    const replies = await client.pipeline(Array.from({ length: 900 }, (_, i) => ['SET', `key ${i}`, 'v']));
    for (const reply of replies) expect(reply).toMatch(/^(\+OK|-OVERLOADED try again|-NOQUORUM)/);
    expect(replies.filter((reply) => reply.startsWith('-OVERLOADED')).length).toBeGreaterThan(0);
    third.process.signal('SIGCONT');
    expect(await info(observer, 'requests_in_flight')).toBeLessThanOrEqual(20);
  });
});

it('a node that was stopped for a while refuses nothing once it goes on', { timeout: 60_000 }, async () => {
  cluster = await RingCluster.start(1, { 'max-lag': '200' });
  const [node] = cluster.nodes;
  const clients = await connections(node, 4);
  node.process.signal('SIGSTOP');
  const replies = clients.flatMap((client, c) =>
    Array.from({ length: 200 }, (_, i) => client.command('SET', `key ${c} ${i}`, 'v')),
  );
  await moments(1500);
  node.process.signal('SIGCONT');
  expect(new Set(await Promise.all(replies))).toEqual(new Set(['+OK\r\n']));
  expect(await info(clients[0], 'overloaded')).toBe(0);
});

it('more than the wires can carry cuts nobody off: what is too much is refused', {
  timeout: 120_000,
}, async () => {
  cluster = await RingCluster.start(3, { 'request-timeout': '30000' });
  const [node, other] = cluster.nodes;
  const clients = await connections(node, 4);
  const [reader] = await connections(other, 1);
  const value = 'x'.repeat(4 * 1024 * 1024);
  const answers = await Promise.all(
    clients.flatMap((client, c) =>
      Array.from({ length: 12 }, async (_, i) => {
        const key = `large ${c} ${i}`;
        return { key, reply: await client.command('SET', key, `${value}${key}`) };
      }),
    ),
  );
  const stored = answers.filter(({ reply }) => reply === '+OK\r\n');
  expect(stored.length).toBeGreaterThan(0);
  for (const { reply } of answers)
    expect(reply).toMatch(/^(\+OK|-OVERLOADED|-NOQUORUM \d of 2 needed replicas confirmed)/);
  for (const { key } of stored) expect((await reader.command('GET', key)).endsWith(`${key}\r\n`)).toBe(true);
  for (const { process } of cluster.nodes)
    expect(process.output).not.toMatch(/nothing heard|is down|makes no sense/);
});
