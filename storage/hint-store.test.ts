import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Hint, HintStore } from './hint-store.js';
import { hintRange, parseHintKey } from './key-layout.js';
import { RecordEntry } from './record-cache.js';
import { StoreBench } from './record-store.test-support.js';

const ROOMY = 1 << 20;
let bench: StoreBench;
let hints: HintStore;
let maxBytes: number;
beforeEach(() => {
  bench = new StoreBench();
  maxBytes = ROOMY;
  hints = newLife();
});

/** A hint store as a process that has just started has it, on the same disk. */
function newLife(): HintStore {
  return new HintStore(bench.store, () => maxBytes);
}

function load(store: HintStore): Error | null | undefined {
  let ended: Error | null | undefined;
  store.load((error) => {
    ended = error;
  });
  bench.settle();
  return ended;
}

function reloaded(): HintStore {
  bench.settle();
  const store = newLife();
  expect(load(store)).toBeNull();
  return store;
}

const key = (name: string, db = 0): RecordEntry => new RecordEntry(db, 3, name);
const namesOf = (store: HintStore, target: string): string[] =>
  [...store.hintsOf(target)].map((hint) => hint.key);

/** The rows on the disk, as `target key`. */
function rows(): string[] {
  const iterator = bench.store.iterate(hintRange());
  const found: string[] = [];
  iterator.next(1000, (_, entries) => {
    for (const row of entries) {
      const { target, data } = parseHintKey(row.key);
      found.push(`${target} ${data.key}`);
    }
    iterator.close(() => {});
  });
  bench.settle();
  return found;
}

/** One commit of all that gathered, which fails. */
function failCommit(): void {
  bench.writeFailure = new Error('the disk is full');
  bench.settle();
  bench.writeFailure = null;
}

