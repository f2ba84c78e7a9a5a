import { describe, expect, it } from 'vitest';
import { COUNTERS, ReadCounts } from './read-counts.js';

/** Dice with a seed. */
function dice(seed: number): { next(): number } {
  let state = seed;
  return {
    next: () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    },
  };
}

/** Reads by the second: `rates` of keys, and so many of keys that come once each. */
function play(
  counts: ReadCounts,
  seconds: number,
  rates: Readonly<Record<string, number>>,
  others: number,
  from = 0,
): void {
  let other = 0;
  for (let tick = 0; tick < seconds * 10; tick++) {
    counts.tick(from + tick * 100);
    for (const [key, rate] of Object.entries(rates)) for (let i = 0; i < rate / 10; i++) counts.read(0, key);
    for (let i = 0; i < others / 10; i++) counts.read(0, `other:${from}:${other++}`);
  }
  counts.tick(from + seconds * 1000);
}

describe('counting reads', () => {
  it('tells rates within a fifth, soon after a key became hot', () => {
    for (const seconds of [2, 5, 30]) {
      const counts = new ReadCounts(dice(7));
      play(counts, seconds, { a: 5000, b: 1000 }, 4000);
      expect(counts.of(0, 'a') / 5000).toBeGreaterThan(0.8);
      expect(counts.of(0, 'a') / 5000).toBeLessThan(1.2);
      expect(counts.of(0, 'b') / 1000).toBeGreaterThan(0.7);
      expect(counts.of(0, 'b') / 1000).toBeLessThan(1.3);
      expect(counts.perSecond / 10_000).toBeGreaterThan(0.85);
      expect(counts.perSecond / 10_000).toBeLessThan(1.15);
      expect(counts.top(2).map(({ key }) => key)).toEqual(['a', 'b']);
    }
  });

  it('finds a key of 1 % of the reads among a flood of others', () => {
    const counts = new ReadCounts(dice(3));
    play(counts, 20, { a: 1000 }, 100_000);
    const [first, second] = counts.top(2);
    expect(first.key).toBe('a');
    expect(first.perSecond).toBeGreaterThan(500);
    // Of the others nothing is certain.
    expect(second?.perSecond ?? 0).toBeLessThan(100);
  });

  it('forgets what is no longer read', () => {
    const counts = new ReadCounts(dice(5));
    play(counts, 10, { a: 5000 }, 0);
    play(counts, 20, { b: 100 }, 0, 10_000);
    expect(counts.of(0, 'a')).toBeLessThan(150);
    counts.tick(120_000);
    expect(counts.top(10)).toEqual([]);
    expect(counts.perSecond).toBeLessThan(1);
  });

  it('keeps databases apart', () => {
    const counts = new ReadCounts(dice(9));
    for (let i = 0; i < 10_000; i++) counts.read(i % 4 === 0 ? 3 : 0, 'k');
    counts.tick(1000);
    expect(counts.of(0, 'k') / counts.of(3, 'k')).toBeGreaterThan(2);
    expect(counts.of(1, 'k')).toBe(0);
  });

  it('does not fall in step with a pipeline', () => {
    const counts = new ReadCounts(dice(11));
    for (let second = 0; second < 10; second++) {
      counts.tick(second * 1000);
      for (let i = 0; i < 16_000; i++) counts.read(0, `key:${i % 16}`);
    }
    const rates = counts.top(100).map(({ perSecond }) => perSecond);
    expect(rates).toHaveLength(16);
    expect(rates[0] / rates[15]).toBeLessThan(1.6);
  });

  it('has a bound', () => {
    const counts = new ReadCounts(dice(13));
    for (let i = 0; i < 100_000; i++) counts.read(i % 16, `key:${i}`);
    expect(counts.top(100_000).length).toBeLessThanOrEqual(COUNTERS);
  });
});
