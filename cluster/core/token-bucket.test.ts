import { expect, it } from 'vitest';
import { TokenBucket } from './token-bucket.js';

it('pays out a time once, also to those who go by an earlier one', () => {
  const bucket = new TokenBucket(() => 1000);
  expect(bucket.open(50)).toBe(true);
  bucket.take(50);
  bucket.open(20);
  expect(bucket.open(50)).toBe(false);
  expect(bucket.open(51)).toBe(true);
});

it('lets more be taken than there is, and the next wait for it', () => {
  const bucket = new TokenBucket(() => 1000);
  bucket.open(1);
  bucket.take(501);
  expect([bucket.open(400), bucket.open(501), bucket.open(502)]).toEqual([false, false, true]);
});
