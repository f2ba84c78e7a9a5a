import { beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../environment.js';
import { ClockGuard } from './clock-guard.js';

const LIMIT_MS = 500;
const PEER = 'n2:1';

describe('a clock', () => {
  let now: number;
  let logged: string[];
  let guard: ClockGuard;
  beforeEach(() => {
    now = 1_000_000;
    logged = [];
    const note = (_: object, text: string) => void logged.push(text);
    const log: Log = { info: note, warn: note, error: note };
    guard = new ClockGuard(
      () => LIMIT_MS,
      () => now,
      log,
    );
  });
  /** A round trip of so long, their clock off by so much in its middle. */
  const measure = (off: number, took: number): string | null => {
    now += took;
    return guard.measured(PEER, now - took / 2 + off, now - took);
  };

  it('that is ahead of ours in a greeting is refused: the greeting can only be older than it looks', () => {
    expect(guard.greeted(PEER, now + LIMIT_MS)).toBe(null);
    expect(guard.greeted(PEER, now + LIMIT_MS + 1)).toBe('clock off by 501 ms, max-clock-drift is 500 ms');
    expect(guard.offBy(PEER)).toBe(501);
  });

  it('that is behind ours in a greeting may be right: the greeting may have been long on its way', () => {
    expect(guard.greeted(PEER, now - 60_000)).toBe(null);
    expect(logged).toEqual([]);
  });

  it('is measured by a round trip, in doubt by half of what it took', () => {
    expect(measure(LIMIT_MS, 0)).toBe(null);
    expect(measure(-LIMIT_MS - 90, 200)).toBe(null);
    expect(measure(LIMIT_MS + 90, 200)).toBe(null);
    expect(measure(-LIMIT_MS - 110, 200)).toContain('off by -610 ms');
    expect(guard.offBy(PEER)).toBe(-610);
  });

  it('is not measured when our own was set back or stood still meanwhile', () => {
    expect(guard.measured(PEER, now - 60_000, now + 1)).toBe(null);
    expect(guard.measured(PEER, now - 60_000, now - 20_000)).toBe(null);
  });

  it('that was found behind has to show the right time in its greeting, and is then let in again', () => {
    measure(-2000, 2);
    expect(guard.greeted(PEER, now - 2000)).toContain('off by -2000 ms');
    expect(guard.greeted(PEER, now - 100)).toBe(null);
    expect(guard.offBy(PEER)).toBe(-2000);
    expect(measure(-90, 2)).toBe(null);
    expect(guard.offBy(PEER)).toBe(0);
  });

  it('of a node that refuses us for ours is off by as much the other way', () => {
    guard.refusedBy(PEER, guard.greeted('n3:1', now + 2000)!);
    expect(guard.offBy(PEER)).toBe(-2000);
    guard.refusedBy('n4:1', 'setting replicas must be the same on all nodes');
    expect(guard.offBy('n4:1')).toBe(0);
  });

  it('is told of once when it goes wrong and once when it is right again', () => {
    for (let i = 0; i < 5; i++) measure(-2000, 2);
    for (let i = 0; i < 5; i++) measure(0, 2);
    expect(logged).toEqual([
      'the clock of a node is too far off ours: it is kept out until one of them is set right',
      'the clock of a node is right again',
    ]);
  });

  it('of our own is the wrong one when most others disagree with it', () => {
    guard.greeted('n2:1', now + 2000);
    expect(guard.ownOffBy(2)).toBe(0);
    guard.greeted('n3:1', now + 2100);
    expect(guard.ownOffBy(4)).toBe(0);
    expect(guard.ownOffBy(3)).toBe(-2100);
  });
});
