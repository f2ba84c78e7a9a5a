import { beforeEach, describe, expect, it } from 'vitest';
import { SLOTS } from '../../storage/key-layout.js';
import { Message } from '../messages.js';
import { CoreBench } from './coordinator.test-support.js';
import type { Phase, RingState } from './elastic/ring-state.js';
import { ringOf, topologyIn } from './elastic/rings.test-support.js';

let bench: CoreBench;

function turn(ring: RingState): void {
  bench.topology = topologyIn(ring, 0, 5, 3, bench.topology);
}

function acks(): number[] {
  return bench.sent().flatMap(({ type, value }) => (type === Message.WriteAck ? [value] : []));
}

describe('a write that comes while its old version is read from a slow disk', () => {
  beforeEach(() => {
    bench = new CoreBench(5);
    bench.onDisk('k', bench.record('old', 1));
    bench.write(1, 7, 'k', bench.record('new', 2));
    bench.writeEnd(1, 7, 1);
  });

  /** The ring goes on by so many steps, and only then is the old version there. */
  function steps(count: number): void {
    const all = [...Array(5).keys()];
    turn({ ...ringOf('stable', all, all), epoch: bench.topology.epoch + count });
    bench.disk.settle();
  }

  it('is confirmed over one step of the ring', () => {
    steps(1);
    expect(acks()).toEqual([1]);
  });

  it('is not confirmed when it is two steps behind by then: who makes sure of the slot has looked already', () => {
    steps(2);
    expect(acks()).toEqual([0]);
  });
});

describe('a record of a slot that comes to this node, or goes from it,', () => {
  /** Puts one in that phase of a change from members `a` to `b`, in a slot that node 0 has only on the one side. */
  function put(phase: Phase, a: readonly number[], b: readonly number[]): string[] {
    bench = new CoreBench(5);
    turn(ringOf(phase, a, b));
    const { topology } = bench;
    const slot = Array.from({ length: SLOTS }, (_, one) => one).find(
      (one) => topology.gainedBy(0)[one] === 1 || topology.lostBy(0)[one] === 1,
    )!;
    const entry = bench.store.pin(0, slot, 'k');
    bench.store.load(entry, { loaded: () => bench.store.put(entry, bench.record('v', 1)) });
    bench.disk.settle();
    return [...bench.hints.kept];
  }

  it('is not on its way to another while it is copied ahead', () => {
    expect(put('copying', [1, 2, 3], [0, 1, 2, 3])).toEqual([]);
  });

  it('is on its way to a home once it has no business here', () => {
    expect(put('clearing', [0, 1, 2, 3], [1, 2, 3])).toHaveLength(1);
  });
});

it('a node that is no home of the key any more asks as many homes as if it had no copy of its own', () => {
  bench = new CoreBench(5);
  turn(ringOf('clearing', [0, 1, 2, 3], [1, 2, 3]));
  bench.begin('k', 'v');
  bench.disk.settle();
  expect(bench.sent().filter(({ type }) => type === Message.Read)).toHaveLength(2);
});

it.each([
  ['a read', null],
  ['a write', 'v'],
])('the only home that is left lets %s wait for what all homes have chosen together', (_, append) => {
  bench = new CoreBench(3);
  bench.inCache('k', bench.record('old', 1));
  turn(ringOf('clearing', [0, 1, 2], [0]));
  const entry = bench.store.pin(0, bench.slot, 'k');
  entry.unsettled = true;
  const settled: (() => void)[] = [];
  bench.store.whenRecordSettles = (_entry, run) => void settled.push(() => run(true));
  const operation = bench.begin('k', append);
  bench.disk.settle();
  expect(operation.found).toEqual([]);
  bench.store.put(entry, bench.record('chosen', 2));
  entry.unsettled = false;
  for (const run of settled) run();
  bench.disk.settle();
  expect([operation.found, operation.ends]).toEqual([['chosen'], [null]]);
});
