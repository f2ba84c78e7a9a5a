import { beforeEach, describe, expect, it } from 'vitest';
import { NO_BALLOT } from './ballot.js';
import { AcceptorBench, ballot, SLOT } from './register.test-support.js';

let bench: AcceptorBench;
beforeEach(() => {
  bench = new AcceptorBench();
});

const unsettled = (key: string): boolean => {
  const entry = bench.loaded(key);
  bench.store.unpin(entry);
  return entry.unsettled;
};

describe('a slot that is not this node’s any more', () => {
  it('is forgotten with its promise and its units, in memory and on the disk', () => {
    bench.accept(bench.unit(ballot(3), bench.key('{t}a', 5)));
    bench.accept(bench.unit(ballot(4), bench.key('{t}b', 6)));
    bench.disk.settle();
    expect([bench.acceptor.remembers(SLOT), unsettled('{t}a')]).toEqual([true, true]);
    expect(bench.acceptor.forget(SLOT)).toBe(true);
    bench.disk.settle();
    expect([bench.acceptor.remembers(SLOT), unsettled('{t}a'), unsettled('{t}b')]).toEqual([
      false,
      false,
      false,
    ]);
    expect(bench.acceptor.promised(SLOT)).toEqual(NO_BALLOT);
    const { promises, units } = bench.saved();
    expect([promises.size, units]).toEqual([0, []]);
    expect(bench.held.size).toBe(0);
    // What came of them is others' to say.
    expect(bench.outcomes).toEqual([]);
  });

  it('is not forgotten before the last vote is on the disk: it may have been counted', () => {
    bench.accept(bench.unit(ballot(3), bench.key('{t}a', 5)));
    expect(bench.acceptor.forget(SLOT)).toBe(false);
    bench.disk.settle();
    expect(bench.acceptor.forget(SLOT)).toBe(true);
  });

  it('is forgotten once a unit that was chosen is in the data rows, and stays there', () => {
    const unit = bench.unit(ballot(3), bench.key('{t}a', 5));
    bench.accept(unit);
    bench.disk.settle();
    bench.held.chosen(unit);
    expect(bench.acceptor.forget(SLOT)).toBe(false);
    bench.disk.settle();
    expect(bench.acceptor.forget(SLOT)).toBe(true);
    expect(bench.value('{t}a')).toBe('{t}a=5');
  });

  it('sends readers away who wait for what came of a unit', () => {
    bench.accept(bench.unit(ballot(3), bench.key('{t}a', 5)));
    bench.disk.settle();
    const read: boolean[] = [];
    const entry = bench.loaded('{t}a');
    bench.store.whenRecordSettles(entry, (settled) => read.push(settled));
    bench.acceptor.forget(SLOT);
    expect(read).toEqual([false]);
    bench.store.unpin(entry);
  });

  it('is empty ground when it comes back', () => {
    bench.accept(bench.unit(ballot(9), bench.key('{t}a', 5)));
    bench.disk.settle();
    bench.acceptor.forget(SLOT);
    expect(bench.prepare(ballot(2))).toEqual([]);
    bench.disk.settle();
    expect(bench.acceptor.promised(SLOT)).toEqual(ballot(2));
  });
});
