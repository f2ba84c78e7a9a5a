import { afterEach, describe, expect, it } from 'vitest';
import type { RespConnection } from './harness/connection.js';
import { seeded } from './harness/seeded.js';
import type { RingNode } from './harness/servers.js';
import { WiredCluster } from './harness/wired-cluster.js';
import { CachingClient } from './tracking/caching-client.js';
import { pause } from './tracking/stage.js';

let cluster: WiredCluster;
const open: { close(): void }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) one.close();
  await cluster.stop();
});

const KEYS = Array.from({ length: 24 }, (_, i) => `key:${i}`);
const PATIENCE_MS = 15_000;

async function caching(node: RingNode, ...options: string[]): Promise<CachingClient> {
  const client = await CachingClient.connect(node, ...options);
  open.push(client);
  return client;
}

async function plain(node: RingNode): Promise<RespConnection> {
  const connection = await node.connect();
  open.push(connection);
  return connection;
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await pause(20);
  }
}

/** A replica that is late with an earlier write may take it back meanwhile. */
function cacheAll(client: CachingClient): Promise<void> {
  return until('all are cached', async () => {
    for (const key of KEYS) await client.get(key);
    return client.cache.size === KEYS.length;
  });
}

/** Everything that is cached is what a majority says. */
async function expectFresh(client: CachingClient, through: RespConnection): Promise<void> {
  const stale = async (): Promise<string[]> => {
    const found: string[] = [];
    for (const [key, value] of client.cache) {
      const now = (await through.command('GET', key)).replace('$-1', '_');
      // It may have been told while we asked.
      if (now !== value && client.cache.get(key) === value) found.push(`${key}: ${value} is ${now}`);
    }
    return found;
  };
  const deadline = Date.now() + PATIENCE_MS;
  let found = await stale();
  while (found.length > 0 && Date.now() < deadline) {
    await pause(100);
    found = await stale();
  }
  expect(found).toEqual([]);
}

describe.each([
  ['every node has every key', '3'],
  ['each key is on two of three nodes', '2'],
  ['each key is on one of three nodes', '1'],
])('a client that caches what it reads through one node: %s', (_, replicas) => {
  it('is told of writes, deletions, expiry and flushes through others', async () => {
    cluster = await WiredCluster.start(3, { replicas });
    const [reader, ...writers] = cluster.nodes;
    const client = await caching(reader);
    const others = await Promise.all(writers.map((node) => plain(node)));
    for (const level of ['QUORUM', 'ONE']) {
      await client.command('KV.CONSISTENCY', 'READ', level);
      for (const [i, write] of (
        [
          (key) => ['SET', key, `${level} value`],
          (key) => ['DEL', key],
          (key) => ['SET', key, 'x', 'PX', '400'],
          (key) => ['INCR', key],
        ] as ((key: string) => string[])[]
      ).entries()) {
        await cacheAll(client);
        for (const key of KEYS) await others[i % 2].command(...write(key));
        // Of an expiry too: nobody reads meanwhile.
        await until('all are forgotten', () => client.cache.size === 0);
        if (write('k').includes('PX')) {
          for (const key of KEYS) await client.get(key);
          await until('what has expired is forgotten', () => client.cache.size === 0);
        }
      }
      await cacheAll(client);
      client.told.length = 0;
      expect(await others[0].command('FLUSHALL')).toBe('+OK\r\n');
      await until('the flush is told', () => client.cache.size === 0);
      expect(client.told).toContain('*');
    }
  }, 90_000);

  it('hears by broadcast of prefixes, too', async () => {
    cluster = await WiredCluster.start(3, { replicas });
    const client = await caching(cluster.nodes[0], 'BCAST', 'PREFIX', 'key:1', 'PREFIX', 'other');
    const writer = await plain(cluster.nodes[1]);
    for (const key of [...KEYS, 'nothing']) await writer.command('SET', key, 'value');
    const wanted = KEYS.filter((key) => key.startsWith('key:1'));
    await until('all are told', () => wanted.every((key) => client.told.includes(key)));
    expect(new Set(client.told)).toEqual(new Set(wanted));
  }, 60_000);

  it('is told to forget when a wire is cut, and again when it is whole', async () => {
    cluster = await WiredCluster.start(3, { replicas });
    const [reader, other] = cluster.nodes;
    const client = await caching(reader);
    const broad = await caching(reader, 'BCAST');
    const writer = await plain(other);
    await client.command('KV.CONSISTENCY', 'READ', 'ONE');
    for (const key of KEYS) await writer.command('SET', key, 'before');
    // Those that may have been written meanwhile on the other side: with one replica the keys of node 0 are not among them.
    const shared: string[] = [];
    for (const key of KEYS) {
      const homes = (await writer.command('KV.WHERE', key)).match(/127\.0\.0\.1:\d+/g)!;
      if (homes.some((address) => address !== `127.0.0.1:${reader.port}`)) shared.push(key);
    }
    expect(shared.length).toBeGreaterThan(5);
    const readAll = async (): Promise<void> => {
      for (const key of KEYS) await client.get(key);
    };
    await cacheAll(client);
    broad.told.length = 0;
    cluster.wires.part([0], [1, 2]);
    await until('all are forgotten', () => shared.every((key) => !client.cache.has(key)));
    await until('who hears by broadcast is told as well', () => broad.told.includes('*'));
    await readAll();
    await until(
      'the others take a write',
      async () => (await writer.command('SET', 'key:0', 'after')) === '+OK\r\n',
    );
    broad.told.length = 0;
    cluster.wires.heal();
    await until('it is told to forget', () => broad.told.includes('*'));
    await until('it reads what was written', async () => (await client.get('key:0')) === '$5\r\nafter\r\n');
  }, 60_000);

  it('is left with nothing stale whatever wires and nodes do', async () => {
    cluster = await WiredCluster.start(3, { replicas, 'hint-window': '5' });
    const [reader, ...rest] = cluster.nodes;
    const random = seeded(7);
    const client = await caching(reader);
    await client.command('KV.CONSISTENCY', 'READ', 'ONE');
    const writers = await Promise.all(rest.map((node) => plain(node)));
    let running = true;
    let writing = true;
    let writes = 0;
    const write = async (): Promise<void> => {
      while (writing) {
        const key = KEYS[random.below(KEYS.length)];
        const writer = writers[random.below(writers.length)];
        await writer.command('SET', key, `${writes++}`).catch(() => {});
        await pause(2);
      }
    };
    const read = async (): Promise<void> => {
      while (running) {
        await client.get(KEYS[random.below(KEYS.length)]);
        await pause(1);
      }
    };
    const work = [write(), read(), read()];
    const { wires } = cluster;
    for (let i = 0; i < 3; i++) {
      await pause(500);
      if (i === 0) wires.part([0], [1, 2]);
      else if (i === 1) wires.silence([1], [0]);
      else wires.part([0, 1], [2]);
      await pause(1500);
      wires.heal();
      await pause(1500);
    }
    writing = false;
    expect(writes).toBeGreaterThan(300);
    const majority = await plain(rest[0]);
    await until('the cluster is whole', async () => {
      const states = await majority.command('KV.NODES');
      return !/\b(suspect|down)\b/.test(states);
    });
    await until('all that was read stays', () => client.cache.size === KEYS.length);
    running = false;
    await Promise.all(work);
    await majority.command('KV.CONSISTENCY', 'READ', 'ALL');
    await expectFresh(client, majority);
  }, 90_000);
});
