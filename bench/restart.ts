import { RespConnection } from '../compat-tests/harness/connection.js';
import { RingCluster } from '../compat-tests/harness/servers.js';
import { fill } from './fill.js';

/** Seconds from the start of a node whose process was killed to its first reply, with so many keys on disk. */
export async function restartSeconds(keys: number): Promise<number> {
  const cluster = await RingCluster.start(1);
  try {
    const [node] = cluster.nodes;
    await fill(node.port, keys);
    await node.process.stop('SIGKILL');
    const began = performance.now();
    await node.start();
    const connection = await RespConnection.open(node.port);
    const last = `key:${String(keys - 1).padStart(12, '0')}`;
    const reply = await connection.command('GET', last);
    const seconds = (performance.now() - began) / 1000;
    connection.close();
    if (!reply.startsWith('$100\r\n')) throw new Error(`a key was lost: ${reply}`);
    return seconds;
  } finally {
    await cluster.stop();
  }
}
