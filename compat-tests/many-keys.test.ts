import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RingCluster } from './harness/servers.js';

let ring: RingCluster;
beforeAll(async () => {
  ring = await RingCluster.start(3, { 'max-pipeline': '50' });
  await Promise.all(ring.nodes.map((node) => node.serves()));
});
afterAll(() => ring.stop());

describe('a write of more keys than may be under way at once', () => {
  const keys = Array.from({ length: 5000 }, (_, i) => `k${i}`);

  it('is done whole, the last of a key given twice wins', async () => {
    const [one, other] = await Promise.all([ring.nodes[0].connect(), ring.nodes[1].connect()]);
    const pairs = keys.flatMap((key) => [key, 'first', key, `value of ${key}`]);
    expect(await one.command('MSET', ...pairs)).toBe('+OK\r\n');
    expect(await other.command('EXISTS', ...keys)).toBe(`:${keys.length}\r\n`);
    for (const key of ['k0', 'k49', 'k50', 'k4999']) {
      const value = `value of ${key}`;
      expect(await other.command('GET', key)).toBe(`$${value.length}\r\n${value}\r\n`);
    }
    expect(await other.command('DEL', ...keys, ...keys)).toBe(`:${keys.length}\r\n`);
    expect(await one.command('DBSIZE')).toBe(':0\r\n');
    one.close();
    other.close();
  });
});
