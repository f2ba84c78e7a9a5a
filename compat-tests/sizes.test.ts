import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RingCluster } from './harness/servers.js';

const EVERY_BYTE = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('');

/** A machine busy with other tests may take its time over 40 MB. */
const PATIENT = { 'request-timeout': '20000', 'heartbeat-timeout': '20000' };

describe.each([1, 3])('with %i nodes', (count) => {
  let ring: RingCluster;
  beforeAll(async () => {
    ring = await RingCluster.start(count, PATIENT);
  });
  // Not there when the start failed, which is then what is to be read.
  afterAll(() => ring?.stop());

  it.each([
    ['an empty key and an empty value', '', ''],
    ['every byte there is', EVERY_BYTE, EVERY_BYTE],
    ['a key of 64 KB', 'k'.repeat(64 * 1024), 'v'],
    ['a value of 40 MB', 'large', EVERY_BYTE.repeat(40 * 4096)],
  ])('%s comes back from every node', async (_, key, value) => {
    const writer = await ring.nodes[0].connect();
    expect(await writer.command('SET', key, value)).toBe('+OK\r\n');
    writer.close();
    for (const node of ring.nodes) {
      const reader = await node.connect();
      expect(await reader.command('STRLEN', key)).toBe(`:${value.length}\r\n`);
      const reply = await reader.command('GET', key);
      expect(reply === `$${value.length}\r\n${value}\r\n`).toBe(true);
      reader.close();
    }
  });

  it('a value of 40 MB leaves the other keys served', async () => {
    const writer = await ring.nodes[0].connect();
    const other = await ring.nodes[count - 1].connect();
    const writing = writer.command('SET', 'large', 'x'.repeat(40 << 20));
    let longest = 0;
    let going = true;
    const done = writing.finally(() => {
      going = false;
    });
    while (going) {
      const began = performance.now();
      expect(await other.command('INCR', 'small')).toMatch(/^:/);
      longest = Math.max(longest, performance.now() - began);
    }
    expect(await done).toBe('+OK\r\n');
    expect(longest).toBeLessThan(5000);
    writer.close();
    other.close();
  });
});
