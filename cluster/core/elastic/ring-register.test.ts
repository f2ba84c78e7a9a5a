import { describe, expect, it } from 'vitest';
import { joining, leaving, RingBus, type RingNode } from './ring-bus.test-support.js';
import { ringText } from './ring-json.js';
import { IN_DOUBT, NOT_DECIDED } from './ring-proposals.js';
import { advanced, everybody, type RingState } from './ring-state.js';

function namesIn(ring: RingState): string {
  return everybody(ring)
    .map(({ name }) => name)
    .sort()
    .join('');
}

function busOf(seed: number, members: string, others = ''): RingBus {
  const bus = new RingBus(seed, members, others);
  bus.settle();
  return bus;
}

/** All of them go by one ring. */
function oneRing(bus: RingBus): RingState {
  const rings = [...bus.nodes.values()].flatMap(({ ring }) => ring ?? []);
  expect(new Set(rings.map(ringText)).size).toBe(1);
  expect(bus.violations).toEqual([]);
  return rings[0];
}

function roughly(bus: RingBus): void {
  bus.loss = 0.2;
  bus.doubled = 0.2;
  bus.disorder = true;
}

describe('a change of the ring', () => {
  it('is decided by the members, kept, and told to all and to whom it takes in', () => {
    const bus = busOf(1, 'abc', 'd');
    bus.node('b').change(joining('d'));
    expect(bus.runUntil(() => bus.reached(2) && bus.node('d').ring !== undefined)).toBe(true);
    expect(bus.node('b').ends).toEqual([null]);
    const ring = oneRing(bus);
    expect(ring).toMatchObject({ epoch: 2, phase: 'copying' });
    expect(namesIn(ring)).toBe('abcd');
    for (const name of 'abcd') expect(ringText(bus.crash(name)().ring!)).toBe(ringText(ring));
  });

  it('is refused with the reason its own rule gives, and nothing is voted on', () => {
    const bus = busOf(1, 'abc');
    bus.node('a').change(() => 'no such member');
    expect(bus.node('a').ends).toEqual(['no such member']);
    bus.run(1000);
    expect(oneRing(bus).epoch).toBe(1);
  });

  it('is nothing where it is so already', () => {
    const bus = busOf(1, 'abc');
    bus.node('a').change(joining('b'));
    expect(bus.node('a').ends).toEqual([null]);
    expect(oneRing(bus).epoch).toBe(1);
  });

  it('is done at once by a node alone', () => {
    const bus = busOf(1, 'a', 'b');
    bus.node('a').change(joining('b'));
    expect(bus.runUntil(() => bus.node('b').ring !== undefined)).toBe(true);
    expect(oneRing(bus).epoch).toBe(2);
  });

  it('is not gone by before it is on the disk: a node whose disk fails stays behind, and comes after', () => {
    const bus = busOf(1, 'abc', 'd');
    const c = bus.node('c');
    c.disk.writeFailure = new Error('full');
    bus.node('a').change(joining('d'));
    expect(bus.runUntil(() => bus.node('b').ring!.epoch === 2)).toBe(true);
    bus.run(2000);
    expect(c.ring!.epoch).toBe(1);
    c.disk.writeFailure = null;
    expect(bus.runUntil(() => c.ring!.epoch === 2)).toBe(true);
  });

  it('a member that was away is told when it is seen to be behind', () => {
    const bus = busOf(1, 'abc', 'd');
    const back = bus.crash('c');
    bus.node('a').change(joining('d'));
    expect(bus.runUntil(() => bus.reached(2))).toBe(true);
    const c = back();
    expect(c.ring!.epoch).toBe(1);
    bus.node('a').register.sawEpoch(bus.names.indexOf('c'), 1);
    expect(bus.runUntil(() => c.ring!.epoch === 2)).toBe(true);
  });

  it('a node behind that asks for a vote is told first, then gets it', () => {
    const bus = busOf(1, 'abc', 'de');
    bus.isolate('c');
    bus.node('a').change(joining('d'));
    expect(bus.runUntil(() => bus.node('b').ring!.epoch === 2)).toBe(true);
    bus.cut.clear();
    bus.node('c').change(joining('e'));
    expect(bus.runUntil(() => bus.node('c').ends.length > 0)).toBe(true);
    expect(bus.runUntil(() => bus.reached(3))).toBe(true);
    expect(namesIn(oneRing(bus))).toBe('abcde');
  });
});

