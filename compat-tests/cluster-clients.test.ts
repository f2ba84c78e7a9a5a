import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { slotOf } from '../cluster/core/slot.js';
import { parseReply } from './differential/reply-tree.js';
import type { RespConnection } from './harness/connection.js';
import { TestProcess } from './harness/process.js';
import { RingCluster, type RingNode } from './harness/servers.js';
import { openSmartClient, type SmartClient, type SmartClientName } from './harness/smart-clients.js';

const run = promisify(execFile);
const KEYS = Array.from({ length: 200 }, (_, i) => `key:${i}`);
/** "Within a second or two", and what a busy machine adds. */
const SOON_MS = 6000;
/** Slots take a while to move. */
const MOVE_MS = 40_000;
/** A library's own word for a connection that broke with a command under way: only its caller knows whether to send it again. */
const BROKEN_CONNECTION =
  /Socket closed unexpectedly|Disconnects client|Connection is closed|ECONNRESET|EPIPE|ECONNREFUSED/;

let cluster: RingCluster;
afterEach(() => cluster?.stop());

async function start(settings: Record<string, string> = {}): Promise<void> {
  cluster = await RingCluster.start(3, settings);
}

async function asked<T>(node: RingNode, ask: (connection: RespConnection) => Promise<T>): Promise<T> {
  const connection = await node.connect();
  const answer = await ask(connection);
  connection.close();
  return answer;
}

/** The node is taken out, unless the change that took it in is not over yet. */
async function leaves(node: RingNode): Promise<boolean> {
  const answer = await asked(node, (connection) => connection.command('KV.LEAVE'));
  return /^[+*]/.test(String(answer));
}

/** By slot: the port of its coordinator, as this node sees it. */
async function coordinators(node: RingNode): Promise<number[]> {
  const slots = parseReply(await asked(node, (connection) => connection.command('CLUSTER', 'SLOTS')));
  const ports: number[] = [];
  for (const { elements } of slots.elements) {
    const [start, end, master] = elements;
    for (let slot = Number(start.text); slot <= Number(end.text); slot++)
      ports[slot] = Number(master.elements[1].text);
  }
  return ports;
}

/** Writes that came to another node than their coordinator, all nodes together. */
async function forwards(): Promise<number> {
  const infos = await Promise.all(
    cluster.nodes.map((node) => asked(node, (connection) => connection.command('INFO', 'ringkv'))),
  );
  return infos.reduce((sum, info) => sum + Number(/forwards_sent:(\d+)/.exec(info)![1]), 0);
}

