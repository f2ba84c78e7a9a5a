import { beforeEach, describe, expect, it } from 'vitest';
import { Admission } from './admission.js';

const TICK_MS = 50;
const MAX_LAG_MS = 1000;

let now = 0;
let admission: Admission;
beforeEach(() => {
  now = 1000;
  admission = new Admission(
    TICK_MS,
    () => 10,
    () => MAX_LAG_MS,
  );
  admission.tick(now);
});

function tickAfter(ms: number): void {
  now += ms;
  admission.tick(now);
}

describe('a node with many requests under way', () => {
  it('refuses more than it may have, and takes them on again when there are fewer', () => {
    expect(admission.refusal(9)).toBe(null);
    expect(admission.refusal(10)).toMatch(
      /^OVERLOADED try again, 10 requests .*nothing was read or written$/,
    );
    expect(admission.refusal(9)).toBe(null);
    expect(admission.counters).toEqual({ refused: 1, refusedByLag: 0 });
  });
});

describe('a node that is behind', () => {
  it('refuses once tick after tick is late, and no longer once one is in time', () => {
    for (let i = 0; i < 2; i++) tickAfter(TICK_MS + MAX_LAG_MS + 1);
    expect(admission.refusal(0)).toBe(null);
    tickAfter(TICK_MS + MAX_LAG_MS + 1);
    expect(admission.refusal(0)).toMatch(/^OVERLOADED try again, this node is far behind/);
    expect(admission.counters).toEqual({ refused: 1, refusedByLag: 1 });
    tickAfter(TICK_MS);
    expect(admission.refusal(0)).toBe(null);
  });

  it('does not mind a pause, however long', () => {
    tickAfter(20_000);
    expect(admission.refusal(0)).toBe(null);
    tickAfter(TICK_MS);
    tickAfter(20_000);
    tickAfter(20_000);
    expect(admission.refusal(0)).toBe(null);
  });

  it('knows how long what it reads now may have lain there, before it ticks', () => {
    expect(admission.behind(now + TICK_MS)).toBe(0);
    expect(admission.behind(now + TICK_MS + 3000)).toBe(3000);
    tickAfter(TICK_MS + 3000);
    expect(admission.behind(now)).toBe(0);
  });
});
