import { afterAll, beforeAll, expect, it } from 'vitest';
import { RingCluster } from './harness/servers.js';

let ring: RingCluster;
beforeAll(async () => {
  ring = await RingCluster.start(1);
});
afterAll(() => ring.stop());

it.each([1, 2, 10_000])('KV.AT %i times inside KV.AT is refused', async (times) => {
  const connection = await ring.nodes[0].connect();
  const nested = Array.from({ length: times }, () => ['KV.AT', 'ONE']).flat();
  expect(await connection.command('KV.AT', 'ONE', ...nested, 'GET', 'a')).toBe(
    '-ERR KV.AT inside KV.AT is not allowed\r\n',
  );
  expect(await connection.command('KV.AT', 'ONE', 'PING')).toBe('+PONG\r\n');
  connection.close();
});
