import { beforeEach, describe, expect, it } from 'vitest';
import { dataKey } from '../../../storage/key-layout.js';
import type { RecordEntry } from '../../../storage/record-cache.js';
import { StoreBench } from '../../../storage/record-store.test-support.js';
import { fnv1a } from '../../../storage/writers.js';
import { FlushMarks } from '../flush-marks.js';
import { adoptable } from './inherited-units.js';
import { AcceptorBench, ballot, SLOT } from './register.test-support.js';
import type { Unit } from './unit.js';

let bench: AcceptorBench;
beforeEach(() => {
  bench = new AcceptorBench();
});

const A = '{t}a';
const B = '{t}b';
const FULL = new Error('full');

/** Accepts what the round of that number proposes; it is on the disk. */
function hold(round: number, ...keys: Unit['keys']): Unit {
  const unit = bench.unit(ballot(round), ...keys);
  bench.accept(unit);
  bench.disk.settle();
  return unit;
}

/** What is begun now fails, what comes after it does not. */
function failing(run: () => void): void {
  bench.disk.writeFailure = FULL;
  run();
  bench.disk.settle();
  bench.disk.writeFailure = null;
}

/** A turn, and the answer of the disk to what it was handed. */
function step(): void {
  bench.disk.endTurn();
  bench.disk.answer();
}

describe('the row of a unit', () => {
  it('is deleted in a batch behind that of the data', () => {
    const { keys } = hold(3, bench.key(A, 5));
    bench.disk.batches.length = 0;
    bench.put(A, keys[0].record);
    step();
    expect(bench.disk.batches.map(({ rows }) => rows)).toEqual([1]);
    expect(bench.held.of(SLOT)).toHaveLength(0);
    bench.disk.settle();
    expect(bench.disk.batches.map(({ rows }) => rows)).toEqual([1, 1]);
    expect(bench.savedRounds()).toEqual([]);
  });

  it('is found after a loss of power that took the data, and settled again', () => {
    const { keys } = hold(3, bench.key(A, 5));
    bench.put(A, keys[0].record);
    bench.disk.settle();
    expect(bench.savedRounds()).toEqual([]);
    const next = bench.afterPowerLoss();
    expect(next.savedRounds()).toEqual([3]);
    expect(next.value(A)).toBeNull();
    expect(next.held.of(SLOT)).toHaveLength(1);
    next.put(A, next.record(`${A}=5`, 5));
    next.disk.settle();
    expect(next.outcomes).toEqual([`${A} chosen`]);
    expect(next.savedRounds()).toEqual([]);
  });

  it('that the disk did not delete is deleted when it writes again', () => {
    const { keys } = hold(3, bench.key(A, 5));
    bench.put(A, keys[0].record);
    step();
    failing(() => {});
    expect(bench.held.size).toBe(0);
    expect(bench.savedRounds()).toEqual([3]);
    bench.held.tidy();
    expect(bench.store.idle).toBe(true);
    bench.put('{t}other', bench.record('x', 1));
    bench.disk.settle();
    bench.held.tidy();
    bench.disk.settle();
    expect(bench.savedRounds()).toEqual([]);
  });

  it('that was not deleted stays when the unit was taken over anew', () => {
    const unit = hold(3, bench.key(A, 5));
    bench.put(A, bench.record('other', 4, bench.otherSerial));
    failing(() => {});
    bench.disk.settle();
    expect(bench.value(A)).toBeNull();
    bench.acceptor.adopt(SLOT, ballot(4), [unit]);
    bench.disk.settle();
    bench.held.tidy();
    bench.disk.settle();
    expect(bench.savedRounds()).toEqual([3]);
    expect(bench.held.of(SLOT)).toHaveLength(1);
  });
});

