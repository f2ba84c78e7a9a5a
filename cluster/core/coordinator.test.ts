import { beforeEach, describe, expect, it } from 'vitest';
import type { KeyRecord } from '../../storage/record.js';
import { Message } from '../messages.js';
import type { SerialOperations } from './coordinator.js';
import { CoreBench, TestOperation } from './coordinator.test-support.js';
import type { Phase } from './elastic/ring-state.js';
import { ringOf, topologyIn } from './elastic/rings.test-support.js';
import type { Operation } from './operation.js';

let bench: CoreBench;
beforeEach(() => {
  bench = new CoreBench();
});

describe('a write whose verifying read ends at once', () => {
  it('runs once when this node is the only live replica', () => {
    bench.inCache('k', bench.record('a', 1));
    bench.topology.setAlive(1, false);
    bench.topology.setAlive(2, false);
    const write = bench.begin('k', 'b', 1);
    bench.disk.settle();
    expect(write.found).toEqual(['a']);
    expect(write.ends).toEqual([null]);
    expect(bench.store.pin(0, bench.slot, 'k').pins).toBe(1);
  });

  it('fails once when no peer can be sent anything', () => {
    bench.inCache('k', bench.record('a', 1));
    bench.deaf.add(1).add(2);
    const write = bench.begin('k', 'b');
    bench.disk.settle();
    expect(write.found).toEqual([]);
    expect(write.ends).toEqual([expect.stringContaining('NOQUORUM 1 of 2')]);
    expect(bench.store.pin(0, bench.slot, 'k').pins).toBe(1);
  });
});

describe('a write of what is further ahead than max-clock-drift', () => {
  const far = 61_000 * 4096;

  it('is refused before it runs, and this node keeps its time', () => {
    bench.topology.setAlive(2, false);
    const write = bench.begin('k', 'b', 1);
    bench.disk.settle();
    bench.answerReads({ 1: bench.record('a', far) });
    bench.answerReads({ 1: bench.record('a', far) });
    expect(write.found).toEqual([]);
    expect(write.ends).toEqual([expect.stringContaining('max-clock-drift; the write was not applied')]);
    bench.begin('other', 'c', 1);
    bench.disk.settle();
    bench.answerReads({ 1: null });
    bench.disk.settle();
    const [version] = bench.store.peek(0, 'other')!.record!.siblings;
    expect(version.hlc).toBeLessThan(bench.record('', far).siblings[0].hlc);
  });

  it('runs as soon as this node is there too', () => {
    bench.inCache('k', bench.record('a', far));
    bench.topology.setAlive(1, false);
    bench.topology.setAlive(2, false);
    expect(bench.begin('k', 'b', 1).found).toEqual([]);
    bench.now += 1000;
    expect(bench.begin('k', 'b', 1).found).toEqual(['a']);
  });

  it('does not keep anybody from reading it', () => {
    bench.inCache('k', bench.record('a', far));
    expect(bench.begin('k', null, 1).found).toEqual(['a']);
  });
});

describe('a replica whose commit failed', () => {
  it('does not acknowledge a group of which a part was lost', () => {
    bench.onDisk('slow', bench.record('s', 1));
    bench.inCache('quick', bench.record('q', 1));
    bench.disk.endTurn();
    bench.write(1, 7, 'quick', bench.record('q2', 2));
    bench.disk.writeFailure = new Error('the disk is full');
    bench.disk.endTurn();
    bench.write(1, 7, 'slow', bench.record('s2', 2));
    bench.writeEnd(1, 7, 2);
    bench.disk.answer();
    bench.disk.writeFailure = null;
    bench.disk.settle();
    expect(bench.sent()).toEqual([{ peer: 1, type: Message.WriteAck, id: 7, value: 0 }]);
  });

  it('does not acknowledge a group whose end comes after the failure', () => {
    bench.inCache('k', bench.record('a', 1));
    bench.write(1, 7, 'k', bench.record('b', 2));
    bench.disk.writeFailure = new Error('the disk is full');
    bench.disk.settle();
    bench.writeEnd(1, 7, 1);
    bench.disk.settle();
    expect(bench.sent()).toEqual([{ peer: 1, type: Message.WriteAck, id: 7, value: 0 }]);
  });
});

