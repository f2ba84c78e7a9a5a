import { beforeEach, describe, expect, it } from 'vitest';
import { TOMBSTONE } from '../../../storage/record.js';
import { merge, supersede, witnessed } from '../version.js';
import { AcceptorBench, ballot, SLOT } from './register.test-support.js';
import type { Unit } from './unit.js';

let bench: AcceptorBench;
beforeEach(() => {
  bench = new AcceptorBench();
});

const A = '{t}a';
const B = '{t}b';

/** Accepts what the round of that number proposes; it is on the disk. */
function hold(round: number, ...keys: Unit['keys']): Unit {
  const unit = bench.unit(ballot(round), ...keys);
  bench.accept(unit);
  bench.disk.settle();
  return unit;
}
const put = (key: string, record: ReturnType<AcceptorBench['record']>): void => {
  bench.put(key, record);
  bench.disk.settle();
};
const isUnsettled = (key: string): boolean => {
  const entry = bench.loaded(key);
  bench.store.unpin(entry);
  return entry.unsettled;
};

describe('a unit of which nobody knows what came of it', () => {
  it('is kept, and its keys are unsettled, while they hold nothing', () => {
    const unit = hold(3, bench.key(A, 5));
    expect(bench.held.of(SLOT).map((held) => [held.unit, held.open])).toEqual([[unit, true]]);
    expect([isUnsettled(A), isUnsettled(B)]).toEqual([true, false]);
    expect(bench.value(A)).toBeNull();
    expect(bench.savedRounds()).toEqual([3]);
    expect(bench.outcomes).toEqual([]);
  });

  it('is kept while they hold what it has seen', () => {
    const before = bench.record('before', 4, bench.otherSerial);
    put(A, before);
    hold(3, bench.key(A, 5, bench.serial, before));
    expect(bench.held.size).toBe(1);
    expect(bench.value(A)).toBe('before');
  });

  it('is kept while they hold plain writes, seen or not', () => {
    hold(3, bench.key(A, 5));
    put(A, bench.record('plain', 9, bench.plain));
    expect(bench.held.size).toBe(1);
    expect(isUnsettled(A)).toBe(true);
    expect(bench.value(A)).toBe('plain');
  });

  it('stays in memory whatever else is thrown out of the cache', () => {
    hold(3, bench.key(A, 5));
    bench.evict();
    expect(bench.store.peek(0, A)?.unsettled).toBe(true);
  });
});

describe('a unit that was chosen', () => {
  it('is known by a record that has its dot', () => {
    const { keys } = hold(3, bench.key(A, 5));
    put(A, keys[0].record);
    expect(bench.outcomes).toEqual([`${A} chosen`]);
    expect(bench.held.size).toBe(0);
    expect(isUnsettled(A)).toBe(false);
    expect(bench.savedRounds()).toEqual([]);
  });

  it('is known by a record that has seen its dot and holds something later', () => {
    const { keys } = hold(3, bench.key(A, 5));
    put(A, bench.record('later', 8, bench.otherSerial, keys[0].record));
    expect(bench.outcomes).toEqual([`${A} chosen`]);
    expect(bench.value(A)).toBe('later');
  });

  it('is known at once when the record was there before', () => {
    const key = bench.key(A, 5);
    put(A, key.record);
    const votes = bench.accept(bench.unit(ballot(3), key));
    expect(bench.outcomes).toEqual([`${A} chosen`]);
    bench.disk.settle();
    expect(votes).toEqual([{ vote: 'yes', promised: ballot(4) }]);
    expect(bench.savedRounds()).toEqual([]);
  });

  it('is known from the disk when the record is not cached', () => {
    const key = bench.key(A, 5);
    put(A, key.record);
    bench.evict();
    expect(bench.store.peek(0, A)).toBeUndefined();
    hold(3, key);
    expect(bench.outcomes).toEqual([`${A} chosen`]);
  });

  it('keeps plain versions that it has not seen beside its own', () => {
    const { keys } = hold(3, bench.key(A, 5));
    const plain = bench.record('plain', 9, bench.plain);
    put(A, plain);
    put(A, merge(plain, keys[0].record, bench.writers));
    expect(bench.loaded(A).record!.siblings.map(({ payload }) => payload)).toEqual(['plain', `${A}=5`]);
  });

  it('loses its pins, so that its keys may be thrown out', () => {
    const { keys } = hold(3, bench.key(A, 5));
    put(A, keys[0].record);
    bench.evict();
    expect(bench.store.peek(0, A)).toBeUndefined();
  });
});

