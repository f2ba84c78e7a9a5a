import { describe, expect, it } from 'vitest';
import { story as fillCarts } from '../examples/cart.js';
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

  it('cart: nothing that either side of a partition has put in is lost', async () => {
    const told = await fillCarts();
    const union = ['book', 'pen', 'lamp'];
    expect(told.siblings).toEqual([
      ['book', 'pen'],
      ['book', 'lamp'],
    ]);
    expect(told.union).toEqual(union);
    expect(told.after).toEqual([[...union, 'ink']]);
    expect(told.conflict).toBe('SIBLINGS 2 concurrent versions, use KV.SIBLINGS');
    expect(told.merged).toEqual([[...union, 'ink']]);
  });
});