async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  patienceMs = SOON_MS,
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${patienceMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The client sends these keys where this node says they belong. */
async function routesAs(client: SmartClient, node: RingNode): Promise<boolean> {
  const ports = await coordinators(node);
  return KEYS.every((key) => client.masterOf(slotOf(key)) === ports[slotOf(key)]);
}

/** Clients' work without end, and what they felt. */
class Work {
  readonly failures: string[] = [];
  done = 0;
  private stopped = false;
  private readonly workers: Promise<void>[];

  constructor(client: SmartClient, workers = 4) {
    this.workers = Array.from({ length: workers }, (_, i) => this.work(client, i));
  }

  async reaches(more: number): Promise<void> {
    const goal = this.done + more;
    await until(`${more} more commands; ${this.failures.slice(0, 3)}`, () => this.done >= goal, 30_000);
  }

  async stop(): Promise<string[]> {
    this.stopped = true;
    await Promise.all(this.workers);
    return this.failures.filter((failure) => !BROKEN_CONNECTION.test(failure));
  }

  private async work(client: SmartClient, worker: number): Promise<void> {
    for (let i = 0; !this.stopped; i++) {
      const key = `${KEYS[i % KEYS.length]}:${worker}`;
      try {
        await client.set(key, String(i));
        // Each worker has its keys, and nobody else writes them: it must see what it wrote.
        const found = await client.get(key);
        if (found !== String(i)) this.failures.push(`${key} is ${found} instead of ${i}`);
      } catch (error) {
        this.failures.push((error as Error).message);
        // What was broken off may have been done or not; the client has to turn to somebody else.
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      this.done++;
    }
  }
}

describe.each(['auto', 'yes'])('cluster-redirects %s', { timeout: 120_000 }, (redirects) => {
  beforeEach(() => start({ 'cluster-redirects': redirects }));

  describe.each<SmartClientName>(['ioredis Cluster', 'node-redis createCluster'])('%s', (name) => {
    let client: SmartClient;
    let work: Work | undefined;
    beforeEach(async () => {
      client = await openSmartClient(name, [cluster.nodes[0].port]);
    });
    afterEach(async () => {
      await work?.stop();
      await client?.close();
    });

    it('sends every key straight to its coordinator', async () => {
      const before = await forwards();
      for (const key of KEYS) expect(await client.set(key, `value of ${key}`)).toBe('OK');
      for (const key of KEYS) expect(await client.get(key)).toBe(`value of ${key}`);
      expect(await forwards()).toBe(before);
      expect(await client.transaction('{tag}1')).toHaveLength(2);
      const piped = await client.pipeline(KEYS, 'piped');
      expect(new Set(piped)).toEqual(new Set(['OK', 'piped']));
      expect(await client.mget(['{tag}1', '{tag}2'])).toEqual(['2', null]);
    });

    it('goes on while a node dies and comes back, and finds the new coordinators by itself', async () => {
      work = new Work(client);
      await work.reaches(500);
      const [survivor, , victim] = cluster.nodes;
      await victim.process.stop('SIGKILL');
      await work.reaches(200);
      await until('the client has left the dead node', () => routesAs(client, survivor), 15_000);
      await work.reaches(200);
      await victim.start();
      await victim.serves();
      await until('the node coordinates again', async () =>
        (await coordinators(survivor)).includes(victim.port),
      );
      await until('the client has found the node again', () => routesAs(client, survivor));
      await work.reaches(200);
      expect(await work.stop()).toEqual([]);
    });

    it('finds a node that joins, and leaves one that leaves', async () => {
      work = new Work(client);
      await work.reaches(500);
      const [first] = cluster.nodes;
      const joined = await cluster.join();
      const has = async (): Promise<boolean> => (await coordinators(first)).includes(joined.port);
      await until('the node coordinates', has, MOVE_MS);
      await until('the client has found it', () => routesAs(client, first), MOVE_MS);
      await work.reaches(200);
      await until('the change is over', () => leaves(joined), MOVE_MS);
      await until('the node coordinates nothing', async () => !(await has()), MOVE_MS);
      await until('the client has left it', () => routesAs(client, first), MOVE_MS);
      await work.reaches(200);
      expect(await work.stop()).toEqual([]);
    });
  });
});

describe('redis-cli and redis-benchmark', { timeout: 120_000 }, () => {
  async function cli(port: number, args: readonly string[], input?: string): Promise<string> {
    const promise = run('redis-cli', ['-p', String(port), ...args]);
    promise.child.stdin?.end(input);
    return (await promise).stdout;
  }

  it.each(['auto', 'yes', 'no'])('redis-cli -c works, with `%s`', async (redirects) => {
    await start({ 'cluster-redirects': redirects });
    const lines = KEYS.slice(0, 50).map((key) => `SET ${key} ${key}\nGET ${key}\n`);
    const answers = await cli(cluster.nodes[0].port, ['-c'], lines.join(''));
    expect(answers.split('\n').filter((line) => /ERR|MOVED|^\(/.test(line))).toEqual([]);
    // It tells of each MOVED that it follows.
    expect(answers.includes('-> Redirected to slot')).toBe(redirects === 'yes');
    for (const [i, key] of KEYS.slice(0, 50).entries())
      expect(await cli(cluster.nodes[i % 3].port, ['-c', 'GET', key])).toContain(key);
  });

  it('redis-cli --cluster check and info accept the cluster, also with a node missing', async () => {
    await start();
    const [first, second, victim] = cluster.nodes;
    const check = await cli(first.port, ['--cluster', 'check', `127.0.0.1:${first.port}`]);
    expect(check).toContain('[OK] All nodes agree about slots configuration.');
    expect(check).toContain('[OK] All 16384 slots covered.');
    const info = await cli(first.port, ['--cluster', 'info', `127.0.0.1:${second.port}`]);
    expect(info).toMatch(/\[OK\] \d+ keys in 3 masters/);
    await victim.process.stop('SIGKILL');
    await until(
      'the others coordinate its slots',
      async () => !(await coordinators(first)).includes(victim.port),
    );
    const again = await run('redis-cli', ['--cluster', 'check', `127.0.0.1:${first.port}`]).catch(
      (error) => error,
    );
    expect(again.stdout).toContain('[OK] All nodes agree about slots configuration.');
    expect(again.stdout).toContain('[OK] All 16384 slots covered.');
  });

  it('redis-benchmark --cluster sends its keys straight to their coordinators, also with a node missing', async () => {
    await start();
    const benchmark = async (...more: string[]): Promise<string> => {
      const args = [
        '--cluster',
        '-p',
        String(cluster.nodes[0].port),
        '-n',
        '3000',
        '-r',
        '1000',
        '-q',
        ...more,
      ];
      const { stdout, stderr } = await run('redis-benchmark', args);
      return `${stdout}${stderr}`;
    };
    const before = await forwards();
    for (const pipeline of ['1', '16']) {
      const output = await benchmark('-t', 'set,get', '-P', pipeline);
      expect(output).not.toMatch(/error|ERR|MOVED/i);
      expect(output.match(/requests per second/g)).toHaveLength(2);
    }
    expect(await forwards()).toBe(before);
    const [first, , victim] = cluster.nodes;
    await victim.process.stop('SIGKILL');
    await until(
      'the others coordinate its slots',
      async () => !(await coordinators(first)).includes(victim.port),
    );
    const output = await benchmark('-t', 'set,get', '-P', '8');
    expect(output.match(/requests per second/g)).toHaveLength(2);
  });
});

describe('what each connection may expect', { timeout: 120_000 }, () => {
  it('a plain client is never sent elsewhere, and may name keys of several slots', async () => {
    await start();
    const connection = await cluster.nodes[0].connect();
    const replies = await connection.pipeline(KEYS.map((key) => ['SET', key, key]));
    for (const key of KEYS) replies.push(await connection.command('SET', key, key));
    expect(new Set(replies)).toEqual(new Set(['+OK\r\n']));
    const values = parseReply(await connection.command('MGET', ...KEYS)).elements;
    expect(values.map(({ text }) => text)).toEqual(KEYS);
    expect(await connection.command('DEL', ...KEYS)).toBe(`:${KEYS.length}\r\n`);
    // Not even one whose keys happen to be this node's, as long as they are few.
    const ports = await coordinators(cluster.nodes[0]);
    const own = KEYS.filter((key) => ports[slotOf(key)] === cluster.nodes[0].port).slice(0, 20);
    for (let i = 0; i < 1000; i++) await connection.command('SET', own[i % own.length], 'v');
    const other = KEYS.find((key) => ports[slotOf(key)] !== cluster.nodes[0].port)!;
    expect(await connection.command('SET', other, 'v')).toBe('+OK\r\n');
    connection.close();
  });

  it('after READONLY a node alone among the dead still reads what it has', async () => {
    await start({ 'request-timeout': '500', 'write-quorum': 'all' });
    const [survivor, ...victims] = cluster.nodes;
    const connection = await survivor.connect();
    expect(await connection.command('SET', 'key', 'value')).toBe('+OK\r\n');
    await Promise.all(victims.map((node) => node.process.stop('SIGKILL')));
    expect(await connection.command('GET', 'key')).toMatch(/^-NOQUORUM/);
    expect(await connection.command('READONLY')).toBe('+OK\r\n');
    expect(await connection.command('GET', 'key')).toBe('$5\r\nvalue\r\n');
    expect(await connection.command('READWRITE')).toBe('+OK\r\n');
    expect(await connection.command('GET', 'key')).toMatch(/^-NOQUORUM/);
    connection.close();
  });
});

/** Debian has redis-py for its own Python only. */
const python = ['python3', '/usr/bin/python3'].find(
  (program) => spawnSync(program, ['-c', 'import redis.cluster']).status === 0,
);
if (python === undefined)
  console.warn('redis-py is not tested: no python3 with it (Debian: apt-get install python3-redis)');

/** Nodes' ports, and how many seconds it shall go on when all is settled. */
const PYTHON_WORK = `
import logging, sys, time
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import ConnectionError, RedisClusterException, TimeoutError
logging.disable(logging.CRITICAL)
def opened(**more):
    return RedisCluster(startup_nodes=[ClusterNode('127.0.0.1', int(port)) for port in sys.argv[2:]], **more)
keys = ['key:%d' % i for i in range(200)]
client = opened()
for key in keys: client.set(key, 'of ' + key)
for key in keys: assert client.get(key) == ('of ' + key).encode()
with client.pipeline() as pipe:
    for key in keys: pipe.get(key)
    assert pipe.execute() == [('of ' + key).encode() for key in keys]
assert client.mget_nonatomic(keys) == [('of ' + key).encode() for key in keys]
replicas = opened(read_from_replicas=True)
def arrives(key):
    for _ in range(200):
        if replicas.get(key) == ('of ' + key).encode(): return True
        time.sleep(0.01)
for key in keys: assert arrives(key)
print('settled', flush=True)
end = time.time() + float(sys.argv[1])
count = 0
while time.time() < end:
    key = keys[count % len(keys)]
    try:
        client.set(key, count)
        assert client.get(key) == str(count).encode()
        count += 1
    except (ConnectionError, TimeoutError, RedisClusterException, AttributeError):
        # redis-py 4.3 stumbles over itself when a node that it has lost is one it asks for the slots: as with Redis.
        client = opened()
print('done', count, flush=True)
`;

describe.skipIf(python === undefined).each(['auto', 'yes'])(
  'redis-py RedisCluster, with `%s`',
  (redirects) => {
    it('works, also while a node dies and comes back', { timeout: 120_000 }, async () => {
      await start({ 'cluster-redirects': redirects });
      const [, , victim] = cluster.nodes;
      const ports = cluster.nodes.map(({ port }) => String(port));
      const client = new TestProcess(python!, ['-c', PYTHON_WORK, '12', ...ports]);
      try {
        await client.says(/settled/);
        await victim.process.stop('SIGKILL');
        await new Promise((resolve) => setTimeout(resolve, 2000));
        await victim.start();
        await victim.serves();
        await client.says(/done \d\d+/);
        expect(await client.ended()).toBe(0);
      } finally {
        await client.stop('SIGKILL');
      }
    });
  },
);
