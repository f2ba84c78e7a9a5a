import { beforeEach, describe, expect, it } from 'vitest';
import { type KeyRecord, STRING, type Version } from '../../storage/record.js';
import type { RecordObserver } from '../../storage/record-observer.js';
import type { Clock } from '../environment.js';
import { SiblingWatch } from './sibling-watch.js';

const MAX = 3;
let now: number;
let warned: object[];
let passedOn: unknown[][];
let watch: SiblingWatch;

beforeEach(() => {
  now = 0;
  warned = [];
  passedOn = [];
  const next: RecordObserver = {
    changed: (...all) => passedOn.push(['changed', ...all]),
    cleared: (...all) => passedOn.push(['cleared', ...all]),
    doubted: (...all) => passedOn.push(['doubted', ...all]),
  };
  const clock = { elapsed: () => now } as Clock;
  const log = { info: () => {}, error: () => {}, warn: (facts: object) => warned.push(facts) };
  watch = new SiblingWatch(next, () => MAX, clock, log);
});

function of(versions: number): KeyRecord | null {
  if (versions === 0) return null;
  const siblings = Array.from(
    { length: versions },
    (_, i): Version => ({
      writer: 0,
      hlc: versions - i,
      type: STRING,
      expireAt: 0,
      payload: '',
    }),
  );
  return { context: [0, versions], siblings };
}

function change(before: number, after: number): void {
  watch.changed(1, 2, 3, of(before), of(after));
}

describe('the watch over siblings', () => {
  it('counts a key when it comes to have more than max-siblings, not while it stays so', () => {
    change(0, MAX);
    change(MAX, MAX + 1);
    change(MAX + 1, MAX + 5);
    change(MAX + 5, 1);
    expect(watch.counters.exceeded).toBe(1);
    change(0, MAX + 1);
    expect(watch.counters.exceeded).toBe(2);
  });

  it('logs one line in ten seconds', () => {
    for (let i = 0; i < 5; i++) change(1, MAX + 1);
    expect(warned).toEqual([{ db: 1, slot: 2, versions: MAX + 1, max: MAX }]);
    now = 10_000;
    change(1, MAX + 2);
    expect(warned).toHaveLength(2);
  });

  it('passes everything on', () => {
    change(0, 9);
    watch.cleared(4);
    watch.doubted(5, 6, 7);
    expect(passedOn).toEqual([
      ['changed', 1, 2, 3, of(0), of(9)],
      ['cleared', 4],
      ['doubted', 5, 6, 7],
    ]);
  });
});
