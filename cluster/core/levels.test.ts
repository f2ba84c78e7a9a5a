import { describe, expect, it } from 'vitest';
import { ALL, DEFAULT, levelName, majority, parseLevel, QUORUM, replicasNeeded, SERIAL } from './levels.js';

describe('parseLevel', () => {
  it.each([
    ['ONE', 1],
    ['two', 2],
    ['Quorum', QUORUM],
    ['all', ALL],
    ['default', DEFAULT],
    ['Serial', SERIAL],
    ['1', 1],
    ['999', 999],
  ])('takes %j', (text, level) => expect(parseLevel(text)).toBe(level));

  it.each(['', '0', '-1', '-2', '1000', '1.5', '01', ' 1', 'THREE', 'toString', '__proto__', 'ONE '])(
    'does not take %j',
    (text) => expect(parseLevel(text)).toBeUndefined(),
  );

  it.each([DEFAULT, QUORUM, ALL, SERIAL, 1, 2, 3, 17])('takes back the name of %i', (level) =>
    expect(parseLevel(levelName(level))).toBe(level),
  );
});

describe('replicasNeeded', () => {
  it.each([
    // level, n, default, needed
    [1, 3, QUORUM, 1],
    [2, 3, QUORUM, 2],
    [QUORUM, 3, 1, 2],
    [QUORUM, 4, 1, 3],
    [ALL, 3, 1, 3],
    [SERIAL, 5, 1, 3],
    [DEFAULT, 3, 1, 1],
    [DEFAULT, 3, ALL, 3],
    [DEFAULT, 5, DEFAULT, 3],
  ])('level %i of %i replicas, by default %i, is %i', (level, n, byDefault, needed) =>
    expect(replicasNeeded(level, n, byDefault)).toBe(needed),
  );

  it.each([DEFAULT, QUORUM, ALL, SERIAL, 1, 2, 999])('is 1 on a node alone, at level %i too', (level) =>
    expect(replicasNeeded(level, 1, QUORUM)).toBe(1),
  );

  it('is never more than there are, and two majorities always meet', () => {
    for (let n = 1; n <= 9; n++) {
      for (const level of [DEFAULT, QUORUM, ALL, SERIAL, 1, 2, 5, 999]) {
        expect(replicasNeeded(level, n, QUORUM)).toBeLessThanOrEqual(n);
        expect(replicasNeeded(level, n, QUORUM)).toBeGreaterThanOrEqual(1);
      }
      expect(2 * majority(n)).toBeGreaterThan(n);
      expect(2 * (majority(n) - 1)).toBeLessThanOrEqual(n);
    }
  });
});
