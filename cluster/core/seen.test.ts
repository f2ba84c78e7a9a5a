import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeyRecord } from '../../storage/record.js';
import { HybridClock, hlcFromMs } from './hlc.js';
import { admitContext } from './seen.js';
import { contextDominates, seenOf } from './version.js';

const NOW = Date.UTC(2026, 0, 1);
const DRIFT_MS = 500;
const [A, B, C] = [0, 1, 2];
const READING = hlcFromMs(NOW);
const AHEAD = hlcFromMs(NOW + DRIFT_MS + 1);

function of(...context: number[]): KeyRecord {
  return { context, siblings: [] };
}

function clock(): HybridClock {
  return new HybridClock(READING, () => DRIFT_MS);
}

describe('a context that a client gives back', () => {
  it('counts whole in a cluster, also what this replica has not heard of', () => {
    const seen = [A, READING - 5, C, READING - 1];
    expect(admitContext(seen, of(A, READING - 9, B, READING - 8), clock(), NOW, false)).toBe(seen);
    expect(admitContext(seen, null, clock(), NOW, false)).toBe(seen);
    expect(admitContext([], null, clock(), NOW, false)).toEqual([]);
  });

  it('takes the clock along within the allowed drift, and is refused beyond it, with the clock left alone', () => {
    const hlc = clock();
    expect(admitContext([A, hlcFromMs(NOW + DRIFT_MS)], null, hlc, NOW, false)).not.toBeNull();
    expect(hlc.latest).toBe(hlcFromMs(NOW + DRIFT_MS));
    const strict = clock();
    expect(admitContext([A, AHEAD], of(A, READING), strict, NOW, false)).toBeNull();
    expect(strict.latest).toBe(READING);
  });

  it('is not judged for what the record itself is ahead: that was judged before', () => {
    expect(admitContext([A, AHEAD], of(A, AHEAD), clock(), NOW, false)).toEqual([A, AHEAD]);
  });

  it('counts on a node alone as far as its record knows of it: nothing can be made up', () => {
    const context = fc.subarray([A, B, C]).chain((some) =>
      fc
        .array(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), {
          minLength: some.length,
          maxLength: some.length,
        })
        .map((hlcs) => some.flatMap((writer, i) => [writer, hlcs[i]])),
    );
    fc.assert(
      fc.property(context, context, (seen, own) => {
        const hlc = clock();
        const admitted = admitContext(seen, of(...own), hlc, NOW, true)!;
        expect(contextDominates(own, admitted)).toBe(true);
        for (let i = 0; i < own.length; i += 2)
          expect(seenOf(admitted, own[i])).toBe(Math.min(seenOf(seen, own[i]), own[i + 1]));
        expect(hlc.latest).toBe(READING);
      }),
    );
    expect(admitContext([A, 5], null, clock(), NOW, true)).toEqual([]);
  });
});
