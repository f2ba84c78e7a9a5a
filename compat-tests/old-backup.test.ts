import { cpSync, rmSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { RingCluster } from './harness/servers.js';

const KEYS = Array.from({ length: 200 }, (_, i) => `key ${i}`);
let cluster: RingCluster | undefined;
afterEach(() => cluster?.stop());

/** riak_kv#679: the node has forgotten writes of its own which others still have. */
describe('a node whose data folder was set back to an old backup', () => {
  it('goes on under a new incarnation, and covers nothing that was acknowledged', async () => {
    cluster = await RingCluster.start(3);
    const [first, second, third] = cluster.nodes;
    const before = await first.connect();
    await before.pipeline(KEYS.map((key) => ['SET', key, 'old']));
    before.close();
    await first.process.stop('SIGTERM');
    const backup = `${first.dir}-backup`;
    cpSync(first.dir, backup, { recursive: true });
    await first.start();
    await first.serves();
    // Acknowledged by the first, which will forget it, and by the second.
    await third.process.stop('SIGKILL');
    const writer = await first.connect();
    const acknowledged = await writer.pipeline(KEYS.map((key) => ['SET', key, 'new']));
    expect(acknowledged.filter((reply) => reply !== '+OK\r\n')).toEqual([]);
    await first.process.stop('SIGKILL');
    rmSync(first.dir, { recursive: true });
    cpSync(backup, first.dir, { recursive: true });
    await Promise.all([first.start(), third.start()]);
    await first.process.says(/goes on under a new incarnation/);
    await first.process.says(/ready in[\s\S]*ready in/);
    await Promise.all([first.serves(), second.serves(), third.serves()]);
    const appender = await first.connect();
    await appender.pipeline(KEYS.map((key) => ['APPEND', key, '!']));
    const siblings = await appender.pipeline(KEYS.map((key) => ['KV.AT', 'ALL', 'KV.SIBLINGS', key]));
    expect(siblings.filter((reply) => !reply.includes('new'))).toEqual([]);
  });
});
