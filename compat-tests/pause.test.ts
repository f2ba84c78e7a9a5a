import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RingCluster } from './harness/servers.js';

let ring: RingCluster;
beforeAll(async () => {
  ring = await RingCluster.start(1);
});
afterAll(() => ring.stop());

describe('CLIENT PAUSE WRITE', () => {
  it.each([
    ['a write', [['SET', 'a', '1']]],
    ['a transaction that writes', [['MULTI'], ['SET', 'a', '1'], ['EXEC']]],
    ['a write at a level of its own', [['KV.AT', 'ONE', 'SET', 'a', '1']]],
  ])('holds up %s', async (_, commands) => {
    const [admin, client] = await Promise.all([ring.nodes[0].connect(), ring.nodes[0].connect()]);
    await admin.command('DEL', 'a');
    expect(await admin.command('CLIENT', 'PAUSE', '60000', 'WRITE')).toBe('+OK\r\n');
    const replies = client.pipeline(commands);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await admin.command('EXISTS', 'a')).toBe(':0\r\n');
    expect(await admin.command('CLIENT', 'UNPAUSE')).toBe('+OK\r\n');
    expect((await replies).at(-1)).toMatch(/\+OK\r\n$/);
    expect(await admin.command('GET', 'a')).toBe('$1\r\n1\r\n');
    admin.close();
    client.close();
  });

  it.each([
    ['a read', [['GET', 'b']], '$-1\r\n'],
    ['a transaction that reads', [['MULTI'], ['GET', 'b'], ['EXEC']], '*1\r\n$-1\r\n'],
    ['a read at a level of its own', [['KV.AT', 'ONE', 'GET', 'b']], '$-1\r\n'],
  ])('does not hold up %s', async (_, commands, reply) => {
    const client = await ring.nodes[0].connect();
    expect(await client.command('CLIENT', 'PAUSE', '60000', 'WRITE')).toBe('+OK\r\n');
    expect((await client.pipeline(commands)).at(-1)).toBe(reply);
    expect(await client.command('CLIENT', 'UNPAUSE')).toBe('+OK\r\n');
    client.close();
  });
});
