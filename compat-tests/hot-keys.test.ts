import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RespConnection } from './harness/connection.js';
import { RingCluster } from './harness/servers.js';
import { CachingClient } from './tracking/caching-client.js';
import { pause } from './tracking/stage.js';

let cluster: RingCluster;
let near: RespConnection;
let far: RespConnection;
/** On another node than the first. */
let hot: string;

beforeAll(async () => {
  cluster = await RingCluster.start(3, { replicas: '1' });
  [near, far] = await Promise.all(cluster.nodes.slice(0, 2).map((node) => node.connect()));
  for (let i = 0; hot === undefined; i++) {
    const homes = await near.command('KV.WHERE', `hot:${i}`);
    if (!homes.includes(`:${cluster.nodes[0].port}\r\n`)) hot = `hot:${i}`;
  }
});
afterAll(async () => {
  near?.close();
  far?.close();
  await cluster?.stop();
});

async function makeHot(connection: RespConnection, rounds = 10): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await connection.pipeline(Array.from({ length: 100 }, () => ['GET', hot]));
    await connection.pipeline(Array.from({ length: 20 }, (_, i) => ['GET', `cold:${round}:${i}`]));
    await pause(20);
  }
}

async function become(reply: string, ...argv: string[]): Promise<number> {
  const began = Date.now();
  while ((await near.command(...argv)) !== reply) {
    if (Date.now() - began > 10_000) throw new Error(`never ${reply}`);
    await pause(10);
  }
  return Date.now() - began;
}

describe('keys that are read far above the rest', () => {
  it('are shown by every node, whoever was asked for them', async () => {
    await Promise.all([makeHot(near), makeHot(far)]);
    const other = await cluster.nodes[2].connect();
    const shown = await other.command('KV.HOTKEYS');
    expect(shown).toMatch(
      /^\*8\r\n\$5\r\nnodes\r\n:3\r\n\$7\r\nmembers\r\n:3\r\n\$16\r\nreads-per-second\r\n:\d+\r\n/,
    );
    expect([...shown.matchAll(/\$3\r\nkey\r\n\$\d+\r\n(.*)\r\n/g)].map(([, key]) => key)).toEqual([hot]);
    expect(Number(/:(\d+)\r\n$/.exec(shown)![1])).toBeGreaterThan(200);
    expect(await other.command('KV.HOTKEYS', '0')).toBe('-ERR count must be a positive integer\r\n');
    expect(await other.command('KV.HOTKEYS', 'x')).toBe('-ERR count must be a positive integer\r\n');
    expect(await other.command('KV.HOTKEYS', '1', '2')).toMatch(/^-ERR wrong number of arguments/);
    other.close();
  });

  it('are found by redis-cli --hotkeys', async () => {
    await near.command('SET', hot, 'v');
    for (let i = 0; i < 20; i++) await near.command('SET', `cold:0:${i}`, 'v');
    await makeHot(near);
    const port = String(cluster.nodes[0].port);
    const { stdout } = await promisify(execFile)('redis-cli', ['-p', port, '--hotkeys']);
    expect(stdout).toMatch(new RegExp(`hot key found with counter: \\d{2,}\\tkeyname: "?${hot}`));
  });
});

describe('answers to reads of a hot key at ONE', () => {
  beforeAll(async () => {
    await near.command('KV.CONSISTENCY', 'READ', 'ONE');
    await near.command('SET', hot, 'first');
    await keepFor(1500);
  });

  /** What is in the cache was put there by this. */
  const keepFor = async (ms: number): Promise<void> => {
    await near.command('CONFIG', 'SET', 'hot-key-cache-ms', '0');
    await makeHot(near, 20);
    await near.command('CONFIG', 'SET', 'hot-key-cache-ms', String(ms));
    const before = await hits();
    for (let tries = 0; (await hits()) === before; tries++) {
      if (tries > 100) throw new Error('nothing is answered from the cache');
      await makeHot(near, 1);
    }
  };

  const hits = async (): Promise<number> =>
    Number(/hot_key_cache_hits:(\d+)/.exec(await near.command('INFO', 'ringkv'))![1]);

  it('serve again for a while, on a node that does not hold it', async () => {
    await far.command('SET', hot, 'second');
    await become('$6\r\nsecond\r\n', 'GET', hot);
  });

  it('never serve where more than ONE is asked for, nor clients that cache', async () => {
    await keepFor(60_000);
    await far.command('SET', hot, 'third');
    expect(await near.command('GET', hot)).toBe('$6\r\nsecond\r\n');
    for (const level of ['QUORUM', 'ALL', 'SERIAL'])
      expect(await near.command('KV.AT', level, 'GET', hot)).toBe('$5\r\nthird\r\n');
    const client = await CachingClient.connect(cluster.nodes[0]);
    await client.command('KV.CONSISTENCY', 'READ', 'ONE');
    expect(await client.get(hot)).toBe('$5\r\nthird\r\n');
    client.close();
  });

  it.each([
    ['SET', (value: string) => [['SET', hot, value]]],
    ['MSET', (value: string) => [['MSET', hot, value, 'another', 'x']]],
    ['EXEC', (value: string) => [['MULTI'], ['SET', hot, value], ['EXEC']]],
  ])('end with %s through the same node', async (_, write) => {
    await near.command('SET', hot, 'before');
    await keepFor(60_000);
    await near.pipeline(write('after'));
    expect(await near.command('GET', hot)).toBe('$5\r\nafter\r\n');
  });

  it('end with a flush, and with the expiry of the key', async () => {
    await keepFor(60_000);
    expect(await far.command('FLUSHALL')).toBe('+OK\r\n');
    expect(await near.command('GET', hot)).toBe('$-1\r\n');
    await near.command('SET', hot, 'short', 'PX', '5000');
    await keepFor(60_000);
    expect(await near.command('GET', hot)).toBe('$5\r\nshort\r\n');
    expect(await become('$-1\r\n', 'GET', hot)).toBeLessThan(7000);
  });
});
