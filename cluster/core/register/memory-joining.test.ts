import { describe, expect, it } from 'vitest';
import type { Phase, RingState } from '../elastic/ring-state.js';
import { ringOf, topologyIn } from '../elastic/rings.test-support.js';
import { MemoryNode } from './memory.test-support.js';
import { AcceptorBench, ballot, SLOT } from './register.test-support.js';
import { forgetMemory } from './register-rows.js';

/** Node 3 while it joins nodes 0, 1 and 2. */
function joining(phase: Phase, bench = new AcceptorBench(), identity?: string): MemoryNode {
  const ring = ringOf(phase, [0, 1, 2], [0, 1, 2, 3]);
  const other = ring.other?.map((member) =>
    member.name === 'node3' && identity !== undefined ? { ...member, nodeId: identity } : member,
  );
  const topology = topologyIn({ ...ring, other: other ?? null }, 3, 4);
  return new MemoryNode(3, 4, 3, bench, topology);
}

function votes(node: MemoryNode): boolean {
  node.memory.tick(0, 50);
  node.bench.disk.settle();
  return node.memory.complete;
}

describe('a node that joins', () => {
  it.each(['copying', 'joint', 'sealed'] as const)(
    'votes at once: it has nothing to remember (%s)',
    (phase) => {
      const node = joining(phase);
      expect(votes(node)).toBe(true);
      expect(node.bench.saved().whole).toBe(true);
      expect(node.sent()).toEqual([]);
    },
  );

  it('does not when it has joined under another identity: its disk was lost since', () => {
    expect(votes(joining('joint', new AcceptorBench(), 'f'.repeat(32)))).toBe(false);
  });

  it('does not when its disk has been voted with, and is not what it was', () => {
    const bench = new AcceptorBench();
    bench.prepare(ballot(3));
    bench.disk.settle();
    expect(votes(joining('joint', new AcceptorBench(bench.disk)))).toBe(false);
    const set = new AcceptorBench();
    forgetMemory(set.disk.engine, () => {});
    set.disk.settle();
    expect(votes(joining('joint', set))).toBe(false);
  });

  it('does not once the change is decided: it was a home before', () => {
    expect(votes(joining('clearing'))).toBe(false);
  });
});

it('a node that is no member yet does not take itself for whole', () => {
  const topology = topologyIn(ringOf('stable', [0, 1, 2], []), 3, 4);
  expect(votes(new MemoryNode(3, 4, 3, new AcceptorBench(), topology))).toBe(false);
});

describe('what is taken over for others', () => {
  function told(): { node: MemoryNode; teller: MemoryNode; done: boolean[] } {
    const node = joining('sealed');
    votes(node);
    const teller = new MemoryNode(
      0,
      4,
      3,
      new AcceptorBench(),
      topologyIn(ringOf('sealed', [0, 1, 2], [0, 1, 2, 3]), 0, 4),
    );
    const shared = [...node.topology.isHome.keys()].filter((slot) => node.topology.homes(slot).includes(3));
    for (const slot of shared.slice(0, 600)) teller.bench.acceptor.adopt(slot, ballot(slot + 1), []);
    teller.bench.disk.settle();
    const done: boolean[] = [];
    const wanted = new Set(shared.slice(100, 600));
    node.memory.takeOver(
      0,
      (slot) => wanted.has(slot),
      (isWhole) => done.push(isWhole),
    );
    return { node, teller, done };
  }

  function pass(node: MemoryNode, teller: MemoryNode): void {
    for (let i = 1; i <= 8; i++) {
      node.memory.tick(0, 50 + i * 50);
      for (const one of node.sent()) teller.take(one);
      for (const one of teller.sent()) node.take(one);
      node.bench.disk.settle();
    }
  }

  it('is of the slots that are wanted, in parts, and is on the disk then', () => {
    const { node, teller, done } = told();
    pass(node, teller);
    const { promises } = node.bench.saved();
    expect(promises.size).toBe(500);
    for (const [slot, promised] of promises) expect(promised).toEqual(ballot(slot + 1));
    // The teller lacks its own memory: it has just started.
    expect(done).toEqual([false]);
  });

  it('is asked for again when the disk has not taken it', () => {
    const { node, teller, done } = told();
    node.bench.disk.writeFailure = new Error('full');
    pass(node, teller);
    expect(done).toEqual([]);
    node.bench.disk.writeFailure = null;
    node.bench.store.probe();
    node.bench.disk.settle();
    for (let i = 0; i < 4; i++) {
      node.memory.tick(0, 2000 * (i + 1));
      for (const one of node.sent()) teller.take(one);
      for (const one of teller.sent()) node.take(one);
      node.bench.disk.settle();
    }
    node.memory.tick(0, 10_000);
    expect(done).toEqual([false]);
    expect(node.bench.saved().promises.size).toBe(500);
  });

  it('is not waited for when the ring has changed', () => {
    const { node, teller, done } = told();
    node.memory.ringChanged();
    pass(node, teller);
    expect([done, node.sent()]).toEqual([[], []]);
    expect(node.bench.acceptor.promised(SLOT).round).toBe(0);
  });
});

describe('a node whose disk was lost, while slots move', () => {
  /** Node 0 has come back without its disk; these have told it everything. */
  function regained(ring: RingState, tellers: readonly number[]): MemoryNode {
    const node = new MemoryNode(0, 4, 3, new AcceptorBench(), topologyIn(ring, 0, 4));
    const others = tellers.map(
      (self) => new MemoryNode(self, 4, 3, new AcceptorBench(), topologyIn(ring, self, 4)),
    );
    for (let at = 0; at < 20_000; at += 250) {
      node.memory.tick(0, at);
      for (const one of node.sent()) others.find(({ self }) => self === one.to)?.take(one);
      for (const other of others) for (const one of other.sent()) node.take(one);
      node.bench.disk.settle();
    }
    node.compared();
    node.bench.disk.settle();
    return node;
  }

  it('needs the homes of both sides: who is only becoming one knows nothing of before', () => {
    const ring = ringOf('joint', [0, 1, 2], [0, 1, 3]);
    expect(regained(ring, [1, 3]).memory.complete).toBe(false);
    expect(regained(ring, [1, 2, 3]).memory.complete).toBe(true);
  });

  it('keeps what it has regained when the ring changes', () => {
    const { memory, topology } = regained(ringOf('stable', [0, 1, 2, 3], []), [1, 2]);
    const slot = [...topology.isHome.keys()].find(
      (one) => [...topology.homes(one)].sort().join() === '0,1,2',
    )!;
    const other = topology.isHome.findIndex((is, one) => is === 1 && topology.homes(one).includes(3));
    expect([memory.mayVote(slot), memory.mayVote(other)]).toEqual([true, false]);
    memory.ringChanged();
    expect([memory.mayVote(slot), memory.mayVote(other)]).toEqual([true, false]);
  });
});
