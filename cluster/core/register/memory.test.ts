import { beforeEach, describe, expect, it } from 'vitest';
import { checked } from '../../../storage/checked-row.js';
import { NO_BALLOT } from './ballot.js';
import { type Flying, type MemoryNode, MemoryRing } from './memory.test-support.js';
import { AcceptorBench, ballot, SLOT } from './register.test-support.js';
import { MEMORY_ROW, promiseRow, unitRow } from './register-rows.js';

/** Rounds may count on votes of an earlier life for so long, and a little longer, ms. */
const WAIT = 12_500;

let ring: MemoryRing;

/** A cluster of which all nodes have their memory. */
function whole(members: number, replicas = members): void {
  ring = new MemoryRing(members, replicas);
  ring.tick();
  ring.deliver();
  expect(ring.votes()).toEqual(Array(members).fill(true));
}

/** The nodes promise, and accept; it is on their disks. */
function promise(round: number, slot: number, ...members: number[]): void {
  for (const member of members) ring.nodes[member].bench.acceptor.prepare(slot, ballot(round), () => {});
  for (const { bench } of ring.nodes) bench.disk.settle();
}
function accept(round: number, ...members: number[]): void {
  for (const member of members) {
    const { bench } = ring.nodes[member];
    bench.accept(bench.unit(ballot(round), bench.key('{t}a', round)));
    bench.disk.settle();
  }
}

describe('a new cluster', () => {
  beforeEach(() => {
    ring = new MemoryRing(3);
  });

  it('votes as soon as all have told each other that there is nothing to remember', () => {
    expect(ring.votes()).toEqual([false, false, false]);
    ring.tick();
    ring.deliver();
    expect(ring.votes()).toEqual([true, true, true]);
    for (const { bench, memory } of ring.nodes) {
      expect(bench.saved().whole).toBe(true);
      expect(memory.mayVote(SLOT)).toBe(true);
    }
  });

  it('does not vote before that is on the disk, synced', () => {
    ring.tick();
    const [first, ...others] = ring.nodes;
    for (const ask of first.sent()) ring.nodes[ask.to].take(ask);
    for (const other of others) for (const told of other.sent()) if (told.to === 0) first.take(told);
    expect(first.memory.mayVote(SLOT)).toBe(false);
    first.bench.disk.endTurn();
    expect(first.bench.disk.batches.at(-1)).toEqual({ rows: 1, sync: true });
    first.bench.disk.settle();
    expect(first.memory.mayVote(SLOT)).toBe(true);
  });

  it('does not begin while one of its members has not been heard, however long that takes', () => {
    ring.down(2);
    ring.pass(3 * WAIT);
    for (const node of ring.nodes) node.compared();
    expect(ring.votes()).toEqual([false, false, false]);
    ring.up(2);
    ring.pass(2000);
    expect(ring.votes()).toEqual([true, true, true]);
  });

  /** The first two ask everybody, the third asks nobody yet; all are answered. */
  function askBeforeTheThird(): void {
    ring.nodes[2].frames.deaf.add(0).add(1);
    ring.tick();
    const asks = ring.nodes.flatMap((node) => node.sent());
    ring.nodes[2].frames.deaf.clear();
    for (const ask of asks) ring.nodes[ask.to].take(ask);
    ring.deliver();
  }

  it('is new also for who asks a little later, over the same connections', () => {
    askBeforeTheThird();
    expect(ring.votes()).toEqual([true, true, false]);
    ring.pass(2000);
    expect(ring.votes()).toEqual([true, true, true]);
  });

  it('is not new any more for who was away in between: it could have voted', () => {
    askBeforeTheThird();
    ring.down(2);
    ring.up(2);
    ring.pass(2000);
    expect(ring.votes()).toEqual([true, true, false]);
  });

  it('tries again when the disk did not take it', () => {
    const { disk } = ring.nodes[0].bench;
    disk.writeFailure = new Error('full');
    ring.tick();
    ring.deliver();
    expect(ring.votes()).toEqual([false, true, true]);
    // Not again and again on a disk that is known to be full.
    const tries = disk.batches.length;
    ring.tick();
    ring.tick();
    ring.deliver();
    expect(disk.batches).toHaveLength(tries);
    disk.writeFailure = null;
    ring.nodes[0].bench.store.probe();
    ring.deliver();
    ring.pass(100);
    expect(ring.votes()).toEqual([true, true, true]);
  });
});