describe('a unit that is an orphan', () => {
  it('is known by a serial version that it has not seen, and leaves nothing', () => {
    hold(3, bench.key(A, 5));
    put(A, bench.record('other', 4, bench.otherSerial));
    expect(bench.outcomes).toEqual([`${A} orphan`]);
    expect(bench.value(A)).toBe('other');
    expect(bench.held.size).toBe(0);
    expect(isUnsettled(A)).toBe(false);
    expect(bench.savedRounds()).toEqual([]);
  });

  it('is known by the mere knowledge of such a version', () => {
    hold(3, bench.key(A, 5));
    const plain = bench.record('plain', 2, bench.plain);
    put(A, witnessed(plain, bench.otherSerial, 4, bench.writers));
    expect(bench.outcomes).toEqual([`${A} orphan`]);
  });

  it('is none if the version has been built upon it', () => {
    const { keys } = hold(3, bench.key(A, 5));
    put(A, bench.record('upon it', 9, bench.otherSerial, keys[0].record));
    expect(bench.outcomes).toEqual([`${A} chosen`]);
  });

  it('is known by a later version of its own proposer, which had not seen it under that name', () => {
    const seen = bench.record('seen', 4, bench.otherSerial);
    hold(3, bench.key(A, 5, bench.serial, seen));
    put(A, bench.record('newer', 6, bench.otherSerial, seen));
    expect(bench.outcomes).toEqual([`${A} orphan`]);
  });
});

describe('a unit of several keys', () => {
  it('is applied whole when one of them tells that it was chosen', () => {
    const { keys } = hold(3, bench.key(A, 5), bench.key(B, 6));
    put(B, keys[1].record);
    expect(bench.outcomes).toEqual([`${A} chosen`]);
    expect([bench.value(A), bench.value(B)]).toEqual([`${A}=5`, `${B}=6`]);
    expect([isUnsettled(A), isUnsettled(B)]).toEqual([false, false]);
  });

  it('is applied not at all when one of them tells that it was not', () => {
    hold(3, bench.key(A, 5), bench.key(B, 6));
    put(B, bench.record('other', 4, bench.otherSerial));
    expect(bench.outcomes).toEqual([`${A} orphan`]);
    expect([bench.value(A), bench.value(B)]).toEqual([null, 'other']);
    expect([isUnsettled(A), isUnsettled(B)]).toEqual([false, false]);
  });

  it('was chosen if one has seen it, whatever came after it to the other', () => {
    const { keys } = hold(3, bench.key(A, 5), bench.key(B, 6));
    const later = bench.record('later', 9, bench.otherSerial, keys[1].record);
    put(B, later);
    expect(bench.outcomes).toEqual([`${A} chosen`]);
    expect([bench.value(A), bench.value(B)]).toEqual([`${A}=5`, 'later']);
  });

  it('waits until all of them have been read', () => {
    const key = bench.key(A, 5);
    put(A, key.record);
    bench.put(B, bench.record('plain', 1, bench.plain));
    bench.disk.settle();
    bench.evict();
    bench.accept(bench.unit(ballot(3), key, bench.key(B, 6)));
    expect(bench.outcomes).toEqual([]);
    expect([isUnsettled(A), isUnsettled(B)]).toEqual([false, false]);
    bench.disk.settle();
    expect(bench.outcomes).toEqual([`${A} chosen`]);
  });
});

