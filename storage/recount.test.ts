import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dataKey } from './key-layout.js';
import { listRange, type RangeList } from './range-list.js';
import { StoreBench } from './record-store.test-support.js';
import { Recounter } from './recount.js';
import { LEAVES } from './slot-trees.js';
import { Summaries } from './summaries.js';
import { fnv1a } from './writers.js';

const KEYS = Array.from({ length: 30 }, (_, i) => `key ${i}`);
const WHOLE = { db: 0, slot: 0, from: 0, to: 0xffffffff };

/** A store with its recounter; everything is in slot 0 of database 0. */
class Bench extends StoreBench {
  readonly errors: Error[] = [];
  readonly recounter = new Recounter(this.store, this.summaries, (error) => this.errors.push(error));

  /** What the records add up to, read one by one. */
  get truth(): unknown {
    const found = new Summaries(this.counts.blank(), this.trees.blank());
    for (const key of KEYS) {
      const entry = this.pinLoaded(key);
      found.changed(0, 0, entry.hash, null, entry.record ?? null);
      this.store.unpin(entry);
    }
    return said(found);
  }

  get said(): unknown {
    return said(this.summaries);
  }

  /** Forgets all that is cached: what comes next is read from the disk. */
  dropCache(): void {
    const { cacheBytes } = this;
    this.cacheBytes = 0;
    for (let i = 0; i < 3; i++) this.store.unpin(this.store.pin(0, 0, `other ${i}`));
    this.cacheBytes = cacheBytes;
  }

  /** The bytes of a row. */
  onDisk(key: string): Buffer {
    let found: Buffer | undefined;
    this.engine.getMany([dataKey(0, 0, fnv1a(key), key)], (_, [value]) => {
      found = value;
    });
    this.settle();
    return found!;
  }

  list(max = 1000): RangeList {
    let found: RangeList | undefined;
    listRange(this.store, this.summaries, WHOLE, max, (_, list) => {
      found = list;
    });
    this.settle();
    return found!;
  }
}

function said({ counts, trees }: Summaries): unknown {
  const leaves = Array.from({ length: LEAVES }, (_, leaf) => [
    trees.leafA(0, 0, leaf),
    trees.leafB(0, 0, leaf),
  ]);
  return [counts.total(0), counts.withExpiry(0), trees.slotA(0), trees.slotB(0), leaves];
}

type Step = 'turn' | 'answer' | { put: string; hlc: number; dead: boolean };
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ put: fc.constantFrom(...KEYS), hlc: fc.integer({ min: 1, max: 99 }), dead: fc.boolean() }),
  fc.constantFrom('turn' as const, 'answer' as const),
);

describe('a recount', () => {
  it('is exact while writes go on, wherever they come', () => {
    const run = (before: readonly Step[], during: readonly Step[]): void => {
      const bench = new Bench();
      const play = (steps: readonly Step[]): void => {
        for (const one of steps) {
          if (one === 'turn') bench.endTurn();
          else if (one === 'answer') bench.answer();
          else bench.putNow(one.put, one.dead ? null : 'x', one.hlc);
        }
      };
      for (const key of KEYS) bench.store.unpin(bench.pinLoaded(key));
      play(before);
      // What was known is lost: as after an unclean stop, but with writes of all ages around.
      bench.summaries.cleared(0);
      bench.recounter.tick(1, true);
      play(during);
      bench.settle();
      expect(bench.recounter.known).toBe(true);
      expect(bench.said).toEqual(bench.truth);
    };
    fc.assert(fc.property(fc.array(step), fc.array(step), run), { numRuns: 300 });
  });

  it('begins anew when a database is cleared meanwhile', () => {
    const bench = new Bench();
    for (const key of KEYS) bench.put(key, 'x');
    bench.settle();
    bench.summaries.cleared(0);
    bench.recounter.tick(1, true);
    bench.summaries.cleared(0);
    bench.settle();
    expect(bench.recounter.known).toBe(false);
    bench.recounter.tick(2, true);
    bench.settle();
    expect(bench.recounter.exact).toBe(true);
    expect(bench.said).toEqual(bench.truth);
  });

  it('waits until a failed write is over', () => {
    const bench = new Bench();
    for (const key of KEYS) bench.put(key, 'x');
    bench.settle();
    bench.summaries.cleared(0);
    bench.writeFailure = new Error('no room');
    bench.put('key 1', 'lost', 9);
    bench.endTurn();
    bench.answer();
    bench.recounter.tick(1, true);
    bench.settle();
    expect(bench.recounter.known).toBe(false);
    bench.writeFailure = null;
    bench.put('key 2', 'kept', 9);
    bench.settle();
    bench.recounter.tick(2, true);
    bench.settle();
    expect(bench.recounter.known).toBe(true);
    expect(bench.said).toEqual(bench.truth);
  });

  it('is not needed after a clean stop', () => {
    const bench = new Bench();
    bench.recounter.start(undefined);
    for (const key of KEYS) bench.put(key, 'x', 3, key === 'key 7' ? 5 : 0);
    bench.settle();
    expect(bench.recounter.exact).toBe(true);
    const next = new Bench();
    next.recounter.start(bench.summaries.save());
    expect(next.said).toEqual(bench.said);
    expect(next.recounter.exact).toBe(true);
  });
});

