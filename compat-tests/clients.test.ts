import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RingCluster } from './harness/servers.js';

const run = promisify(execFile);
const HOST = '127.0.0.1';
const BINARY = Buffer.from(Array.from({ length: 256 }, (_, i) => i));

describe.each([1, 3])('with %i nodes', (count) => {
  let ring: RingCluster;
  let port: number;
  beforeAll(async () => {
    ring = await RingCluster.start(count);
    port = ring.nodes[count - 1].port;
  });
  afterAll(() => ring.stop());

  /** Runs redis-cli; `input` goes to its standard input. */
  function cli(args: readonly string[], input?: string): Promise<{ stdout: string; stderr: string }> {
    const promise = run('redis-cli', ['-h', HOST, '-p', String(port), ...args], { encoding: 'latin1' });
    promise.child.stdin?.end(input, 'latin1');
    return promise;
  }

  it('serves ioredis', async () => {
    const redis = new Redis({ port, host: HOST });
    expect(await redis.set('io', 'value', 'EX', 100)).toBe('OK');
    expect(await redis.get('io')).toBe('value');
    expect(await redis.ttl('io')).toBeGreaterThan(90);
    await redis.set(BINARY, BINARY);
    expect(await redis.getBuffer(BINARY)).toEqual(BINARY);
    const piped = await redis.pipeline().set('io:1', '1').incr('io:1').get('io:1').get('io:none').exec();
    expect(piped).toEqual([
      [null, 'OK'],
      [null, 2],
      [null, '2'],
      [null, null],
    ]);
    const together = await redis.multi().set('io:{t}a', '1').append('io:{t}a', '2').get('io:{t}a').exec();
    expect(together).toEqual([
      [null, 'OK'],
      [null, 2],
      [null, '12'],
    ]);
    await redis.mset(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`scan:${i}`, String(i)])));
    const found = new Set<string>();
    for await (const keys of redis.scanStream({ match: 'scan:*', count: 50 }))
      for (const key of keys) found.add(key);
    expect(found.size).toBe(500);
    await expect(redis.incr('io')).rejects.toThrow('value is not an integer or out of range');
    await expect(redis.call('nosuch')).rejects.toThrow('unknown command');
    await redis.quit();
  });

  it.each([2, 3] as const)('serves node-redis in RESP%i', async (RESP) => {
    const client = createClient({ socket: { host: HOST, port }, RESP });
    await client.connect();
    expect(await client.set('node', 'value')).toBe('OK');
    expect(await client.get('node')).toBe('value');
    expect(await client.mGet(['node', 'node:none'])).toEqual(['value', null]);
    expect(await client.multi().set('node:{t}', '5').incr('node:{t}').exec()).toEqual(['OK', 6]);
    expect(await Promise.all(Array.from({ length: 100 }, () => client.incr(`node:count:${RESP}`)))).toEqual(
      Array.from({ length: 100 }, (_, i) => i + 1),
    );
    expect(await client.incrByFloat('node:float', 1.5)).toBeDefined();
    expect(await client.configGet('maxmemory')).toEqual({ maxmemory: '0' });
    const found: string[] = [];
    for await (const keys of client.scanIterator({ MATCH: 'node*' })) found.push(...keys);
    expect(found).toContain('node');
    await expect(client.incr('node')).rejects.toThrow('value is not an integer or out of range');
    await client.close();
  });

  it.each(['-2', '-3'])('serves redis-cli %s', async (protocol) => {
    expect((await cli([protocol, 'SET', 'cli', 'a value'])).stdout).toBe('OK\n');
    expect((await cli([protocol, '--no-raw', 'GET', 'cli'])).stdout).toBe('"a value"\n');
    expect((await cli([protocol, '--no-raw', 'MGET', 'cli', 'cli:none'])).stdout).toBe(
      '1) "a value"\n2) (nil)\n',
    );
    const map = (await cli([protocol, '--no-raw', 'CONFIG', 'GET', 'maxmemory'])).stdout;
    expect(map).toBe(protocol === '-3' ? '1# "maxmemory" => "0"\n' : '1) "maxmemory"\n2) "0"\n');
    const inputs = await cli([protocol], 'MULTI\nSET cli:{t} 1\nINCR cli:{t}\nEXEC\n');
    expect(inputs.stdout.trim().split('\n')).toEqual(['OK', 'QUEUED', 'QUEUED', 'OK', '2']);
    expect((await cli([protocol, '-x', 'SET', 'cli:binary'], BINARY.toString('latin1'))).stdout).toBe('OK\n');
    expect((await cli([protocol, 'STRLEN', 'cli:binary'])).stdout).toBe('256\n');
  });

  it("serves redis-cli's pipe mode, --scan and --bigkeys", async () => {
    const commands = Array.from({ length: 6000 }, (_, i) => `SET pipe:${i} value:${i}\r\n`).join('');
    const { stdout } = await cli(['--pipe'], commands);
    expect(stdout).toContain('errors: 0, replies: 6000');
    expect((await cli(['GET', 'pipe:5999'])).stdout).toBe('value:5999\n');
    const scanned = (await cli(['--scan', '--pattern', 'pipe:1*'])).stdout.trim().split('\n');
    expect(new Set(scanned).size).toBe(1111);
    expect((await cli(['--bigkeys'])).stdout).toMatch(/\d+ strings with \d+ bytes/);
  });

  it.each([[[]], [['-P', '16']]])('serves redis-benchmark %j', async (pipeline) => {
    const tests = 'ping_inline,ping_mbulk,set,get,incr,mset';
    const args = ['-h', HOST, '-p', String(port), '-t', tests, '-n', '2000', '-q', ...pipeline];
    const { stdout, stderr } = await run('redis-benchmark', args);
    expect(`${stdout}${stderr}`).not.toMatch(/error|ERR|warning/i);
    expect(stdout.match(/requests per second/g)).toHaveLength(6);
  });
});
