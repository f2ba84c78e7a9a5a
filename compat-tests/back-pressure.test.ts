import { afterEach, describe, expect, it } from 'vitest';
import { RingCluster } from './harness/servers.js';

let cluster: RingCluster;
afterEach(() => cluster.stop());

describe('writes that come faster than the disk takes them', () => {
  it.each([1, 3])('wait and go on by themselves (%i nodes)', async (count) => {
    cluster = await RingCluster.start(count, { 'max-pending-write-bytes': '1mb' });
    const connections = await Promise.all(Array.from({ length: 8 }, () => cluster.nodes[0].connect()));
    const value = 'x'.repeat(400_000);
    const replies = await Promise.all(
      connections.flatMap((connection, c) =>
        Array.from({ length: 12 }, (_, i) => connection.command('SET', `key ${c} ${i}`, value)),
      ),
    );
    expect(new Set(replies)).toEqual(new Set(['+OK\r\n']));
  });
});
