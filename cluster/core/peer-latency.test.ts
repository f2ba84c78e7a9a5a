import { describe, expect, it } from 'vitest';
import { PeerLatency } from './peer-latency.js';
import { ShareBudget } from './share-budget.js';

const PEER = 3;

function answers(latency: PeerLatency, times: number, ms: number): void {
  for (let i = 0; i < times; i++) latency.answered(PEER, ms);
}

describe('what a replica is given before it is late', () => {
  it('is a guess until enough is known of it', () => {
    const latency = new PeerLatency();
    expect(latency.patience(PEER)).toBe(50);
    answers(latency, 99, 1);
    expect(latency.patience(PEER)).toBe(50);
    answers(latency, 1, 1);
    expect(latency.patience(PEER)).toBe(5);
  });

  it('is longer than all but one in a hundred of its answers took, and hardly longer than that', () => {
    for (const slow of [7, 40, 130, 900, 5000]) {
      const latency = new PeerLatency();
      for (let i = 0; i < 2000; i++) latency.answered(PEER, i % 50 === 0 ? slow : 1);
      expect(latency.patience(PEER)).toBeGreaterThanOrEqual(slow);
      expect(latency.patience(PEER)).toBeLessThan(slow * 1.26);
    }
  });

  it('does not follow what is rarer', () => {
    const latency = new PeerLatency();
    for (let i = 0; i < 2000; i++) latency.answered(PEER, i % 200 === 0 ? 900 : 6);
    expect(latency.patience(PEER)).toBe(6);
  });

  it('follows it to other times, there and back', () => {
    const latency = new PeerLatency();
    answers(latency, 20_000, 300);
    expect(latency.patience(PEER)).toBeGreaterThanOrEqual(300);
    answers(latency, 10_000, 8);
    expect(latency.patience(PEER)).toBe(8);
  });

  it('takes any time there is', () => {
    const latency = new PeerLatency();
    for (const ms of [-1, 0, 0.5, 1e9]) answers(latency, 100, ms);
    expect(latency.patience(PEER)).toBeGreaterThan(10_000);
  });

  it('knows who is late until it answers or is gone', () => {
    const latency = new PeerLatency();
    latency.accuse(PEER);
    latency.accuse(1);
    expect([latency.anyLate, latency.isLate(PEER), latency.isLate(2)]).toEqual([true, true, false]);
    answers(latency, 1, 1);
    expect([latency.anyLate, latency.isLate(PEER)]).toEqual([true, false]);
    latency.excuse(1);
    expect(latency.anyLate).toBe(false);
  });
});

describe('a budget of extras', () => {
  it('allows a burst, then a share of the ordinary, and saves up no more than the burst', () => {
    const budget = new ShareBudget(0.25, 8);
    const taken = (): number => {
      for (let n = 0; ; n++) if (!budget.take()) return n;
    };
    expect(taken()).toBe(8);
    for (let i = 0; i < 40; i++) budget.earn();
    expect(taken()).toBe(8);
    for (let i = 0; i < 12; i++) budget.earn();
    expect(taken()).toBe(3);
  });
});
