import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encode } from './harness/connection.js';
import { RedisServer, RingCluster } from './harness/servers.js';

let ring: RingCluster;
let redis: RedisServer;
beforeAll(async () => {
  [ring, redis] = await Promise.all([RingCluster.start(3), RedisServer.start()]);
  await Promise.all(ring.nodes.map((node) => node.serves()));
});
afterAll(() => Promise.all([ring.stop(), redis.stop()]));

/** Sends bytes, closes the sending side at once, as `nc` does at the end of its input; all that comes until the server closes. */
function sendAndEnd(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: string[] = [];
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    socket.setEncoding('latin1').on('data', (text: string) => chunks.push(text));
    socket.on('error', reject);
    socket.on('end', () => resolve(chunks.join('')));
    socket.end(bytes, 'latin1');
  });
}

describe('a client that closes its sending side gets all its replies, then the end', () => {
  const many = Array.from(
    { length: 1000 },
    (_, i) => encode(['SET', `k${i}`, 'v']) + encode(['GET', `k${i}`]),
  );
  it.each([
    ['one inline command', 'PING\r\n'],
    ['writes and reads', 'SET a b\r\nGET a\r\nAPPEND a c\r\nDEL a\r\n'],
    ['a transaction', 'MULTI\r\nSET t 1\r\nINCR t\r\nEXEC\r\n'],
    ['half a command at the end', 'SET a b\r\nGET a\r\n*2\r\n$3\r\nGE'],
    ['nothing', ''],
    ['a long pipeline', many.join('')],
  ])('%s', async (_, bytes) => {
    const theirs = await sendAndEnd(redis.port, bytes);
    for (const node of ring.nodes) expect(await sendAndEnd(node.port, bytes)).toBe(theirs);
  });

  it('and is forgotten', async () => {
    const connection = await ring.nodes[0].connect();
    await expect.poll(async () => (await connection.command('CLIENT', 'LIST')).match(/id=/g)).toHaveLength(1);
    connection.close();
  });
});