describe('a damaged record', () => {
  it('leaves the trees once it is met, so that they differ from the other replicas', () => {
    const bench = new Bench();
    bench.recounter.start(undefined);
    for (const key of KEYS) bench.put(key, 'x');
    bench.settle();
    const healthy = bench.said;
    bench.dropCache();
    bench.damage('key 3');
    bench.read('key 3');
    expect(bench.said).toEqual(healthy);
    bench.recounter.tick(1, true);
    bench.settle();
    expect(bench.trees.slotA(0)).not.toBe((healthy as number[])[2]);
    // Another replica's copy takes its place.
    bench.put('key 3', 'x');
    bench.settle();
    expect((bench.said as unknown[]).slice(2)).toEqual((healthy as unknown[]).slice(2));
  });

  it('that was overwritten before its leaf is summed again does not count twice', () => {
    const bench = new Bench();
    bench.recounter.start(undefined);
    for (const key of KEYS) bench.put(key, 'x');
    bench.settle();
    const healthy = bench.said as unknown[];
    bench.dropCache();
    bench.damage('key 3');
    bench.read('key 3');
    bench.put('key 3', 'x');
    bench.recounter.tick(1, true);
    bench.settle();
    expect((bench.said as unknown[]).slice(2)).toEqual(healthy.slice(2));
  });
});

describe('a record that came damaged from a disk that holds it sound', () => {
  it('does not count twice once another takes its place', () => {
    const bench = new Bench();
    bench.recounter.start(undefined);
    for (const key of KEYS) bench.put(key, 'x');
    bench.settle();
    bench.dropCache();
    const sound = bench.onDisk('key 3');
    bench.damage('key 3');
    const entry = bench.pinLoaded('key 3');
    bench.damage('key 3', sound);
    bench.recounter.tick(1, true);
    bench.settle();
    bench.store.put(entry, bench.record('y', 2));
    bench.settle();
    bench.recounter.tick(2, true);
    bench.settle();
    expect((bench.said as unknown[]).slice(2)).toEqual((bench.truth as unknown[]).slice(2));
  });
});

describe('a record that could not be written, nor read after that', () => {
  it('is summed as it is on the disk once that can be read', () => {
    const bench = new Bench();
    bench.recounter.start(undefined);
    for (const key of KEYS) bench.put(key, 'x');
    bench.settle();
    bench.writeFailure = new Error('no room');
    bench.readFailure = new Error('no answer');
    bench.put('key 3', 'y', 2);
    bench.settle();
    bench.writeFailure = null;
    bench.readFailure = null;
    bench.put('key 4', 'y', 2);
    bench.settle();
    bench.recounter.tick(1, true);
    bench.settle();
    expect((bench.said as unknown[]).slice(2)).toEqual((bench.truth as unknown[]).slice(2));
  });
});

describe('two who put the trees right at once', () => {
  it('do it once', () => {
    const bench = new Bench();
    bench.recounter.start(undefined);
    for (const key of KEYS) bench.put(key, 'x');
    bench.settle();
    bench.dropCache();
    bench.damage('key 3');
    bench.read('key 3');
    bench.put('key 3', 'x');
    bench.recounter.tick(1, true);
    bench.list();
    bench.recounter.tick(2, true);
    bench.settle();
    expect(bench.recounter.exact).toBe(true);
    expect((bench.said as unknown[]).slice(2)).toEqual((bench.truth as unknown[]).slice(2));
  });

  it('or a whole recount begins anew', () => {
    const bench = new Bench();
    bench.recounter.start(undefined);
    for (const key of KEYS) bench.put(key, 'x');
    bench.settle();
    bench.trees.add(0, 0, 5, 123, 456);
    bench.summaries.cleared(1);
    bench.recounter.tick(1, true);
    bench.list();
    bench.recounter.tick(2, true);
    bench.settle();
    expect(bench.recounter.known).toBe(true);
    expect(bench.said).toEqual(bench.truth);
  });
});

describe('a list of a range', () => {
  it('comes in pages that lose nothing, with what is not on the disk yet', () => {
    const bench = new Bench();
    bench.recounter.start(undefined);
    for (const key of KEYS.slice(0, 20)) bench.put(key, 'x');
    bench.settle();
    for (const key of KEYS.slice(15)) bench.putNow(key, 'newer', 2);
    const all = bench.list();
    expect([...all.hashes]).toEqual(KEYS.map((key) => fnv1a(key)).sort((a, b) => a - b));
    expect(all.end).toBe(0xffffffff);
    const page = bench.list(7);
    expect(page.hashes.length).toBeGreaterThanOrEqual(7);
    expect(page.hashes.at(-1)).toBeLessThanOrEqual(page.end);
    expect([...page.hashes]).toEqual(all.hashes.filter((hash) => hash <= page.end));
  });

  it('puts right what the trees say wrongly of it', () => {
    const bench = new Bench();
    bench.recounter.start(undefined);
    for (const key of KEYS) bench.put(key, 'x');
    bench.settle();
    bench.trees.add(0, 0, 5, 123, 456);
    bench.list();
    expect(bench.said).toEqual(bench.truth);
  });
});
