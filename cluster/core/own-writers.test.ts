import { describe, expect, it } from 'vitest';
import { type KeyRecord, STRING } from '../../storage/record.js';
import { OwnWriters } from './own-writers.js';

const HOME = 7;

function recordBy(writer: number): KeyRecord {
  return {
    context: [writer, 1],
    siblings: [{ writer, hlc: 1, type: STRING, expireAt: 0, payload: 'v' }],
  };
}

function ownWriters(): OwnWriters {
  let next = 100;
  return new OwnWriters(HOME, () => next++);
}

describe('the names under which a node writes', () => {
  it('are its own where it is a home replica, and another one where it stands in', () => {
    const own = ownWriters();
    expect([own.name(true), own.name(false), own.name(false), own.name(true)]).toEqual([
      HOME,
      100,
      100,
      HOME,
    ]);
    expect(own.madeAnyOf(recordBy(HOME))).toBe(true);
    expect(own.madeAnyOf(recordBy(100))).toBe(true);
    expect(own.madeAnyOf(recordBy(8))).toBe(false);
  });

  it('change for a stand-in once it has forgotten something it made, and only then', () => {
    const own = ownWriters();
    expect(own.name(false)).toBe(100);
    own.forgot(recordBy(8));
    expect(own.name(false)).toBe(100);
    own.forgot(recordBy(100));
    expect(own.name(false)).toBe(101);
    expect(own.name(true)).toBe(HOME);
  });

  it('change too when what was forgotten could not be read any more', () => {
    const own = ownWriters();
    own.forgot(null);
    expect(own.name(false)).toBe(100);
    own.forgot(null);
    expect([own.name(false), own.name(true)]).toEqual([101, HOME]);
  });

  it('change altogether once the disk has lost versions', () => {
    const own = ownWriters();
    own.name(false);
    expect([own.lostSome(), own.lostSome()]).toEqual([true, false]);
    expect([own.name(true), own.name(false), own.name(true)]).toEqual([101, 102, 101]);
    expect(own.lostSome()).toBe(true);
    expect(own.name(true)).toBe(103);
    expect(own.madeAnyOf(recordBy(HOME))).toBe(false);
  });
});
