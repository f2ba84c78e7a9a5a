import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { RespConnection } from './harness/connection.js';
import { damageFiles, damageOwnRow, damageRecords, emptyLog } from './harness/damage.js';
import { RingCluster, type RingNode } from './harness/servers.js';

const KEYS = Array.from({ length: 400 }, (_, i) => `key ${i}`);
const PATIENCE_MS = 20_000;
let cluster: RingCluster;
afterEach(() => cluster.stop());

const bulk = (value: string): string => `$${value.length}\r\n${value}\r\n`;

/** A figure of INFO's RingKV section. */
async function figure(connection: RespConnection, name: string): Promise<number> {
  const info = await connection.command('INFO', 'ringkv');
  return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? Number.NaN);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it never came to be');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** All have their memory: who starts again without is not asked at ONE before it was compared with the others. */
async function allAreFull(connection: RespConnection): Promise<void> {
  await until(async () => !(await connection.command('KV.NODES')).includes('filling\r\n:1'));
}

async function stopped(node: RingNode): Promise<void> {
  expect(await node.process.stop()).toBe(0);
}

describe('records that are damaged on one node of three', () => {
  it('are never returned, and are replaced from the others', async () => {
    cluster = await RingCluster.start(3);
    const [first, , third] = cluster.nodes;
    const writer = await first.connect();
    await writer.pipeline(KEYS.map((key) => ['SET', key, key]));
    await allAreFull(writer);
    await stopped(third);
    const damaged = await damageRecords(third.dir, ({ key }) => Number(key.slice(4)) % 4 === 0);
    expect(damaged).toHaveLength(100);
    await third.start();
    await third.serves();

    const reader = await third.connect();
    await reader.command('KV.CONSISTENCY', 'READ', 'ONE');
    const values = KEYS.map(bulk);
    expect(await reader.pipeline(KEYS.map((key) => ['GET', key]))).toEqual(values);
    expect(await writer.pipeline(KEYS.map((key) => ['GET', key]))).toEqual(values);
    await until(async () => (await figure(reader, 'repaired_corrupt')) === 100);
    expect(await figure(reader, 'corrupt_records')).toBe(100);
    expect(await figure(reader, 'quarantined')).toBe(100);
    expect(third.process.output).toMatch(/damaged records on this disk/);
    expect(await reader.command('DBSIZE')).toBe(':400\r\n');

    // From its own disk, with nobody to ask.
    await stopped(third);
    expect(await damageRecords(third.dir, () => false)).toEqual([]);
    await third.start();
    await third.serves();
    for (const other of cluster.nodes.slice(0, 2)) await other.process.stop('SIGKILL');
    const alone = await third.connect();
    await alone.command('KV.CONSISTENCY', 'READ', 'ONE');
    await until(async () => (await alone.command('GET', KEYS[0])) === values[0]);
    expect(await alone.pipeline(KEYS.map((key) => ['GET', key]))).toEqual(values);
    expect(await figure(alone, 'corrupt_records')).toBe(0);
    expect(await figure(alone, 'quarantined')).toBe(100);
  });
});

describe('records that are damaged on a node alone', () => {
  it('are errors until they are overwritten or removed', async () => {
    cluster = await RingCluster.start(1);
    const [node] = cluster.nodes;
    const names = ['a', 'b', 'c', 'd', 'whole'];
    await (await node.connect()).pipeline(names.map((name) => ['SET', name, name]));
    await stopped(node);
    await damageRecords(node.dir, ({ key }) => key !== 'whole');
    await node.start();
    const client = await node.connect();
    const broken = /^-ERR the stored value of this key is damaged/;
    for (const command of [
      ['GET', 'a'],
      ['INCR', 'a'],
      ['SET', 'a', 'x', 'NX'],
      ['GETSET', 'a', 'x'],
      ['EXISTS', 'a'],
    ])
      expect(await client.command(...command)).toMatch(broken);
    expect(await client.command('GET', 'whole')).toBe(bulk('whole'));
    expect(await client.command('SET', 'a', 'new')).toBe('+OK\r\n');
    expect(await client.command('GET', 'a')).toBe(bulk('new'));
    expect(await client.command('DEL', 'b', 'whole')).toBe(':2\r\n');
    expect(await client.command('GET', 'b')).toBe('$-1\r\n');
    expect(await client.command('DBSIZE')).toBe(':3\r\n');
    expect(await client.command('GET', 'c')).toMatch(broken);
    expect(await client.command('FLUSHALL')).toBe('+OK\r\n');
    await until(async () => (await client.command('GET', 'c')) === '$-1\r\n');
    await until(async () => (await client.command('GET', 'd')) === '$-1\r\n');
    expect(await client.command('DBSIZE')).toBe(':0\r\n');
    expect(await figure(client, 'unrepaired_corrupt')).toBe(0);
  });
});