it('a node alone has nobody to ask', () => {
  ring = new MemoryRing(1);
  expect(ring.votes()).toEqual([false]);
  ring.tick();
  ring.deliver();
  expect(ring.votes()).toEqual([true]);
});

describe('a node whose disk was lost', () => {
  let lost: MemoryNode;
  beforeEach(() => {
    whole(3);
    promise(7, SLOT + 1, 1, 2);
    accept(5, 0, 2);
    lost = ring.comesBack(0);
  });

  it('does not vote, and takes nothing over, before rounds that count on its old votes are over', () => {
    ring.pass(WAIT);
    expect(lost.comparing).toEqual([]);
    expect(lost.memory.mayVote(SLOT)).toBe(false);
    expect(lost.bench.acceptor.promised(SLOT)).toEqual(NO_BALLOT);
    promise(9, SLOT + 1, 1, 2);
    ring.pass(2500);
    expect(lost.bench.acceptor.promised(SLOT + 1)).toEqual(ballot(9));
  });

  it('votes when it has taken over promises and units, and data rows are equal', () => {
    ring.pass(WAIT + 2500);
    expect(lost.bench.acceptor.promised(SLOT)).toEqual(ballot(6));
    expect(lost.bench.acceptor.promised(SLOT + 1)).toEqual(ballot(7));
    expect(lost.bench.held.of(SLOT).map(({ unit }) => unit.ballot)).toEqual([ballot(5)]);
    expect(lost.memory.mayVote(SLOT)).toBe(false);
    expect(lost.compared()).toEqual([1, 2]);
    ring.deliver();
    expect(ring.votes()).toEqual([true, true, true]);
    const saved = lost.bench.saved();
    expect([saved.whole, saved.units.length, saved.promises.get(SLOT + 1)]).toEqual([true, 1, ballot(7)]);
  });

  it('needs both others, since either alone may be the one that does not know', () => {
    ring.down(2);
    ring.pass(WAIT + 2500);
    expect(lost.compared()).toEqual([1]);
    ring.pass(1000);
    expect(lost.memory.mayVote(SLOT)).toBe(false);
    ring.up(2);
    ring.pass(2000);
    expect(lost.compared()).toEqual([2]);
    expect(lost.memory.mayVote(SLOT)).toBe(true);
  });

  it('compares again when that came to nothing, and not twice at a time', () => {
    ring.pass(WAIT + 2500);
    expect(lost.comparing).toHaveLength(2);
    expect(lost.compared('cut off')).toEqual([1, 2]);
    ring.pass(250);
    expect(lost.memory.mayVote(SLOT)).toBe(false);
    expect(lost.compared()).toEqual([1, 2]);
    expect(lost.memory.mayVote(SLOT)).toBe(true);
  });

  it('asks again for what its own disk did not take', () => {
    ring.pass(WAIT);
    const { disk, store } = lost.bench;
    disk.writeFailure = new Error('full');
    ring.pass(5000);
    expect(lost.comparing).toEqual([]);
    disk.writeFailure = null;
    store.probe();
    ring.pass(5000);
    expect(lost.bench.saved().units).toHaveLength(1);
    expect(lost.bench.saved().promises.get(SLOT + 1)).toEqual(ballot(7));
    lost.compared();
    ring.deliver();
    expect(ring.votes()).toEqual([true, true, true]);
  });

  it('asks again what was not answered', () => {
    lost.sent();
    ring.tick();
    expect(lost.sent()).toHaveLength(2);
    ring.tick(900);
    expect(lost.sent()).toEqual([]);
    ring.tick(100);
    expect(lost.sent()).toHaveLength(2);
  });

  it('takes no answer that it has not asked for, or has asked for before', () => {
    ring.pass(WAIT);
    ring.tick(2000);
    const [ask] = lost.sent();
    ring.nodes[ask.to].take(ask);
    const [told] = ring.nodes[ask.to].sent();
    ring.tick(2000);
    lost.sent();
    expect(lost.take(told)).toBe(true);
    expect(lost.take({ ...told, from: 9 })).toBe(true);
    lost.bench.disk.settle();
    expect(lost.bench.acceptor.promised(SLOT + 1)).toEqual(NO_BALLOT);
  });

  it('votes if all others have told it, though one of them is without memory as well', () => {
    const second = ring.comesBack(1);
    ring.pass(WAIT + 2500);
    expect(lost.compared()).toEqual([1, 2]);
    expect(second.compared()).toEqual([0, 2]);
    ring.deliver();
    expect(ring.votes()).toEqual([true, true, true]);
    expect(lost.bench.acceptor.promised(SLOT + 1)).toEqual(ballot(7));
  });
});

