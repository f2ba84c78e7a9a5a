import { afterEach, describe, expect, it } from 'vitest';
import { RingCluster } from './harness/servers.js';

let cluster: RingCluster;
afterEach(() => cluster.stop());

describe('seeds', () => {
  it('may spell the addresses in another way than the nodes that listen on them', async () => {
    cluster = await RingCluster.start(3, {}, 'localhost');
    for (const node of cluster.nodes) {
      const connection = await node.connect();
      const members = await connection.command('KV.NODES');
      expect(members.split('$2\r\nup\r\n').length - 1).toBe(3);
      expect(await connection.command('SET', `at ${node.port}`, 'x')).toBe('+OK\r\n');
      connection.close();
    }
  });
});