describe('a table of the database that is damaged', () => {
  it('gives no wrong value; the node says what is wrong, and fetches from the others what it can', async () => {
    cluster = await RingCluster.start(3);
    const [first, , third] = cluster.nodes;
    const writer = await first.connect();
    await writer.pipeline(KEYS.map((key) => ['SET', key, key.repeat(20)]));
    await allAreFull(writer);
    await stopped(third);
    await emptyLog(third.dir);
    const flipped = damageFiles(third.dir, /\.sst$/, (bytes) => {
      for (let at = 3000; at < bytes.length / 2; at += 9000) bytes[at] ^= 0x10;
    });
    expect(flipped).toBeGreaterThan(0);
    await third.start();
    await third.serves();
    const reader = await third.connect();
    await reader.command('KV.CONSISTENCY', 'READ', 'ONE');
    const values = KEYS.map((key) => bulk(key.repeat(20)));
    expect(await reader.pipeline(KEYS.map((key) => ['GET', key]))).toEqual(values);
    const found = await figure(reader, 'corrupt_records');
    expect(found).toBeGreaterThan(0);
    await until(async () => (await figure(reader, 'repaired_corrupt')) === found);
    expect(await reader.pipeline(KEYS.map((key) => ['GET', key]))).toEqual(values);
    expect(third.process.output).toMatch(/the database in .* is damaged: Corruption: .*--rebuild yes/);
  });
});

describe('what a node keeps about itself, damaged', () => {
  it('is told with the way out, and the node is rebuilt when that is wanted', async () => {
    cluster = await RingCluster.start(3);
    const [first, , third] = cluster.nodes;
    const writer = await first.connect();
    await writer.pipeline(KEYS.map((key) => ['SET', key, 'flushed']));
    expect(await writer.command('FLUSHALL')).toBe('+OK\r\n');
    await writer.pipeline(KEYS.slice(0, 10).map((key) => ['SET', key, key]));
    await stopped(third);
    await damageOwnRow(third.dir, 'flush-marks');
    third.spawn();
    expect(await third.process.ended()).toBe(1);
    expect(third.process.output).toMatch(/damaged: its row of the flush marks .*--rebuild yes/);
    expect(third.process.output.trim().split('\n')).toHaveLength(1);
    await third.start({ rebuild: 'yes' });
    await third.serves();
    expect(existsSync(join(third.dir, 'db.broken-1', 'CURRENT'))).toBe(true);
    const reader = await third.connect();
    await until(async () => (await reader.command('DBSIZE')) === ':10\r\n');

    // The setting is there already: one start is enough.
    await stopped(third);
    await damageOwnRow(third.dir, 'members');
    await third.start({ rebuild: 'yes' });
    await third.serves();
    expect(existsSync(join(third.dir, 'db.broken-2', 'CURRENT'))).toBe(true);
    expect(await (await third.connect()).command('GET', KEYS[3])).toBe(bulk(KEYS[3]));
  });

  it('costs a node alone no more than a new incarnation when it is the clock', async () => {
    cluster = await RingCluster.start(1);
    const [node] = cluster.nodes;
    expect(await (await node.connect()).command('SET', 'kept', 'yes')).toBe('+OK\r\n');
    await stopped(node);
    const before = incarnationOf(node);
    await damageOwnRow(node.dir, 'clock');
    await node.start();
    expect(node.process.output).toMatch(/its row of the clock .* under a new incarnation/);
    expect(incarnationOf(node)).toBe(before + 1);
    expect(await (await node.connect()).command('GET', 'kept')).toBe(bulk('yes'));
    await stopped(node);
    await node.start();
    expect(incarnationOf(node)).toBe(before + 1);
  });
});