describe('of five replicas', () => {
  let lost: MemoryNode;
  /** Takes over from all but the last. */
  function recover(): void {
    lost = ring.comesBack(0);
    ring.down(4);
    ring.pass(WAIT + 2500);
    expect(lost.compared()).toEqual([1, 2, 3]);
    ring.deliver();
  }
  beforeEach(() => {
    whole(5);
    promise(7, SLOT, 2, 3, 4);
  });

  it('three that remember are enough', () => {
    recover();
    expect(lost.memory.complete).toBe(true);
    expect(lost.bench.acceptor.promised(SLOT)).toEqual(ballot(7));
  });

  it('three are not enough if one of them is without memory as well', () => {
    ring.comesBack(1);
    recover();
    expect(lost.memory.mayVote(SLOT)).toBe(false);
    ring.up(4);
    ring.pass(2500);
    lost.compared();
    expect(lost.memory.mayVote(SLOT)).toBe(true);
  });

  it('three are not enough if one of them has lost a part of its memory', () => {
    const { disk } = ring.nodes[1].bench;
    const batch = disk.engine.batch();
    batch.put(promiseRow(SLOT), Buffer.from('rubbish'));
    batch.write(true, () => {});
    disk.settle();
    ring.comesBack(1, new AcceptorBench(disk));
    recover();
    expect(lost.memory.mayVote(SLOT)).toBe(false);
  });
});

describe('a node with a damaged row', () => {
  let damaged: MemoryNode;
  function damage(row: Buffer, value: Buffer = Buffer.from('rubbish')): void {
    const { bench } = ring.nodes[0];
    const batch = bench.disk.engine.batch();
    batch.put(row, value);
    batch.write(true, () => {});
    bench.disk.settle();
    ring.comesBack(0, new AcceptorBench(bench.disk));
    [damaged] = ring.nodes;
  }
  beforeEach(() => {
    whole(3);
    accept(5, 0, 1);
  });

  it.each([
    ['promise', promiseRow(SLOT)],
    ['unit', unitRow({ slot: SLOT, ballot: ballot(5) })],
  ])('does not vote in the slot of that %s, until it has taken over what others remember', (_, row) => {
    damage(row);
    expect([damaged.memory.mayVote(SLOT), damaged.memory.mayVote(SLOT + 1)]).toEqual([false, true]);
    expect(damaged.memory.complete).toBe(false);
    ring.pass(WAIT + 2500);
    damaged.compared();
    ring.deliver();
    expect(ring.votes()).toEqual([true, true, true]);
    expect(damaged.bench.acceptor.promised(SLOT)).toEqual(ballot(6));
    expect(damaged.bench.held.of(SLOT)).toHaveLength(1);
  });

  it('that was written whole, but that it cannot read, is as damaged as others', () => {
    const row = unitRow({ slot: SLOT, ballot: ballot(5) });
    damage(row, checked(Buffer.from('of another program')));
    expect([damaged.memory.mayVote(SLOT), damaged.memory.mayVote(SLOT + 1)]).toEqual([false, true]);
    ring.pass(WAIT + 2500);
    damaged.compared();
    ring.deliver();
    expect(ring.votes()).toEqual([true, true, true]);
    expect(damaged.bench.held.of(SLOT)).toHaveLength(1);
  });

  it('that says whether it remembers at all does not', () => {
    const { bench } = ring.nodes[0];
    const batch = bench.disk.engine.batch();
    batch.del(MEMORY_ROW);
    batch.write(true, () => {});
    bench.disk.settle();
    expect(ring.comesBack(0, new AcceptorBench(bench.disk)).memory.mayVote(SLOT)).toBe(false);
  });
});

