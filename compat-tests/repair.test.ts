import { rmSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import type { RespConnection } from './harness/connection.js';
import { RingCluster, type RingNode } from './harness/servers.js';

const KEYS = Array.from({ length: 3000 }, (_, i) => `key ${i}`);
/** Repair comes only when it is asked for, and nothing else heals. */
const SETTINGS = { 'repair-interval': '0', 'max-hints-bytes': '0' };
let cluster: RingCluster;
afterEach(() => cluster.stop());

/** The node's own copies, whatever the others have. */
async function own(connection: RespConnection, keys: readonly string[]): Promise<string[]> {
  return connection.pipeline(keys.map((key) => ['KV.AT', 'ONE', 'GET', key]));
}

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

async function set(
  node: RingNode,
  keys: readonly string[],
  value: (key: string) => string,
  level = 'DEFAULT',
): Promise<void> {
  const connection = await node.connect();
  const replies = await connection.pipeline(keys.map((key) => ['KV.AT', level, 'SET', key, value(key)]));
  expect(new Set(replies)).toEqual(new Set(['+OK\r\n']));
  connection.close();
}

/** A number from a KV.REPAIR reply, summed over the peers. */
function figure(reply: string, name: string): number {
  return [...reply.matchAll(new RegExp(`\\r\\n${name}\\r\\n:(\\d+)\\r\\n`, 'g'))].reduce(
    (sum, [, number]) => sum + Number(number),
    0,
  );
}

describe('KV.REPAIR', () => {
  it('refills a node that lost its disk', async () => {
    cluster = await RingCluster.start(3, SETTINGS);
    const [first, , lost] = cluster.nodes;
    await set(first, KEYS, (key) => `value of ${key}`);
    await lost.process.stop('SIGKILL');
    rmSync(lost.dir, { recursive: true });
    await lost.start();
    await lost.serves();
    const connection = await lost.connect();
    const reply = await connection.command('KV.REPAIR', 'ALL', 'WAIT', '60000');
    expect(reply).toContain('$5\r\nstate\r\n$4\r\ndone\r\n');
    expect(figure(reply, 'keys-received')).toBe(KEYS.length);
    expect(await own(connection, KEYS)).toEqual(KEYS.map((key) => bulk(`value of ${key}`)));
    const again = await connection.command('KV.REPAIR', 'ALL', 'WAIT', '60000');
    expect(figure(again, 'keys-differing')).toBe(0);
    const info = await connection.command('INFO', 'ringkv');
    expect(info).toMatch(/repair_keys_received:3000\r\n/);
    connection.close();
  });

  it('sends only what differs, both ways, after restarts clean and unclean', async () => {
    cluster = await RingCluster.start(2, { ...SETTINGS, 'read-quorum': 'one', 'write-quorum': 'one' });
    const [one, two] = cluster.nodes;
    // At ALL, for at ONE the node about to die may not have heard of the last ones yet.
    await set(one, KEYS, () => 'old', 'ALL');
    await two.process.stop('SIGKILL');
    await set(one, KEYS.slice(0, 20), () => 'from one');
    await one.process.stop('SIGTERM');
    await two.start();
    await two.serves();
    await set(two, KEYS.slice(20, 50), () => 'from two');
    await one.start();
    await one.serves();
    const connection = await two.connect();
    expect(await own(connection, KEYS.slice(0, 1))).toEqual([bulk('old')]);
    const reply = await connection.command('KV.REPAIR', 'WAIT', '60000');
    expect(reply).toContain('$5\r\nstate\r\n$4\r\ndone\r\n');
    expect([figure(reply, 'keys-received'), figure(reply, 'keys-sent')]).toEqual([20, 30]);
    expect(figure(reply, 'bytes-sent') + figure(reply, 'bytes-received')).toBeLessThan(150_000);
    const expected = KEYS.map((_, i) => bulk(i < 20 ? 'from one' : i < 50 ? 'from two' : 'old'));
    for (const node of cluster.nodes) expect(await own(await node.connect(), KEYS)).toEqual(expected);
    connection.close();
  });

  it('of one slot repairs that slot alone', async () => {
    cluster = await RingCluster.start(3, SETTINGS);
    const [first, , lost] = cluster.nodes;
    await lost.process.stop('SIGKILL');
    await set(first, ['{a}1', '{a}2', 'b'], () => 'x');
    await lost.start();
    await lost.serves();
    const connection = await lost.connect();
    const where = await connection.command('KV.WHERE', '{a}1');
    const slot = /:(\d+)/.exec(where)![1];
    const reply = await connection.command('KV.REPAIR', slot, 'WAIT', '60000');
    expect(figure(reply, 'keys-received')).toBe(2);
    connection.close();
  });
});
