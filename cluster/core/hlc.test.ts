import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HybridClock, hlcFromMs, hlcToMs } from './hlc.js';

const NOW = Date.UTC(2026, 5, 1);
const DRIFT = 500;
const clock = (last = 0) => new HybridClock(last, () => DRIFT);
/** Physical clocks as they are: they stand still, jump ahead and are set back. */
const times = fc.integer({ min: NOW - 10_000, max: NOW + 10_000 });

describe('next', () => {
  it('rises with every reading, whatever the physical clock does and others have sent', () => {
    const step = fc.record({ now: times, floor: times.map(hlcFromMs), observe: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const hlc = clock();
        for (const { now, floor, observe } of steps) {
          const before = hlc.latest;
          if (observe) {
            hlc.observe(floor, now);
            expect(hlc.latest).toBeGreaterThanOrEqual(before);
          } else {
            const reading = hlc.next(now, floor);
            expect(reading).toBeGreaterThan(before);
            expect(reading).toBeGreaterThan(floor);
            expect(reading).toBeGreaterThanOrEqual(hlcFromMs(now));
            expect(reading).toBe(Math.max(before + 1, floor + 1, hlcFromMs(now)));
            expect(hlc.latest).toBe(reading);
          }
        }
      }),
    );
  });

  it('counts within a millisecond and goes on from the last reading of a clean stop', () => {
    const hlc = clock(hlcFromMs(NOW + 1));
    expect(hlc.next(NOW, 0)).toBe(hlcFromMs(NOW + 1) + 1);
    expect(hlc.next(NOW, 0)).toBe(hlcFromMs(NOW + 1) + 2);
    expect(hlc.next(NOW + 2, 0)).toBe(hlcFromMs(NOW + 2));
    expect(hlc.next(NOW + 3, hlcFromMs(NOW + 3))).toBe(hlcFromMs(NOW + 3) + 1);
  });
});

describe('observe', () => {
  it('follows another clock up to the allowed drift and no further', () => {
    const hlc = clock();
    const edge = hlcFromMs(NOW + DRIFT);
    expect(hlc.observe(edge, NOW)).toBe(true);
    expect(hlc.latest).toBe(edge);
    expect(hlc.observe(edge + 1, NOW)).toBe(false);
    expect(hlc.latest).toBe(edge);
    expect(hlc.next(NOW, 0)).toBe(edge + 1);
  });

  it('takes what is behind without moving, even when its own reading is beyond the drift', () => {
    const hlc = clock(hlcFromMs(NOW + 10 * DRIFT));
    expect(hlc.observe(hlcFromMs(NOW + 9 * DRIFT), NOW)).toBe(true);
    expect(hlc.latest).toBe(hlcFromMs(NOW + 10 * DRIFT));
  });

  it('takes the drift of the moment', () => {
    let drift = 0;
    const hlc = new HybridClock(0, () => drift);
    expect(hlc.observe(hlcFromMs(NOW + 10), NOW)).toBe(false);
    drift = 10;
    expect(hlc.observe(hlcFromMs(NOW + 10), NOW)).toBe(true);
  });
});

describe('a reading', () => {
  it('says its millisecond, whatever its counter', () => {
    fc.assert(
      fc.property(times, fc.nat(4095), (ms, count) => {
        expect(hlcToMs(hlcFromMs(ms) + count)).toBe(ms);
      }),
    );
  });

  it('is a safe integer until 2089', () => {
    expect(hlcFromMs(Date.UTC(2089, 0, 1))).toBeLessThan(Number.MAX_SAFE_INTEGER);
  });
});