describe('what is told', () => {
  it('comes in parts: many slots', () => {
    whole(3);
    for (let slot = 0; slot < 1300; slot++) promise(slot + 1, slot, 1, 2);
    const lost = ring.comesBack(0);
    ring.pass(WAIT);
    const asks: Flying[] = [];
    for (let i = 0; i < 8; i++) {
      ring.tick(1000);
      const all = lost.sent();
      asks.push(...all.filter(({ to }) => to === 1));
      for (const ask of all) ring.nodes[ask.to].take(ask);
      ring.deliver();
    }
    expect(asks.map(({ body }) => body.readUInt16BE(4))).toEqual([0, 512, 1024]);
    for (let slot = 0; slot < 1300; slot += 100)
      expect(lost.bench.acceptor.promised(slot)).toEqual(ballot(slot + 1));
    expect(lost.comparing).toHaveLength(2);
  });

  it('is of slots only of which both are homes', () => {
    whole(5, 3);
    const { topology } = ring.nodes[1];
    const slots = Array.from({ length: 300 }, (_, slot) => slot);
    for (const slot of slots) promise(3, slot, ...topology.homes(slot));
    const lost = ring.comesBack(0);
    ring.pass(WAIT + 2500);
    for (const slot of slots)
      expect(lost.bench.acceptor.promised(slot)).toEqual(
        topology.homes(slot).includes(0) ? ballot(3) : NO_BALLOT,
      );
  });
});

describe('a garbled message', () => {
  let lost: MemoryNode;
  let ask: Flying;
  let told: Flying;
  beforeEach(() => {
    whole(3);
    accept(5, 1, 2);
    lost = ring.comesBack(0);
    ring.pass(WAIT);
    ring.tick(2000);
    [ask] = lost.sent();
    ring.nodes[ask.to].take(ask);
    [told] = ring.nodes[ask.to].sent();
  });

  it('is refused, wherever it was cut off or goes on', () => {
    for (const [node, message] of [
      [ring.nodes[ask.to], ask],
      [lost, told],
    ] as const) {
      for (let length = 0; length < message.body.length; length++)
        expect(node.take({ ...message, body: message.body.subarray(0, length) })).toBe(false);
      expect(node.take({ ...message, body: Buffer.concat([message.body, Buffer.from([0])]) })).toBe(false);
    }
    expect(lost.bench.acceptor.promised(SLOT)).toEqual(NO_BALLOT);
    expect(lost.take(told)).toBe(true);
    expect(lost.bench.acceptor.promised(SLOT)).toEqual(ballot(6));
  });

  it('is refused when it asks for slots that there are not', () => {
    const body = Buffer.from(ask.body);
    body.writeUInt16BE(16384, 4);
    expect(ring.nodes[ask.to].take({ ...ask, body })).toBe(false);
  });

  it('never throws, whatever byte of it is wrong', () => {
    for (let at = 0; at < told.body.length; at++)
      for (const flip of [1, 0x80, 0xff]) {
        const body = Buffer.from(told.body);
        body[at] ^= flip;
        expect(typeof lost.take({ ...told, body })).toBe('boolean');
      }
  });
});
