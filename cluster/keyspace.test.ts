import { describe, expect, it } from 'vitest';
import { StoreBench } from '../storage/record-store.test-support.js';
import { FlushMarks } from './core/flush-marks.js';
import { HybridClock, hlcFromMs } from './core/hlc.js';
import { Topology } from './core/topology.js';
import type { Clock } from './environment.js';
import { ClusterKeyspace } from './keyspace.js';
import type { Node } from './node.js';

const NOW = Date.UTC(2026, 0, 1);

/** The keyspace of a node alone. */
function keyspaceOf(bench: StoreBench, hlc: HybridClock, marks: FlushMarks): ClusterKeyspace {
  const member = {
    name: 'a',
    tokens: 'a',
    rack: '',
    weight: 1,
    nodeId: 'a',
    busAddress: 'a:1',
    clientAddress: 'a:2',
  };
  const node = { topology: new Topology([member], 0, 3, 8), isUp: () => true } as unknown as Node;
  const clock = { now: () => NOW } as Clock;
  const listener = { flushed: () => {} };
  const random = { next: () => 0 };
  const { store, counts } = bench;
  return new ClusterKeyspace(node, store, counts, marks, clock, random, hlc, listener, 1, (run) => run());
}

describe('FLUSHALL', () => {
  it('does not say OK while its mark is not on the disk', () => {
    const marks = new FlushMarks(1);
    const bench = new StoreBench((db, record) => marks.admit(db, record));
    const keyspace = keyspaceOf(bench, new HybridClock(0, () => 1000), marks);
    const ends: (string | null)[] = [];
    bench.writeFailure = new Error('the disk is full');
    keyspace.flush(undefined, (failure) => ends.push(failure));
    bench.settle();
    bench.writeFailure = null;
    keyspace.flush(undefined, (failure) => ends.push(failure));
    bench.settle();
    expect(ends).toEqual([expect.stringContaining('MISCONF Errors writing to disk: the disk is full'), null]);
  });

  it('lies below whatever is written after a restart, though the clock was set back', () => {
    const mark = hlcFromMs(NOW + 5000);
    const hlc = new HybridClock(0, () => 1000);
    keyspaceOf(new StoreBench(), hlc, new FlushMarks(1, [mark]));
    expect(hlc.next(NOW, 0)).toBeGreaterThan(mark);
  });
});