describe('data that the disk did not take', () => {
  it('bring the unit back: unsettled, and of unknown outcome, as the disk says', () => {
    const { keys } = hold(3, bench.key(A, 5));
    failing(() => bench.put(A, keys[0].record));
    expect(bench.held.of(SLOT).map(({ open }) => open)).toEqual([true]);
    expect(bench.loaded(A).unsettled).toBe(true);
    expect(bench.value(A)).toBeNull();
    expect(bench.savedRounds()).toEqual([3]);
    bench.put(A, keys[0].record);
    bench.disk.settle();
    expect(bench.held.size).toBe(0);
    expect(bench.value(A)).toBe(`${A}=5`);
  });

  it('of a round led here are put again, since it was chosen', () => {
    const unit = hold(3, bench.key(A, 5));
    failing(() => bench.held.chosen(unit));
    expect(bench.held.of(SLOT).map(({ open, led }) => [open, led])).toEqual([[true, true]]);
    expect(bench.value(A)).toBeNull();
    bench.held.lookAgain(SLOT);
    bench.disk.settle();
    expect(bench.value(A)).toBe(`${A}=5`);
    expect(bench.held.size).toBe(0);
  });

  it('of one key alone bring it back as well, though those of the other were taken later', () => {
    const keys = [bench.key(A, 5), bench.key(B, 6)];
    const pinned = [bench.loaded(A), bench.loaded(B)];
    bench.disk.writeFailure = FULL;
    bench.put(A, keys[0].record);
    bench.disk.endTurn();
    bench.disk.writeFailure = null;
    bench.accept(bench.unit(ballot(3), ...keys));
    expect(bench.outcomes).toEqual([`${A} chosen`]);
    bench.disk.settle();
    expect(pinned.map(({ record }) => record?.siblings[0].payload)).toEqual([`${A}=5`, `${B}=6`]);
    expect(bench.held.size).toBe(0);
    for (const entry of pinned) bench.store.unpin(entry);
    bench.evict();
    expect([bench.value(A), bench.value(B)]).toEqual([`${A}=5`, `${B}=6`]);
  });
});

describe('who reads a key', () => {
  let answers: string[];
  let entry: RecordEntry;
  beforeEach(() => {
    answers = [];
    entry = bench.loaded(A);
  });
  const read = (name: string): void =>
    bench.held.whenSettled(entry, (settled) => void answers.push(`${name} ${settled}`));

  it('need not wait when nothing is unsettled about it', () => {
    hold(3, bench.key(B, 5));
    read('one');
    expect(answers).toEqual(['one true']);
  });

  it('waits until the unit was chosen, and sees it then', () => {
    const { keys } = hold(3, bench.key(A, 5));
    bench.held.whenSettled(entry, () => void answers.push(entry.record!.siblings[0].payload));
    expect([answers, bench.held.size]).toEqual([[], 2]);
    bench.put(A, keys[0].record);
    expect(answers).toEqual([`${A}=5`]);
  });

  it('waits until the unit is known to be an orphan', () => {
    hold(3, bench.key(A, 5));
    read('one');
    read('two');
    bench.put(A, bench.record('other', 4, bench.otherSerial));
    expect(answers).toEqual(['one true', 'two true']);
  });

  it('waits for all units of the key', () => {
    const first = hold(3, bench.key(A, 5));
    const second = hold(4, bench.key(A, 7, bench.serial, first.keys[0].record));
    read('one');
    bench.put(A, first.keys[0].record);
    expect(answers).toEqual([]);
    bench.put(A, second.keys[0].record);
    expect(answers).toEqual(['one true']);
  });

  it('waits for what another key of the unit tells', () => {
    const { keys } = hold(3, bench.key(A, 5), bench.key(B, 6));
    read('one');
    bench.put(B, keys[1].record);
    expect(answers).toEqual(['one true']);
  });

  it('is sent away when it has waited too long, and only then', () => {
    hold(3, bench.key(A, 5));
    bench.elapsed = 100;
    read('early');
    bench.elapsed = 200;
    read('late');
    bench.held.expire(99);
    expect(answers).toEqual([]);
    bench.held.expire(100);
    expect(answers).toEqual(['early false']);
    expect(bench.held.size).toBe(2);
    bench.held.expire(200);
    expect(answers).toEqual(['early false', 'late false']);
  });

  it('has what there is where nobody can settle anything, from when that is so', () => {
    hold(3, bench.key(A, 5));
    read('before');
    bench.isHopeless = true;
    read('after');
    expect(answers).toEqual(['after true']);
    bench.held.expire(Number.NEGATIVE_INFINITY);
    expect(answers).toEqual(['after true', 'before true']);
  });

  it('may ask again from its answer', () => {
    const { keys } = hold(3, bench.key(A, 5));
    bench.held.whenSettled(entry, () => read('again'));
    bench.put(A, keys[0].record);
    expect(answers).toEqual(['again true']);
  });

  it('waits again for what came back since the disk did not take it', () => {
    const { keys } = hold(3, bench.key(A, 5));
    failing(() => bench.put(A, keys[0].record));
    read('one');
    expect(answers).toEqual([]);
    bench.put(A, keys[0].record);
    expect(answers).toEqual(['one true']);
  });
});

