import { beforeEach, describe, expect, it } from 'vitest';
import { Message } from '../messages.js';
import { CoreBench, TestOperation } from './coordinator.test-support.js';

const TIMEOUT_MS = 1000;
/** Groups that one peer may have yet to answer. */
const MAX_OPEN = 2048;

let bench: CoreBench;
beforeEach(() => {
  bench = new CoreBench();
});

function wait(ms: number): void {
  bench.now += ms;
  bench.coordinator.tick();
}

/** A write that nobody waits for any more after `ms`. */
function urgent(key: string, ms: number): TestOperation {
  const operation = new TestOperation(bench, 'x');
  operation.addKey(0, bench.slot, key);
  operation.deadline = bench.now + ms;
  bench.coordinator.begin(operation);
  return operation;
}

/** Writes and has both replicas hear of it; nobody has confirmed yet. */
function write(key: string): { operation: TestOperation; group: number } {
  const record = bench.record('a', 1);
  bench.inCache(key, record);
  const operation = bench.begin(key, 'x');
  bench.answerReads({ 1: record, 2: record });
  bench.disk.endTurn();
  const end = bench.sent().find(({ type }) => type === Message.WriteEnd);
  return { operation, group: end?.id ?? 0 };
}

describe('a write that waits for its key to be verified', () => {
  it('gives up at its deadline and was not applied; the others go on waiting', () => {
    bench.inCache('k', bench.record('a', 1));
    const first = bench.begin('k', 'b');
    const second = urgent('k', 100);
    wait(150);
    expect(second.ends).toEqual([expect.stringMatching(/^NOQUORUM .* in time; the write was not applied$/)]);
    expect(second.found).toEqual([]);
    expect(first.ends).toEqual([]);
    bench.answerReads({ 1: bench.record('a', 1), 2: bench.record('a', 1) });
    expect(first.found).toEqual(['a']);
    expect(bench.coordinator.underWay).toBe(1);
  });

  it('is not begun when its turn comes too late', () => {
    bench.inCache('k', bench.record('a', 1));
    const write = urgent('k', 100);
    bench.now += 101;
    bench.answerReads({ 1: bench.record('a', 1), 2: bench.record('a', 1) });
    expect(write.found).toEqual([]);
    expect(write.ends).toEqual([expect.stringContaining('not applied')]);
    expect(bench.coordinator.underWay).toBe(0);
  });
});

describe('what waits for a slow replica', () => {
  it('a write waits for no more of them than it needs', () => {
    const { operation, group } = write('k');
    bench.coordinator.groups.acknowledged(2, group, true);
    expect(operation.ends).toEqual([]);
    bench.disk.settle();
    expect(operation.ends).toEqual([null]);
    expect(bench.coordinator.underWay).toBe(0);
    // The slowest may take its time.
    expect(bench.coordinator.inFlight).toBe(1);
    wait(TIMEOUT_MS + 50);
    expect(bench.coordinator.inFlight).toBe(0);
    expect([...bench.hints.kept]).toEqual(['1 k']);
  });

  it('a peer that does not answer is sent no more than so many groups, and has hints kept for the rest', () => {
    bench.inCache('k', bench.record('a', 1));
    let sentTo1 = 0;
    for (let i = 0; i < MAX_OPEN + 10; i++) {
      const operation = bench.begin('k', 'x');
      bench.answerReads({ 1: bench.record('a', 1), 2: bench.record('a', 1) });
      bench.disk.endTurn();
      for (const { type, peer, id } of bench.sent()) {
        if (type !== Message.WriteEnd) continue;
        if (peer === 1) sentTo1++;
        else bench.coordinator.groups.acknowledged(peer, id, true);
      }
      bench.disk.settle();
      expect(operation.ends).toEqual([null]);
    }
    expect(sentTo1).toBe(MAX_OPEN);
    expect([...bench.hints.kept]).toEqual(['1 k']);
    bench.coordinator.peerDown(1);
    write('k');
    expect(bench.coordinator.inFlight).toBe(1);
  });
});

describe('what waits for a disk that does not answer', () => {
  it('a write that has run may have been applied', () => {
    bench = new CoreBench(1);
    bench.inCache('a', bench.record('a', 1));
    bench.inCache('b', bench.record('b', 1));
    const first = bench.begin('a', 'x');
    bench.disk.endTurn();
    const behind = bench.begin('b', 'x');
    bench.disk.endTurn();
    wait(50);
    wait(TIMEOUT_MS);
    const text = expect.stringMatching(/^NOQUORUM 0 of 1 needed .* may have been applied$/);
    expect([first.ends, behind.ends]).toEqual([[text], [text]]);
    bench.disk.settle();
    expect([first.ends.length, behind.ends.length, bench.coordinator.underWay]).toEqual([1, 1, 0]);
    expect(bench.load('b')).toBe('bx');
  });

  it('a read that saw what is not in the log is not answered with it', () => {
    bench = new CoreBench(1);
    bench.inCache('a', bench.record('a', 1));
    bench.begin('a', 'x');
    bench.disk.endTurn();
    const read = bench.begin('a', null);
    wait(TIMEOUT_MS);
    expect(read.ends).toEqual([expect.stringMatching(/^NOQUORUM .*nothing was read$/)]);
    bench.disk.settle();
    expect(read.ends).toHaveLength(1);
  });
});

describe('peers that are up but have too much to take', () => {
  it('a write that cannot reach its quorum is refused before it is made, as long as that lasts', () => {
    bench.inCache('k', bench.record('a', 1));
    bench.crowded.add(1).add(2);
    wait(50);
    const refused = bench.begin('k', 'b');
    expect(refused.ends).toEqual([expect.stringMatching(/^OVERLOADED .* the write was not applied$/)]);
    expect(refused.found).toEqual([]);
    bench.crowded.clear();
    wait(50);
    bench.begin('k', 'b');
    expect(bench.sent().length).toBeGreaterThan(0);
  });

  it('one of them that is not needed harms nobody', () => {
    bench.inCache('k', bench.record('a', 1));
    bench.crowded.add(1);
    wait(50);
    const operation = bench.begin('k', 'b');
    bench.answerReads({ 2: bench.record('a', 1) });
    bench.disk.endTurn();
    for (const { peer, type, id } of bench.sent())
      if (type === Message.WriteEnd) bench.coordinator.groups.acknowledged(peer, id, true);
    bench.disk.settle();
    expect(operation.ends).toEqual([null]);
    expect([...bench.hints.kept]).toEqual(['1 k']);
  });
});