describe('a quorum read whose own copy cannot be read', () => {
  it('does not count a damaged copy as an answer', () => {
    bench.onDisk('k', bench.record('new', 2));
    bench.damage('k');
    const read = bench.begin('k', null);
    bench.disk.settle();
    bench.answerReads({ 1: bench.record('old', 1), 2: bench.record('new', 2) });
    bench.answerReads({ 1: bench.record('old', 1), 2: bench.record('new', 2) });
    bench.confirmAll();
    expect(read.found).toEqual(['new']);
  });

  it('does not count it either when the others that could answer are too few', () => {
    bench.topology.setAlive(2, false);
    bench.onDisk('k', bench.record('new', 2));
    bench.damage('k');
    const read = bench.begin('k', null);
    bench.disk.settle();
    bench.answerReads({ 1: bench.record('old', 1) });
    bench.answerReads({ 1: bench.record('old', 1) });
    expect(read.found).toEqual([]);
    expect(read.ends).toEqual([expect.stringContaining('NOQUORUM')]);
  });

  it('takes what all others have when there are no more', () => {
    bench = new CoreBench(2);
    bench.onDisk('k', bench.record('new', 2));
    bench.damage('k');
    const read = bench.begin('k', null);
    bench.disk.settle();
    bench.answerReads({ 1: bench.record('new', 2) });
    expect(read.found).toEqual(['new']);
    bench.damaged.tick(bench.now, bench.now);
    bench.disk.settle();
    bench.answerReads({ 1: bench.record('new', 2) });
    bench.disk.settle();
    expect(bench.disk.store.peek(0, 'k')?.record?.siblings[0].payload).toBe('new');
  });

  it('leaves alone what the disk could not give: it may be sound and hold more', () => {
    bench.onDisk('k', bench.record('new', 2));
    bench.disk.readFailure = new Error('EIO');
    const read = bench.begin('k', null);
    bench.disk.settle();
    bench.disk.readFailure = null;
    bench.answerReads({ 1: bench.record('old', 1), 2: bench.record('old', 1) });
    bench.answerReads({ 1: bench.record('old', 1), 2: bench.record('old', 1) });
    bench.disk.settle();
    expect(read.found).toEqual(['old']);
    expect(bench.load('k')).toBe('new');
  });

  it('writes nothing over what the disk could not give', () => {
    bench.onDisk('k', bench.record('new', 2));
    bench.disk.readFailure = new Error('EIO');
    const write = bench.begin('k', '+');
    bench.disk.settle();
    bench.disk.readFailure = null;
    for (let i = 0; i < 3; i++) bench.answerReads({ 1: bench.record('old', 1), 2: bench.record('old', 1) });
    bench.disk.settle();
    expect(write.found).toEqual([]);
    expect(write.ends).toEqual([expect.stringContaining('read failed')]);
    expect(bench.load('k')).toBe('new');
  });

  it('reads again what a failed commit took out of the cache', () => {
    bench.inCache('k', bench.record('b', 2));
    const entry = bench.store.pin(0, bench.slot, 'k');
    bench.disk.writeFailure = new Error('the disk is full');
    bench.store.put(entry, bench.record('c', 3));
    bench.disk.endTurn();
    const read = bench.begin('k', null);
    bench.disk.answer();
    bench.disk.writeFailure = null;
    for (let i = 0; i < 3; i++) bench.answerReads({ 1: bench.record('a', 1), 2: bench.record('a', 1) });
    bench.disk.settle();
    for (let i = 0; i < 3; i++) bench.answerReads({ 1: bench.record('a', 1), 2: bench.record('a', 1) });
    bench.disk.settle();
    bench.confirmAll();
    expect(read.found).toEqual(['b']);
    expect(bench.load('k')).toBe('b');
  });
});

describe('copies that are damaged elsewhere', () => {
  const answerWith = (damaged: readonly number[], others: KeyRecord): void => {
    for (const { peer, type, id, value } of bench.sent()) {
      if (type !== Message.Read) continue;
      bench.coordinator.reads.answered(peer, id, (read) => {
        if (damaged.includes(peer)) read.damaged(peer);
        else if (value === 1) read.full(peer, others);
        else read.digest(peer, 1, 1);
      });
    }
  };

  it('are made up for by all the others, at ALL as well', () => {
    bench.inCache('k', bench.record('old', 1));
    const read = bench.begin('k', null, -2);
    for (let i = 0; i < 3; i++) answerWith([1], bench.record('new', 2));
    expect(read.found).toEqual(['new']);
  });

  it('leave the last word to the one that can be read', () => {
    bench.inCache('k', bench.record('left', 1));
    const read = bench.begin('k', null);
    for (let i = 0; i < 3; i++) answerWith([1, 2], bench.record('never', 2));
    expect(read.found).toEqual(['left']);
  });
});