describe('several units of one key', () => {
  it('are each settled by what they have seen', () => {
    const first = hold(3, bench.key(A, 5));
    hold(4, bench.key(A, 7, bench.serial, first.keys[0].record));
    put(A, first.keys[0].record);
    expect(bench.outcomes).toEqual([`${A} chosen`]);
    expect(bench.held.of(SLOT).map(({ unit }) => unit.ballot.round)).toEqual([4]);
    expect(isUnsettled(A)).toBe(true);
    expect(bench.savedRounds()).toEqual([4]);
  });

  it('go one by one: what is put away of the one tells of the others', () => {
    const other = bench.key(A, 4, bench.otherSerial);
    hold(3, bench.key(A, 5), bench.key(B, 5));
    bench.accept({ slot: SLOT, ballot: ballot(4, 'c'), keys: [other] });
    bench.disk.settle();
    put(B, bench.record(`${B}=5`, 5));
    expect(bench.outcomes.sort()).toEqual([`${A} chosen`, `${A} orphan`]);
    expect(bench.value(A)).toBe(`${A}=5`);
    expect(bench.held.size).toBe(0);
    expect(isUnsettled(A)).toBe(false);
  });
});

describe('the same content under another ballot', () => {
  it('takes the place of what was kept of it, on the disk as well', () => {
    hold(3, bench.key(A, 5));
    hold(8, bench.key(A, 5));
    expect(bench.held.of(SLOT).map(({ unit }) => unit.ballot.round)).toEqual([8]);
    expect(bench.savedRounds()).toEqual([8]);
    expect(bench.held.has(bench.unit(ballot(8)))).toBe(true);
    expect(bench.held.has(bench.unit(ballot(3)))).toBe(false);
    expect(bench.held.has(bench.unit(ballot(8, 'c')))).toBe(false);
  });

  it('that the disk did not take leaves the earlier row, which goes with the unit', () => {
    const { keys } = hold(3, bench.key(A, 5));
    bench.disk.writeFailure = new Error('full');
    bench.accept(bench.unit(ballot(8), ...keys));
    bench.disk.settle();
    bench.disk.writeFailure = null;
    put('{t}other', bench.record('x', 1));
    bench.held.tidy();
    bench.disk.settle();
    expect(bench.savedRounds()).toEqual([3]);
    put(A, keys[0].record);
    bench.held.tidy();
    bench.disk.settle();
    expect(bench.savedRounds()).toEqual([]);
  });
});

describe('a round that was led here', () => {
  it('is applied when it is chosen, and sent on', () => {
    const unit = hold(3, bench.key(A, 5), bench.key(B, 6));
    bench.held.chosen(unit);
    bench.disk.settle();
    expect(bench.outcomes).toEqual([`${A} chosen`]);
    expect([bench.value(A), bench.value(B)]).toEqual([`${A}=5`, `${B}=6`]);
    expect(bench.spread).toEqual([A, B]);
  });

  it('is sent on only where it was not known', () => {
    const unit = hold(3, bench.key(A, 5), bench.key(B, 6));
    put(A, bench.record('plain', 9, bench.plain));
    bench.held.chosen(unit);
    bench.disk.settle();
    expect(bench.spread).toEqual([A, B]);
    expect(bench.loaded(A).record!.siblings).toHaveLength(2);
  });

  it('that others have led is not sent on from here', () => {
    const { keys } = hold(3, bench.key(A, 5), bench.key(B, 6));
    put(A, keys[0].record);
    expect(bench.spread).toEqual([]);
  });

  it('that was put away before changes nothing', () => {
    const unit = hold(3, bench.key(A, 5));
    put(A, unit.keys[0].record);
    bench.held.chosen(unit);
    expect(bench.outcomes).toEqual([`${A} chosen`]);
  });
});

describe('a tombstone', () => {
  it('that a unit proposes is settled like a value', () => {
    const before = bench.record('before', 4, bench.otherSerial);
    put(A, before);
    const record = supersede(before, bench.serial, 5, TOMBSTONE, '', 0, bench.writers);
    const unit = hold(3, { db: 0, key: A, record, writer: bench.serial, hlc: 5 });
    bench.held.chosen(unit);
    bench.disk.settle();
    expect(bench.loaded(A).record!.siblings[0].type).toBe(TOMBSTONE);
    expect(bench.held.size).toBe(0);
  });
});
