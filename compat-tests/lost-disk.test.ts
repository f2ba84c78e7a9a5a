import { rmSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { RingCluster } from './harness/servers.js';

const KEYS = Array.from({ length: 300 }, (_, i) => `key ${i}`);
let cluster: RingCluster;
afterEach(() => cluster.stop());

describe('a node whose disk was lost', () => {
  it('comes back empty under its address, and every acknowledged write is read through it', async () => {
    cluster = await RingCluster.start(3);
    const [first, , lost] = cluster.nodes;
    const writer = await first.connect();
    await writer.pipeline(KEYS.map((key) => ['SET', key, key]));
    await lost.process.stop('SIGKILL');
    rmSync(lost.dir, { recursive: true });
    await lost.start();
    await lost.serves();
    const reader = await lost.connect();
    const members = await reader.command('KV.NODES');
    expect(members.split('$2\r\nup\r\n').length - 1).toBe(3);
    const replies = await reader.pipeline(KEYS.map((key) => ['GET', key]));
    expect(replies).toEqual(KEYS.map((key) => `$${key.length}\r\n${key}\r\n`));
    // Where it coordinates, it must know what it has to supersede, not write beside it.
    await reader.pipeline(KEYS.map((key) => ['APPEND', key, '!']));
    const appended = await writer.pipeline(KEYS.map((key) => ['GET', key]));
    expect(appended).toEqual(KEYS.map((key) => `$${key.length + 1}\r\n${key}!\r\n`));
    const siblings = await writer.pipeline(KEYS.map((key) => ['KV.SIBLINGS', key]));
    expect(siblings.filter((reply) => !reply.includes('\r\n*1\r\n*4\r\n'))).toEqual([]);
  });
});
