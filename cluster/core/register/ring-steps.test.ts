import { beforeEach, describe, expect, it } from 'vitest';
import { Message } from '../../messages.js';
import { ringOf, topologyIn } from '../elastic/rings.test-support.js';
import type { Topology } from '../topology.js';
import { ballot, SLOT } from './register.test-support.js';
import { PutOperation, RegistersBench } from './registers.test-support.js';

const KEY = '{t}k';

let bench: RegistersBench;
let operation: PutOperation;
/** How often the operation was passed on. */
let moved: number;

function turn(topology: Topology): void {
  const before = bench.topology;
  bench.topology = topology;
  bench.registers.ringChanged(topology, before);
}

/** Nodes 0 to 2 were the homes of all slots; from now on they are these. */
function homesAre(...members: readonly number[]): void {
  turn(topologyIn(ringOf('clearing', [0, 1, 2], members), 0, 4, 3, bench.topology));
}

/** The other homes agree to all that they are asked, and so they are asked to accept what the operation writes. */
function propose(): void {
  const request = bench.asked(operation);
  for (const peer of [1, 2]) {
    const asked = { vote: 'yes', promised: { round: 1, proposer: '' } } as const;
    bench.theirs.sendPromise(
      peer,
      request,
      asked,
      [],
      [{ db: 0, key: KEY, a: 0, b: 0 }],
      [bench.loaded(KEY)],
    );
    bench.take(peer, Message.Promise, bench.written());
  }
  bench.settle();
}

beforeEach(() => {
  bench = new RegistersBench();
  moved = 0;
  operation = new PutOperation(KEY, () => bench.registers.write(0, bench.others.record('v', 10)));
  operation.moved = () => void moved++;
});

describe('a node that is no home of a slot any more', () => {
  it('passes on what waits, of which nothing was done', () => {
    bench.asked(operation);
    homesAre(1, 2, 3);
    bench.settle();
    expect([moved, operation.ends]).toEqual([1, []]);
    expect(bench.registers.inFlight).toBe(0);
  });

  it('does not go on with a round of which nobody knows the end: it has no vote to count', () => {
    propose();
    expect(bench.sent(Message.Accept).map(({ peer }) => peer)).toEqual([1, 2]);
    homesAre(1, 2, 3);
    bench.elapsed += 500;
    bench.registers.tick(0, bench.elapsed);
    bench.settle();
    expect(bench.sent(Message.Prepare)).toEqual([]);
    expect(bench.registers.forget(SLOT)).toBe(true);
    bench.elapsed += 2000;
    bench.registers.tick(0, bench.elapsed);
    bench.settle();
    expect(bench.registers.remembers(SLOT)).toBe(false);
    expect(operation.ends).toEqual([expect.stringMatching(/may have been applied/)]);
  });
});

it('the only home of a slot promises nothing to who does not know yet that it is', () => {
  homesAre(0);
  bench.theirs.sendPrepare(1, 5, bench.topology.epoch - 1, SLOT, ballot(9), []);
  bench.take(1, Message.Prepare, bench.written());
  bench.settle();
  expect(bench.registers.remembers(SLOT)).toBe(false);
});

describe('a round under way', () => {
  const stable = (epoch: number): Topology => {
    const ring = { ...ringOf('stable', [0, 1, 2], [0, 1, 2]), epoch };
    return topologyIn(ring, 0, 3, 3, bench.topology);
  };

  it('goes on over a step that leaves the homes as they are', () => {
    bench.asked(operation);
    turn(stable(bench.topology.epoch + 1));
    bench.settle();
    expect(bench.sent(Message.Prepare)).toEqual([]);
  });

  it('begins anew where steps were missed: the homes may have been others in between', () => {
    bench.asked(operation);
    turn(stable(bench.topology.epoch + 2));
    bench.settle();
    expect(bench.sent(Message.Prepare).map(({ peer }) => peer)).toEqual([1, 2]);
  });
});