function incarnationOf(node: RingNode): number {
  return JSON.parse(readFileSync(join(node.dir, 'ringkv.json'), 'utf8')).incarnation;
}

describe('a database that does not open', () => {
  const breakManifest = (dir: string): number =>
    damageFiles(dir, /^MANIFEST/, (bytes) => bytes.fill(0x55, bytes.length / 3, bytes.length / 3 + 20));

  it('is told with the way out, of a node alone and of a member', async () => {
    cluster = await RingCluster.start(1);
    const [node] = cluster.nodes;
    await stopped(node);
    breakManifest(node.dir);
    node.spawn();
    expect(await node.process.ended()).toBe(1);
    expect(node.process.output).toMatch(
      /the database in .*db does not open: Corruption: .*restore the data folder from a backup/,
    );
    expect(node.process.output.trim().split('\n')).toHaveLength(1);
    node.spawn({ rebuild: 'yes' });
    expect(await node.process.ended()).toBe(2);
    expect(node.process.output).toContain('rebuild is yes, but there are no seeds');
    rmSync(join(node.dir, 'db'), { recursive: true });
    node.spawn();
    expect(await node.process.ended()).toBe(1);
    expect(node.process.output).toMatch(/the database in .*db is gone/);
  });

  it('is rebuilt from the other nodes when that is wanted, once', async () => {
    cluster = await RingCluster.start(3);
    const [first, , third] = cluster.nodes;
    const writer = await first.connect();
    await writer.pipeline(KEYS.map((key) => ['SET', key, key]));
    const idOf = async (node: RingNode): Promise<string> =>
      /^node_id:(\w+)/m.exec(await (await node.connect()).command('INFO', 'ringkv'))![1];
    const oldId = await idOf(third);
    await stopped(third);
    breakManifest(third.dir);
    third.spawn();
    expect(await third.process.ended()).toBe(1);
    expect(third.process.output).toMatch(/does not open: Corruption: .*--rebuild yes/);

    await third.start({ rebuild: 'yes' });
    await third.serves();
    expect(existsSync(join(third.dir, 'db.broken-1', 'CURRENT'))).toBe(true);
    const newId = await idOf(third);
    expect(newId).not.toBe(oldId);
    // The others fill it without being told to.
    const reader = await third.connect();
    await until(async () => (await reader.command('DBSIZE')) === ':400\r\n');
    expect((await writer.command('KV.NODES')).split('$2\r\nup\r\n')).toHaveLength(4);
    await reader.pipeline(KEYS.map((key) => ['APPEND', key, '!']));
    const values = KEYS.map((key) => bulk(`${key}!`));
    expect(await writer.pipeline(KEYS.map((key) => ['GET', key]))).toEqual(values);
    const siblings = await writer.pipeline(KEYS.map((key) => ['KV.SIBLINGS', key]));
    expect(siblings.filter((reply) => !reply.includes('\r\n*1\r\n*4\r\n'))).toEqual([]);

    // The setting may stay: a sound database is not thrown away.
    await stopped(third);
    await third.start({ rebuild: 'yes' });
    await third.serves();
    expect(await idOf(third)).toBe(newId);
    expect(existsSync(join(third.dir, 'db.broken-2'))).toBe(false);
  });

  it('nor is one rebuilt that opens, unless it was found damaged', async () => {
    cluster = await RingCluster.start(3);
    const [first, , third] = cluster.nodes;
    const writer = await first.connect();
    await writer.pipeline(KEYS.map((key) => ['SET', key, key.repeat(20)]));
    await allAreFull(writer);
    await stopped(third);
    await emptyLog(third.dir);
    damageFiles(third.dir, /\.sst$/, (bytes) => {
      for (let at = 3000; at < bytes.length / 2; at += 9000) bytes[at] ^= 0x10;
    });
    await third.start({ rebuild: 'yes' });
    await third.serves();
    expect(existsSync(join(third.dir, 'db.broken-1'))).toBe(false);
    const reader = await third.connect();
    await reader.pipeline(KEYS.map((key) => ['GET', key]));
    expect(third.process.output).toMatch(/is damaged: Corruption/);
    await third.process.stop();
    await third.start({ rebuild: 'yes' });
    await third.serves();
    expect(existsSync(join(third.dir, 'db.broken-1'))).toBe(true);
  });
});
