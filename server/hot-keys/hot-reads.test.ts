import { beforeEach, describe, expect, it } from 'vitest';
import { KeyPlace } from '../../cluster/core/operation.js';
import { makeRecord, STRING } from '../../storage/record.js';
import { HotReads } from './hot-reads.js';

let now: number;
let cacheMs: number;
let maxBytes: number;
let reads: HotReads;

beforeEach(() => {
  now = 1000;
  cacheMs = 50;
  maxBytes = 10_000;
  reads = new HotReads({ cacheMs: () => cacheMs, maxBytes: () => maxBytes, elapsedMs: () => now });
});

function place(key: string, slot = 1, db = 0): KeyPlace {
  return Object.assign(new KeyPlace(), { key, slot, db });
}

function record(payload: string) {
  return makeRecord([1, 1], [{ writer: 1, hlc: 1, type: STRING, expireAt: 0, payload }]);
}

function keep(key: string, payload: string, slot = 1): void {
  reads.keep(place(key, slot), record(payload), reads.stampOf(slot), now);
}

describe('answers of hot keys', () => {
  it('serve for a while from when they were asked for', () => {
    keep('k', 'v');
    now += 49;
    expect(reads.find(0, 'k')).toEqual(record('v'));
    expect(reads.find(1, 'k')).toBe(undefined);
    now += 1;
    expect(reads.find(0, 'k')).toBe(undefined);
    expect(reads.bytes).toBe(0);
    expect(reads.hits).toBe(1);
  });

  it('may say that there is nothing', () => {
    reads.keep(place('k'), null, reads.stampOf(1), now);
    expect(reads.find(0, 'k')).toBe(null);
  });

  it('end with a write through this node, and so does what a read under way will bring', () => {
    keep('k', 'old');
    const stamp = reads.stampOf(1);
    reads.written({ places: [place('k')], count: 1 });
    expect(reads.find(0, 'k')).toBe(undefined);
    reads.keep(place('k'), record('old'), stamp, now);
    expect(reads.find(0, 'k')).toBe(undefined);
    keep('k', 'new');
    expect(reads.find(0, 'k')).toEqual(record('new'));
    reads.clear();
    expect(reads.find(0, 'k')).toBe(undefined);
  });

  it('have a bound in bytes: the oldest go, and what is too large is not kept', () => {
    for (let i = 0; i < 100; i++) keep(`key:${i}`, 'x'.repeat(100));
    expect(reads.bytes).toBeLessThanOrEqual(maxBytes);
    expect(reads.find(0, 'key:0')).toBe(undefined);
    expect(reads.find(0, 'key:99')).not.toBe(undefined);
    keep('key:99', 'x'.repeat(20_000));
    expect(reads.find(0, 'key:99')).toBe(undefined);
  });

  it('go when their time is up, also where nobody asks', () => {
    for (let i = 0; i < 10; i++) keep(`key:${i}`, 'v');
    now += 60;
    reads.tick();
    expect(reads.bytes).toBe(0);
  });
});
