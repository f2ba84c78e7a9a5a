import { describe, expect, it } from 'vitest';
import { RecordCache, type RecordEntry } from './record-cache.js';

/** What an entry of a key of one letter costs while it has no record. */
const ENTRY_BYTES = 351;

function cacheOf(entries: number): RecordCache {
  return new RecordCache(() => entries * ENTRY_BYTES);
}

function make(cache: RecordCache, keys: string, db = 0): RecordEntry[] {
  return [...keys].map((key) => cache.getOrMake(db, 0, key));
}

function kept(cache: RecordCache): string {
  const keys: string[] = [];
  cache.forEach(({ key }) => void keys.push(key));
  return keys.sort().join('');
}

describe('the record cache', () => {
  it('keeps what was read since the hand last came by', () => {
    const cache = cacheOf(4);
    for (const entry of make(cache, 'abcde')) entry.hot = false;
    cache.getOrMake(0, 0, 'b');
    cache.trim();
    expect(kept(cache)).toBe('bcde');
    make(cache, 'f')[0].hot = false;
    cache.trim();
    // The hand had passed a; b was read, c was not.
    expect(kept(cache)).toBe('bdef');
  });

  it('has to come by twice when everything was read', () => {
    const cache = cacheOf(2);
    make(cache, 'abc');
    cache.trim();
    expect(kept(cache)).toBe('abc');
    cache.trim();
    expect(kept(cache)).toBe('bc');
  });

  it('never lets go of what is in use', () => {
    const cache = cacheOf(1);
    for (const entry of make(cache, 'abc')) Object.assign(entry, { hot: false, pins: 1 });
    for (let i = 0; i < 5; i++) cache.trim();
    expect(kept(cache)).toBe('abc');
    cache.get(0, 'b')!.pins = 0;
    cache.trim();
    expect(kept(cache)).toBe('ac');
  });

  it('goes over all databases, round and round', () => {
    const cache = cacheOf(2);
    make(cache, 'ab', 3);
    make(cache, 'c', 7);
    for (let i = 0; i < 100; i++) {
      make(cache, String.fromCharCode(0x100 + i), i % 16);
      for (let j = 0; j < 3; j++) cache.trim();
      expect(cache.size).toBeLessThanOrEqual(2);
      expect(cache.bytes).toBe(cache.size * ENTRY_BYTES);
    }
    expect(kept(cache)).toHaveLength(2);
  });
});