describe('a read at a quorum of a cluster that is not sloppy', () => {
  const differ = (): ReturnType<CoreBench['begin']> => {
    bench.inCache('k', bench.record('new', 2));
    bench.sent();
    const read = bench.begin('k', null);
    for (let i = 0; i < 2; i++) bench.answerReads({ 1: bench.record('old', 1), 2: bench.record('old', 1) });
    return read;
  };

  it('tells what it found only once every later quorum will find it too', () => {
    const read = differ();
    expect(read.found).toEqual([]);
    expect(bench.confirmAll()).toBe(1);
    expect(read.found).toEqual(['new']);
    expect(bench.coordinator.inFlight).toBe(0);
  });

  it('gives it to another home replica when the stale one does not take it', () => {
    const read = differ();
    bench.confirmAll(false);
    expect(read.found).toEqual([]);
    bench.confirmAll();
    expect(read.found).toEqual(['new']);
  });

  it('fails when nobody takes it, and when the answer does not come', () => {
    const read = differ();
    bench.confirmAll(false);
    bench.confirmAll(false);
    expect(read.ends).toEqual([expect.stringContaining('could not be confirmed')]);
    const late = differ();
    bench.now += 5000;
    bench.coordinator.tick();
    expect(late.ends).toEqual([expect.stringContaining('could not be confirmed')]);
    expect(bench.coordinator.inFlight).toBe(0);
  });

  it('does not wait where all agree, nor at ONE, nor in a sloppy cluster', () => {
    bench.inCache('k', bench.record('new', 2));
    const read = bench.begin('k', null);
    bench.answerReads({ 1: bench.record('new', 2), 2: bench.record('new', 2) });
    expect(read.ends).toEqual([null]);
    expect(bench.begin('k', null, 1).ends).toEqual([null]);
    bench = new CoreBench(3, true);
    expect(differ().ends).toEqual([null]);
  });
});

describe('a read that waits for the log', () => {
  it('fails when the commit of the older of two values it saw failed', () => {
    bench = new CoreBench(1);
    bench.inCache('a', bench.record('a', 1));
    bench.inCache('b', bench.record('b', 1));
    bench.begin('a', '2');
    bench.disk.writeFailure = new Error('the disk is full');
    bench.disk.endTurn();
    bench.begin('b', '2');
    const read = bench.begin('a', null, 1, 'b');
    bench.disk.writeFailure = null;
    bench.disk.settle();
    expect(read.ends).toEqual([expect.stringContaining('MISCONF')]);
  });

  it('waits as well when it asked a quorum and its own copy is not in the log yet', () => {
    bench.inCache('k', bench.record('a', 1));
    const entry = bench.store.pin(0, bench.slot, 'k');
    bench.store.put(entry, bench.record('b', 2));
    const read = bench.begin('k', null);
    bench.answerReads({ 1: bench.record('b', 2), 2: null });
    expect(read.found).toEqual(['b']);
    expect(read.ends).toEqual([]);
    bench.disk.settle();
    expect(read.ends).toEqual([null]);
  });
});

describe('an operation that is linearizable, on a slot with one home', () => {
  const begun: Operation[] = [];
  let operation: TestOperation;

  beforeEach(() => {
    begun.length = 0;
    const registers = { begin: (one: Operation) => void begun.push(one) };
    bench.coordinator.registers = registers as SerialOperations;
    turn('copying', [0]);
    bench.onDisk('k', bench.record('a', 1));
    operation = new TestOperation(bench, 'b');
    operation.serial = true;
    operation.addKey(0, bench.slot, 'k');
  });

  function turn(phase: Phase, homes: readonly number[]): void {
    bench.topology = topologyIn(ringOf(phase, [0], homes), 0, 3, 3, bench.topology);
  }

  it('needs no agreement', () => {
    bench.coordinator.begin(operation);
    bench.disk.settle();
    expect([operation.found, operation.ends]).toEqual([['a'], [null]]);
    expect(begun).toEqual([]);
  });

  it('goes to the register when there are several by the time its key is loaded', () => {
    bench.coordinator.begin(operation);
    turn('joint', [0, 1, 2]);
    bench.disk.settle();
    expect([operation.found, operation.ends]).toEqual([[], []]);
    expect(begun).toEqual([operation]);
    expect(operation.places[0].entry).toBe(undefined);
    expect(bench.store.pin(0, bench.slot, 'k').pins).toBe(1);
  });
});
