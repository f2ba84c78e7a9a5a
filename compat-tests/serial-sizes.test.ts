import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encode } from './harness/connection.js';
import { RingCluster } from './harness/servers.js';

const MANY = 20_000;
const LARGE = 'x'.repeat(2 << 20);

let ring: RingCluster;
beforeAll(async () => {
  ring = await RingCluster.start(3, { 'request-timeout': '20000' });
});
afterAll(() => ring.stop());

describe('what is linearizable and large', () => {
  it('is refused when it has more keys than nodes should look at in one turn, and does nothing', {
    timeout: 60_000,
  }, async () => {
    const client = await ring.nodes[0].connect();
    const pairs = (count: number): string[] =>
      Array.from({ length: count }, (_, i) => [`{many}${i}`, 'v']).flat();
    expect(await client.raw(encode(['MSETNX', ...pairs(MANY + 1)]))).toMatch(/^-ERR more than 20000 keys/);
    expect(await client.command('EXISTS', '{many}0', '{many}1')).toBe(':0\r\n');
    expect(await client.raw(encode(['MSETNX', ...pairs(2000)]))).toBe(':1\r\n');
    expect(await client.command('KV.AT', 'SERIAL', 'GET', '{many}1999')).toBe('$1\r\nv\r\n');
    client.close();
  });

  it('goes in several rounds when it comes at once, and all of it is there', {
    timeout: 60_000,
  }, async () => {
    const clients = await Promise.all(Array.from({ length: 5 }, (_, i) => ring.nodes[i % 3].connect()));
    const took = await Promise.all(clients.map((one, i) => one.command('SET', `{large}${i}`, LARGE, 'NX')));
    expect(took).toEqual(clients.map(() => '+OK\r\n'));
    const lengths = await Promise.all(clients.map((one, i) => one.command('STRLEN', `{large}${4 - i}`)));
    expect(lengths).toEqual(clients.map(() => `:${LARGE.length}\r\n`));
    expect(await clients[0].command('CAS', '{large}0', LARGE, `${LARGE}y`)).toBe(':1\r\n');
    for (const one of clients) one.close();
  });
});
