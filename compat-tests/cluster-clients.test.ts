import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { slotOf } from '../cluster/core/slot.js';
import { parseReply } from './differential/reply-tree.js';
import { asked, coordinators, KEYS, until } from './harness/cluster-sight.js';
import { RingCluster } from './harness/servers.js';
import { openSmartClient, type SmartClient, type SmartClientName } from './harness/smart-clients.js';

const run = promisify(execFile);

let cluster: RingCluster;
afterEach(() => cluster?.stop());

async function start(settings: Record<string, string> = {}): Promise<void> {
  cluster = await RingCluster.start(3, settings);
}

/** Writes that came to another node than their coordinator, all nodes together. */
async function forwards(): Promise<number> {
  const infos = await Promise.all(
    cluster.nodes.map((node) => asked(node, (connection) => connection.command('INFO', 'ringkv'))),
  );
  return infos.reduce((sum, info) => sum + Number(/forwards_sent:(\d+)/.exec(info)![1]), 0);
}

describe.each(['auto', 'yes'])('cluster-redirects %s', { timeout: 120_000 }, (redirects) => {
  beforeEach(() => start({ 'cluster-redirects': redirects }));

  describe.each<SmartClientName>(['ioredis Cluster', 'node-redis createCluster'])('%s', (name) => {
    let client: SmartClient;
    beforeEach(async () => {
      client = await openSmartClient(name, [cluster.nodes[0].port]);
    });
    afterEach(async () => {
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
      const several = client.mget([...KEYS, 'missing']);
      // A node that is asked to redirect refuses what is not on one slot, as Redis does; node-redis asks for each slot apart.
      if (redirects === 'yes' && name === 'ioredis Cluster')
        await expect(several).rejects.toThrow(/^CROSSSLOT/);
      else expect(await several).toEqual([...KEYS.map(() => 'piped'), null]);
      expect(await client.mgetBySlot([...KEYS, 'missing'])).toEqual([...KEYS.map(() => 'piped'), null]);
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
    expect(output).not.toMatch(/error|ERR|MOVED/i);
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
