import { describe, expect, it } from 'vitest';
import { story as countOnce } from '../examples/counter.js';
import { story as lockAndFence } from '../examples/lock.js';
import { WiredCluster } from './harness/wired-cluster.js';

describe('the examples do what they say', { timeout: 120_000 }, () => {
  it('lock: the later holder prints, the earlier one is refused', async () => {
    const cluster = await WiredCluster.start(3);
    try {
      const told = await lockAndFence(`redis://127.0.0.1:${cluster.nodes[0].port}`);
      expect(told).toEqual({ bobPrinted: true, alicePrinted: false });
    } finally {
      await cluster.stop();
    }
  });

  it('counter: every request is counted once while a node dies', async () => {
    const { sum, expected } = await countOnce();
    expect(sum).toBe(expected);
  });
});