describe('who cannot change the ring', () => {
  it('a minority: it says that nothing was changed, and nothing is', () => {
    const bus = busOf(1, 'abcde', 'f');
    bus.isolate('ab');
    bus.node('a').change(joining('f'));
    expect(bus.runUntil(() => bus.node('a').ends.length > 0)).toBe(true);
    expect(bus.node('a').ends).toEqual([NOT_DECIDED]);
    bus.cut.clear();
    bus.run(5000);
    expect(oneRing(bus).epoch).toBe(1);
  });

  it('one whose proposal went out and was not confirmed says that it may still happen; it may', () => {
    const bus = busOf(1, 'abc', 'de');
    const a = bus.node('a');
    a.change(joining('d'));
    const b = bus.node('b');
    // Until somebody has accepted it.
    expect(bus.runUntil(() => acceptedBy(b))).toBe(true);
    bus.isolate('a');
    expect(bus.runUntil(() => a.ends.length > 0)).toBe(true);
    expect(a.ends).toEqual([IN_DOUBT]);
    // The next proposer finds it, and has it decided before its own.
    bus.node('c').change(joining('e'));
    expect(bus.runUntil(() => bus.node('c').ends.length > 0)).toBe(true);
    expect(bus.node('c').ends).toEqual([null]);
    bus.cut.clear();
    a.register.sawEpoch(1, 3);
    expect(bus.runUntil(() => bus.reached(3))).toBe(true);
    expect(namesIn(oneRing(bus))).toBe('abcde');
  });

  it('what was proposed and then decided by another is told as done', () => {
    const bus = busOf(1, 'abc', 'de');
    const a = bus.node('a');
    a.change(joining('d'));
    expect(bus.runUntil(() => acceptedBy(bus.node('b')))).toBe(true);
    bus.isolate('a');
    bus.node('c').change(joining('e'));
    expect(bus.runUntil(() => bus.node('c').ring!.epoch === 2)).toBe(true);
    bus.isolate('');
    a.register.sawEpoch(1, 2);
    expect(bus.runUntil(() => a.ends.length > 0)).toBe(true);
    expect(a.ends).toEqual([null]);
  });

  it('too many changes at once are turned away', () => {
    const bus = busOf(1, 'abc');
    bus.isolate('a');
    for (let i = 0; i < 65; i++) bus.node('a').change(joining(`x${i}`));
    expect(bus.node('a').ends).toEqual(['too many changes of the ring are waiting already']);
  });
});

describe('a proposer that dies', () => {
  const steps = Array.from({ length: 40 }, (_, step) => step);

  it.each(steps)('after %i messages: the next goes on from what it left, and all agree', (step) => {
    const bus = busOf(1, 'abc', 'de');
    bus.node('a').change(joining('d'));
    for (let i = 0; i < step; i++) bus.step();
    const back = bus.crash('a');
    bus.node('b').change(joining('e'));
    expect(bus.runUntil(() => bus.node('b').ends.length > 0)).toBe(true);
    expect(bus.node('b').ends).toEqual([null]);
    const a = back();
    bus.run(8000);
    a.change((ring) => (ring.phase === 'copying' ? advanced(ring) : null));
    expect(bus.runUntil(() => bus.all(({ ring }) => ring!.phase === 'joint'))).toBe(true);
    expect(namesIn(oneRing(bus))).toContain('e');
  });
});

describe.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
  'over wires that lose, double and disorder, seed %i',
  (seed) => {
    it('two joins at once: both are in one ring', () => {
      const bus = busOf(seed, 'abc', 'de');
      roughly(bus);
      bus.node('a').change(joining('d'));
      bus.node('b').change(joining('e'));
      expect(bus.runUntil(() => [...'ab'].every((name) => bus.node(name).ends.length > 0))).toBe(true);
      expect(bus.node('a').ends.concat(bus.node('b').ends)).toEqual([null, null]);
      expect(bus.runUntil(() => bus.all(({ ring }) => namesIn(ring!) === 'abcde'))).toBe(true);
      oneRing(bus);
    });

    it('a join and a leave at once: one ring without the one and with the other', () => {
      const bus = busOf(seed, 'abcd', 'e');
      roughly(bus);
      bus.node('c').change(joining('e'));
      bus.node('d').change(leaving('d'));
      expect(bus.runUntil(() => [...'cd'].every((name) => bus.node(name).ends.length > 0))).toBe(true);
      expect(bus.runUntil(() => bus.reached(3))).toBe(true);
      expect(oneRing(bus).other!.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'e']);
    });

    it('all want something, all lose power now and then: no epoch ever has two rings, and what was told is so', () => {
      const bus = busOf(seed, 'abcde', 'fghi');
      roughly(bus);
      const told: { wanted: string; node: RingNode }[] = [];
      const wanted = [...'fghi'];
      const down = new Map<string, () => RingNode>();
      for (let i = 0; i < 2500; i++) {
        bus.step();
        if (wanted.length > 0 && bus.chance() < 0.01) {
          const name = wanted.pop()!;
          const node = [...bus.nodes.values()][Math.floor(bus.chance() * 5)];
          node.register.change(joining(name), (failure) => {
            if (failure === null) told.push({ wanted: name, node });
          });
        }
        if (bus.chance() < 0.005 && down.size < 2) {
          const name = 'abcde'[Math.floor(bus.chance() * 5)];
          if (!down.has(name)) down.set(name, bus.crash(name));
        }
        if (bus.chance() < 0.01) {
          for (const [name, back] of down) {
            down.delete(name);
            back();
            break;
          }
        }
        if (bus.chance() < 0.003) bus.isolate(bus.chance() < 0.5 ? 'ab' : '');
      }
      for (const back of down.values()) back();
      bus.cut.clear();
      bus.loss = 0;
      bus.run(20_000);
      bus.node('a').change(joining('i'));
      bus.node('a').change((ring) => (ring.phase === 'joint' ? null : advanced(ring)));
      expect(bus.runUntil(() => bus.all(({ ring }) => ring!.phase === 'joint'))).toBe(true);
      const names = namesIn(oneRing(bus));
      for (const one of told) expect(names).toContain(one.wanted);
    });
  },
);

/** Whether the node has accepted a ring that it does not know to be decided. */
function acceptedBy({ register, ring }: RingNode): boolean {
  return register.acceptor.about(ring!.epoch + 1).accepted !== null;
}