describe('a flush', () => {
  let marks: FlushMarks;
  beforeEach(() => {
    marks = new FlushMarks(4);
    bench = new AcceptorBench(new StoreBench((db, record) => marks.admit(db, record)));
  });

  it('leaves nothing to be settled of what it voids', () => {
    hold(3, bench.key(A, 5), bench.key(B, 6));
    marks.raise([6, 0, 0, 0]);
    bench.held.lookAgain(SLOT);
    bench.disk.settle();
    expect(bench.held.size).toBe(0);
    expect([bench.value(A), bench.value(B)]).toEqual([null, null]);
    expect(bench.savedRounds()).toEqual([]);
  });

  it('of another database does not', () => {
    hold(3, bench.key(A, 5));
    marks.raise([0, 6, 0, 0]);
    bench.held.lookAgain(SLOT);
    expect(bench.held.size).toBe(1);
  });

  it('that voids one key of a unit does not tell what came of the other', () => {
    hold(3, bench.key(A, 5), bench.key(B, 9));
    marks.raise([6, 0, 0, 0]);
    bench.held.lookAgain(SLOT);
    bench.disk.settle();
    expect(bench.outcomes).toEqual([]);
    expect(bench.value(B)).toBeNull();
    bench.put(B, bench.record('other', 8, bench.otherSerial));
    bench.disk.settle();
    expect(bench.outcomes).toEqual([`${A} orphan`]);
    expect(bench.value(B)).toBe('other');
  });

  it('that voids one key of an orphan does not have a new leader propose the other', () => {
    const unit = bench.unit(ballot(3), bench.key(A, 5), bench.key(B, 9));
    marks.raise([6, 0, 0, 0]);
    const entries = [bench.loaded(A), bench.loaded(B)];
    expect(adoptable(unit, entries, bench.store)).toEqual([unit.keys[1]]);
    bench.put(B, bench.record('other', 8, bench.otherSerial));
    expect(adoptable(unit, entries, bench.store)).toEqual([]);
  });
});

describe('a damaged record', () => {
  /** Makes rubbish of what the disk has of the key, and forgets what the cache has of it. */
  function damage(key: string): void {
    bench.evict();
    const batch = bench.disk.engine.batch();
    batch.put(dataKey(SLOT, 0, fnv1a(key), key), Buffer.from('rubbish'));
    batch.write(true, () => {});
    bench.disk.settle();
  }

  it('tells nothing, until there is another in its place', () => {
    bench.put(A, bench.record('before', 1, bench.plain));
    bench.disk.settle();
    damage(A);
    const { keys } = hold(3, bench.key(A, 5));
    expect(bench.loaded(A).corrupt).toBe(true);
    expect(bench.outcomes).toEqual([]);
    bench.held.lookAgain(SLOT);
    bench.disk.settle();
    expect(bench.outcomes).toEqual([]);
    bench.put(A, keys[0].record);
    bench.disk.settle();
    expect(bench.outcomes).toEqual([`${A} chosen`]);
    expect(bench.value(A)).toBe(`${A}=5`);
  });

  it('keeps a unit of several keys from being settled in part', () => {
    bench.put(A, bench.record('before', 1, bench.plain));
    bench.disk.settle();
    damage(A);
    const { keys } = hold(3, bench.key(A, 5), bench.key(B, 6));
    bench.put(B, keys[1].record);
    bench.disk.settle();
    expect(bench.outcomes).toEqual([]);
    expect(bench.savedRounds()).toEqual([3]);
    bench.put(A, bench.record('healed', 1, bench.plain));
    bench.disk.settle();
    expect(bench.outcomes).toEqual([`${A} chosen`]);
    expect(bench.loaded(A).record!.siblings.map(({ payload }) => payload)).toContain(`${A}=5`);
  });
});

describe('a disk that does not read', () => {
  it('leaves the outcome open until somebody looks again', () => {
    const key = bench.key(A, 5);
    bench.put(A, key.record);
    bench.disk.settle();
    bench.evict();
    bench.disk.readFailure = new Error('broken');
    hold(3, key);
    bench.disk.readFailure = null;
    expect(bench.outcomes).toEqual([]);
    bench.held.lookAgain(SLOT);
    bench.disk.settle();
    expect(bench.outcomes).toEqual([`${A} chosen`]);
  });
});