describe('hints', () => {
  it('are walked oldest first, in this life and the next', () => {
    for (const name of ['c', 'a', 'b']) hints.keep('n2', key(name), 1000);
    hints.keep('n2', key('early', 1), 1001);
    expect(namesOf(hints, 'n2')).toEqual(['c', 'a', 'b', 'early']);
    expect(namesOf(reloaded(), 'n2')).toEqual(['c', 'a', 'b', 'early']);
  });

  it('give back all that names the key', () => {
    hints.keep('n2', key('k', 7), 1000);
    const [hint] = [...reloaded().hintsOf('n2')] as [Hint];
    const { db, slot, hash } = key('k', 7);
    expect([hint.db, hint.slot, hint.hash, hint.key, hint.sinceMs]).toEqual([db, slot, hash, 'k', 1000]);
  });

  it('are one for many writes of a key, with the age of the first', () => {
    hints.keep('n2', key('k'), 1000);
    bench.settle();
    const batches = bench.batches.length;
    for (let i = 1; i < 10; i++) expect(hints.keep('n2', key('k'), 1000 + i)).toBe(true);
    bench.settle();
    expect(bench.batches.length).toBe(batches);
    expect(hints.targets()).toMatchObject([{ target: 'n2', count: 1, oldestMs: 1000 }]);
    expect(hints.counters.kept).toBe(1);
  });

  it('tell databases and members apart', () => {
    hints.keep('n2', key('k', 0), 1);
    hints.keep('n2', key('k', 1), 1);
    hints.keep('n3', key('k', 0), 1);
    hints.forget('n2', key('k', 0));
    expect(hints.targets().map(({ target, count }) => `${target}: ${count}`)).toEqual(['n2: 1', 'n3: 1']);
    expect([0, 1, 2].map((db) => hints.secure(key('k', db)))).toEqual([true, true, false]);
    hints.forget('n3', key('k', 0));
    expect(hints.secure(key('k', 0))).toBe(false);
  });

  it('once forgotten stay forgotten', () => {
    hints.keep('n2', key('k'), 1);
    bench.settle();
    hints.forget('n2', key('k'));
    hints.forget('n2', key('k'));
    hints.forget('n9', key('k'));
    expect([hints.bytes, hints.targets()]).toEqual([0, []]);
    expect(reloaded().targets()).toEqual([]);
  });

  it('may be forgotten and kept while they are walked', () => {
    for (const name of ['a', 'b', 'c']) hints.keep('n2', key(name), 1);
    const seen: string[] = [];
    for (const hint of hints.hintsOf('n2')) {
      seen.push(hint.key);
      hints.forget('n2', hint);
      if (hint.key === 'b') hints.keep('n2', key('d'), 2);
    }
    expect(seen).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('the bound', () => {
  it('refuses what is new, not what is known, and opens again', () => {
    maxBytes = 1000;
    let kept = 0;
    while (hints.keep('n2', key(`key${kept}`), 1)) kept++;
    expect(hints.full).toBe(true);
    expect(hints.counters).toMatchObject({ kept, refused: 1 });
    expect(hints.bytes).toBeGreaterThanOrEqual(1000);
    expect(hints.bytes).toBeLessThan(1300);
    expect(hints.keep('n2', key('key0'), 2)).toBe(true);
    hints.forget('n2', key('key0'));
    hints.forget('n2', key('key1'));
    expect(hints.keep('n3', key('other'), 2)).toBe(true);
  });

  it('counts what earlier lives have kept', () => {
    for (let i = 0; i < 5; i++) hints.keep('n2', key(`key${i}`), 1);
    const next = reloaded();
    expect(next.bytes).toBe(hints.bytes);
    expect(next.targets()).toEqual(hints.targets());
    maxBytes = next.bytes;
    expect(next.keep('n2', key('one more'), 2)).toBe(false);
  });
});

describe('the group commit', () => {
  it('carries a hint together with the record that is handed over when it is kept', () => {
    bench.store.onCommitRecord = (entry) => hints.keep('n2', entry, 1);
    bench.put('k', 'value');
    expect(bench.batches).toEqual([]);
    bench.settle();
    expect(bench.batches).toEqual([{ rows: 2, sync: false }]);
    expect(rows()).toEqual(['n2 k']);
  });

  it('that comes next carries the hint once more while nobody knows whether the first was written', () => {
    hints.keep('n2', key('k'), 1);
    bench.endTurn();
    // On its way to the disk. What is acknowledged with the next group must not depend on it.
    hints.keep('n2', key('k'), 2);
    bench.writeFailure = null;
    bench.settle();
    expect(bench.batches.map((batch) => batch.rows)).toEqual([1, 1]);
  });

  it('that fails leaves the hint, and the next write of the key writes it', () => {
    hints.keep('n2', key('k'), 1);
    failCommit();
    expect([rows(), namesOf(hints, 'n2')]).toEqual([[], ['k']]);
    expect(hints.keep('n2', key('k'), 2)).toBe(true);
    bench.settle();
    expect(rows()).toEqual(['n2 k']);
  });

  it('of a record carries its hint once more where the one before failed', () => {
    hints.keep('n2', key('k'), 1);
    failCommit();
    bench.store.onCommitRecord = (entry) => {
      expect(hints.secure(entry)).toBe(true);
    };
    bench.put('k', 'value');
    bench.settle();
    expect(bench.batches.at(-1)).toEqual({ rows: 2, sync: false });
    expect(rows()).toEqual(['n2 k']);
    bench.put('k', 'again', 2);
    bench.settle();
    expect(bench.batches.at(-1)).toEqual({ rows: 1, sync: false });
  });

  it('that gathers carries what is secured once more while the one before is under way', () => {
    hints.keep('n2', key('k'), 1);
    bench.endTurn();
    expect(hints.secure(key('k'))).toBe(true);
    bench.settle();
    expect(bench.batches.map((batch) => batch.rows)).toEqual([1, 1]);
  });

  it('that fails while the record is handed over leaves nothing that the next write trusts', () => {
    bench.store.onCommitRecord = (entry) => hints.keep('n2', entry, 1);
    bench.put('k', 'lost');
    bench.endTurn();
    bench.writeFailure = new Error('the disk is full');
    bench.put('k', 'also lost', 2);
    bench.settle();
    bench.writeFailure = null;
    bench.put('k', 'kept', 3);
    bench.settle();
    expect(rows()).toEqual(['n2 k']);
  });

  it('that fails brings back what was forgotten in it', () => {
    hints.keep('n2', key('k'), 1);
    bench.settle();
    hints.forget('n2', key('k'));
    failCommit();
    expect([rows(), namesOf(hints, 'n2'), hints.count]).toEqual([['n2 k'], ['k'], 1]);
    hints.forget('n2', key('k'));
    bench.settle();
    expect([rows(), hints.bytes]).toEqual([[], 0]);
  });

  it('that fails does not bring back twice what was kept again', () => {
    hints.keep('n2', key('k'), 1);
    bench.settle();
    hints.forget('n2', key('k'));
    hints.keep('n2', key('k'), 2);
    failCommit();
    expect(hints.count).toBe(1);
    expect(hints.bytes).toBe(hints.targets()[0].bytes);
    hints.keep('n2', key('k'), 3);
    bench.settle();
    expect(rows()).toEqual(['n2 k']);
  });
});

describe('the start', () => {
  it('keeps what came while the rows were read, behind what is older', () => {
    for (const name of ['b', 'a']) hints.keep('n2', key(name), 1000);
    bench.settle();
    const next = newLife();
    next.load(() => {});
    for (const name of ['new', 'b']) next.keep('n2', key(name), 900);
    expect(next.loaded).toBe(false);
    bench.settle();
    expect(next.loaded).toBe(true);
    expect(namesOf(next, 'n2')).toEqual(['b', 'a', 'new']);
    expect(next.bytes).toBe(next.targets()[0].bytes);
    expect(namesOf(reloaded(), 'n2').sort()).toEqual(['a', 'b', 'new']);
  });

  it('reads more rows than one trip fetches', () => {
    for (let i = 0; i < 4500; i++) hints.keep(`n${i % 3}`, key(`key${i}`), i);
    maxBytes = 0;
    const next = reloaded();
    expect(next.count).toBe(hints.count);
    expect(namesOf(next, 'n1')).toEqual(namesOf(hints, 'n1'));
  });

  it('takes a row whose value is damaged for a hint all the same', () => {
    hints.keep('n2', key('k'), 1);
    bench.settle();
    const iterator = bench.store.iterate(hintRange());
    iterator.next(1, (_, [row]) => {
      bench.store.putRow(Buffer.from(row.key), Buffer.alloc(16, 0xff));
      iterator.close(() => {});
    });
    expect(reloaded().targets()).toMatchObject([{ target: 'n2', count: 1, oldestMs: 0 }]);
  });
});

describe('whatever happens', () => {
  /** One step; each names one of few keys and targets, so that they meet. */
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('keep'), target: fc.nat(1), key: fc.nat(1) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('forget'), target: fc.nat(1), key: fc.nat(1) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('turn') }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('answer') }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('disk'), fails: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('crash') }) },
  ) as fc.Arbitrary<{ do: string; target: number; key: number; fails: boolean }>;

  it('a hint that was kept with a group commit that succeeded is there, in the index and after a crash', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const world = new StoreBench();
        const start = (): HintStore => {
          const store = new HintStore(world.store, () => ROOMY);
          store.load(() => {});
          return store;
        };
        let life = start();
        world.settle();
        /** Kept by a caller who was told that the group commit of that moment is in the log. */
        const owed = new Set<string>();
        /** Asked for in a group that is not over. */
        const asked = new Map<number, string[]>();
        world.store.onCommitEnd = (seq, error) => {
          for (const name of asked.get(seq) ?? []) if (error === null) owed.add(name);
          asked.delete(seq);
        };
        const present = (store: HintStore): string[] =>
          store
            .targets()
            .flatMap(({ target }) => [...store.hintsOf(target)].map((one) => `${target} ${one.key}`));
        const check = (store: HintStore): void => {
          const found = present(store);
          for (const name of owed) expect(found).toContain(name);
        };
        for (const one of steps) {
          const name = `n${one.target} key${one.key}`;
          if (one.do === 'keep') {
            expect(life.keep(`n${one.target}`, key(`key${one.key}`), 1)).toBe(true);
            const { rowsSeq } = world.store;
            // The caller's write is in the group that carries rows now, whether or not the hint had to be written anew.
            world.store.putRow(Buffer.from('m the write'), Buffer.alloc(0));
            asked.set(rowsSeq, [...(asked.get(rowsSeq) ?? []), name]);
          } else if (one.do === 'forget') {
            life.forget(`n${one.target}`, key(`key${one.key}`));
            owed.delete(name);
            for (const [seq, names] of asked)
              asked.set(
                seq,
                names.filter((each) => each !== name),
              );
          } else if (one.do === 'turn') world.endTurn();
          else if (one.do === 'answer') world.answer();
          else if (one.do === 'disk') world.writeFailure = one.fails ? new Error('full') : null;
          else {
            world.settle();
            life = start();
            world.settle();
          }
          check(life);
        }
        world.writeFailure = null;
        world.settle();
        check(life);
        const next = start();
        world.settle();
        check(next);
        let bytes = 0;
        for (const figures of next.targets()) bytes += figures.bytes;
        expect(next.bytes).toBe(bytes);
      }),
      { numRuns: 1000 },
    );
  });
});
