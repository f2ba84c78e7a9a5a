import { describe, expect, it } from 'vitest';
import { StoreBench } from '../../../storage/record-store.test-support.js';
import { NO_BALLOT } from '../register/ballot.js';
import { ballot } from '../register/register.test-support.js';
import { forgetMemory } from '../register/register-rows.js';
import { RING_VOTES_ROW, RingAcceptor, readVotes } from './ring-acceptor.js';
import { joining, memberNamed, RingBus, ringOfNames } from './ring-bus.test-support.js';
import { RingMemory } from './ring-memory.js';
import { advanced, changed, type RingState } from './ring-state.js';

const WAIT_MS = 6250;

function busOf(members: string, others = ''): RingBus {
  const bus = new RingBus(1, members, others);
  bus.settle();
  return bus;
}

describe('a node that has lost its votes', () => {
  it('does not vote before rounds that may count on them are over', () => {
    const bus = busOf('abc', 'd');
    const c = bus.losesDisk('c');
    bus.crash('b');
    bus.run(WAIT_MS + 3000);
    // Of two others only one answers: not enough.
    expect(c.register.remembers).toBe(false);
    bus.node('a').change(joining('d'));
    expect(bus.runUntil(() => bus.node('a').ends.length > 0)).toBe(true);
    expect(bus.node('a').ring!.epoch).toBe(1);
  });

  it('takes over what the others remember, and votes again, also after its next start', () => {
    const bus = busOf('abc', 'd');
    const c = bus.losesDisk('c');
    bus.run(WAIT_MS - 1000);
    expect(c.register.remembers).toBe(false);
    expect(bus.runUntil(() => c.register.remembers, 3000)).toBe(true);
    const again = bus.crash('c')();
    expect(again.register.remembers).toBe(true);
    bus.crash('b');
    bus.node('a').change(joining('d'));
    expect(bus.runUntil(() => bus.reached(2))).toBe(true);
  });

  it('is not what makes a second ring of an epoch out of the one it has decided with another', () => {
    // a and c decide; b hears nothing of it, and c forgets.
    const bus = busOf('abc', 'de');
    bus.isolate('ac');
    bus.node('a').change(joining('d'));
    expect(bus.runUntil(() => bus.node('a').ring!.epoch === 2)).toBe(true);
    const first = ringOfNames('a', 'b', 'c');
    bus.crash('c');
    const c = bus.start('c', first);
    bus.isolate('bc');
    bus.node('b').change(joining('e'));
    bus.run(30_000);
    expect(bus.node('b').ring!.epoch).toBe(1);
    expect(c.register.remembers).toBe(false);
    bus.cut.clear();
    bus.node('a').register.sawEpoch(bus.names.indexOf('c'), 1);
    bus.node('a').register.sawEpoch(bus.names.indexOf('b'), 1);
    expect(bus.runUntil(() => bus.reached(2))).toBe(true);
    expect(bus.violations).toEqual([]);
  });

  it('in a cluster that is new, everybody votes at once', () => {
    const bus = new RingBus(1, 'abc', 'd');
    bus.node('a').change(joining('d'));
    expect(bus.runUntil(() => bus.reached(2), 3000)).toBe(true);
    expect(bus.all(({ register }) => register.remembers)).toBe(true);
  });

  it('if all have, they go on from nothing', () => {
    const bus = busOf('abc', 'd');
    for (const name of 'abc') bus.losesDisk(name);
    expect(bus.runUntil(() => bus.all(({ register }) => register.remembers), 10_000)).toBe(true);
    bus.node('a').change(joining('d'));
    expect(bus.runUntil(() => bus.reached(2))).toBe(true);
  });

  it('a damaged row is no memory', () => {
    const { disk } = busOf('abc').node('a');
    const [row] = rowsOf(disk);
    expect(readVotes(row)).toMatchObject({ whole: true, accepted: null });
    row![row!.length - 1] ^= 1;
    expect(readVotes(row)).toMatchObject({ epoch: 0, whole: false });
  });
});

describe('nodes that join', () => {
  /** The ring of these until now, and the next step of its change asked for at a. */
  function step(bus: RingBus): void {
    const { epoch } = bus.node('a').ring!;
    bus.node('a').change((ring) => (ring.epoch === epoch ? advanced(ring) : null));
    expect(bus.runUntil(() => bus.reached(epoch + 1), 3000)).toBe(true);
  }

  /** Nodes b to e join a, and nobody has been there for long. */
  function joined(lost?: string): RingBus {
    const bus = new RingBus(1, 'a', 'bcde');
    bus.settle();
    const all = [...'abcde'].map(memberNamed);
    bus.node('a').change((ring) => (ring.epoch === 1 ? changed(ring, all) : null));
    bus.runUntil(() => bus.node('a').ring!.epoch === 2, 3000);
    if (lost !== undefined) bus.losesDisk(lost);
    for (const peer of bus.names.keys()) bus.node('a').register.sawEpoch(peer, 0);
    expect(bus.runUntil(() => bus.reached(2), 3000)).toBe(true);
    for (const phase of ['joint', 'sealed', 'clearing']) {
      step(bus);
      expect(bus.node('a').ring!.phase).toBe(phase);
    }
    return bus;
  }

  it('vote as soon as they are members, so one of them may die at once', () => {
    const bus = joined();
    expect(bus.elapsed).toBeLessThan(WAIT_MS);
    expect(bus.all(({ register }) => register.remembers)).toBe(true);
    bus.crash('e');
    step(bus);
    expect(bus.violations).toEqual([]);
  });

  it('do not if they have lost their disk since', () => {
    const bus = joined('c');
    expect(bus.node('c').register.remembers).toBe(false);
    expect(bus.node('d').register.remembers).toBe(true);
  });

  it('do not if their disk was set back, which says so', () => {
    const disk = new StoreBench();
    forgetMemory(disk.engine, () => {});
    disk.settle();
    const [row] = rowsOf(disk);
    const acceptor = new RingAcceptor(disk.store, readVotes(row), () => true);
    expect([acceptor.blank, acceptor.whole, acceptor.remembers(2)]).toEqual([false, false, false]);
  });
});

describe.each([1, 2, 3, 4, 5])('disks are lost in the middle of votes, seed %i', (seed) => {
  it('one after the other: no epoch ever has two rings, and all vote again', () => {
    const bus = new RingBus(seed, 'abcde', 'vwxyz');
    bus.settle();
    bus.loss = 0.1;
    bus.doubled = 0.1;
    bus.disorder = true;
    for (const name of 'vwxyz') {
      const by = 'abcde'[Math.floor(bus.chance() * 5)];
      bus.node(by).change(joining(name));
      for (let i = Math.floor(bus.chance() * 60); i > 0; i--) bus.step();
      const lost = 'abcde'[Math.floor(bus.chance() * 5)];
      bus.losesDisk(lost);
      const other = 'abcde'[Math.floor(bus.chance() * 5)];
      bus.node(other).change(joining(name.toUpperCase()));
      expect(bus.runUntil(() => bus.all(({ register }) => register.remembers))).toBe(true);
    }
    expect(bus.violations).toEqual([]);
    expect(bus.history.size).toBeGreaterThan(5);
  });
});

describe('what was taken over', () => {
  const sealed: RingState = {
    epoch: 4,
    phase: 'sealed',
    current: ['p', 'q', 'x'].map(memberNamed),
    other: ['x', 'y', 'z'].map(memberNamed),
    gone: [],
  };

  /** The memory of x, which has lost it, and what it asks. */
  function lost() {
    const disk = new StoreBench();
    let ring: RingState = sealed;
    const acceptor = new RingAcceptor(disk.store, undefined, (epoch) => epoch === ring.epoch + 1);
    const asked: { name: string; epoch: number; id: number }[] = [];
    const memory = new RingMemory({
      ring: () => ring,
      self: () => 'x',
      nodeId: 'another',
      acceptor,
      ask: (name, epoch) => asked.push({ name, epoch, id: asked.length }) - 1,
    });
    memory.tick(0);
    memory.tick(WAIT_MS + 1);
    return {
      disk,
      memory,
      acceptor,
      asked,
      ringIs: (next: RingState) => {
        ring = next;
      },
    };
  }

  const nothing = { promised: ballot(3), accepted: null, whole: true, fresh: false };

  it('where nobody has accepted anything is good for all that comes', () => {
    const { memory, acceptor, asked, disk } = lost();
    for (const { name, id } of asked.slice(2)) memory.answered(name, id, nothing);
    disk.settle();
    expect(acceptor.whole).toBe(true);
    expect(acceptor.about(5).promised).toEqual(ballot(3));
    expect(acceptor.remembers(6)).toBe(true);
  });

  it('where somebody has, is good for that epoch only: there may have been votes on the next one', () => {
    const { memory, acceptor, asked, disk, ringIs } = lost();
    const clearing = advanced(sealed)!;
    const accepted = { ballot: ballot(2), ring: clearing };
    const older = { ballot: ballot(1), ring: { ...clearing, other: [memberNamed('p')] } };
    const [p, q] = asked.slice(2);
    memory.answered(p.name, p.id, { ...nothing, accepted });
    memory.answered(q.name, q.id, { ...nothing, accepted: older });
    disk.settle();
    expect(acceptor.about(5).accepted).toEqual(accepted);
    expect(acceptor.remembers(5)).toBe(true);
    ringIs(clearing);
    expect(acceptor.remembers(6)).toBe(false);
    memory.tick(WAIT_MS + 100);
    expect(asked.slice(4)).toMatchObject([
      { name: 'y', epoch: 6 },
      { name: 'z', epoch: 6 },
    ]);
    let vote = '';
    acceptor.prepare(6, ballot(9), (one) => {
      vote = one.vote;
    });
    expect(vote).toBe('none');
  });

  it('counts only what was answered to what was asked in earnest', () => {
    const { memory, acceptor, asked, disk } = lost();
    // Asked before the wait was over.
    for (const { name, id } of asked.slice(0, 2)) memory.answered(name, id, nothing);
    disk.settle();
    expect(acceptor.remembers(5)).toBe(false);
    const [p, q] = asked.slice(2);
    memory.answered(p.name, p.id, nothing);
    memory.answered(p.name, p.id, nothing);
    disk.settle();
    expect(acceptor.remembers(5)).toBe(false);
    memory.answered(q.name, q.id, { ...nothing, whole: false });
    disk.settle();
    // All others: better than nothing, though one has forgotten as well.
    expect(acceptor.remembers(5)).toBe(true);
  });
});

describe('an acceptor', () => {
  const next = changed(ringOfNames('a', 'b', 'c'), [memberNamed('a')])!;

  function acceptorOf(disk: StoreBench) {
    const [row] = rowsOf(disk);
    return new RingAcceptor(disk.store, readVotes(row), (epoch) => epoch === 2);
  }

  function ready() {
    const disk = new StoreBench();
    const acceptor = acceptorOf(disk);
    acceptor.adopt({ epoch: 2, promised: NO_BALLOT, accepted: null, whole: true }, () => {});
    disk.settle();
    return { disk, acceptor };
  }

  it('says nothing before it is on the disk, and keeps it through a loss of power', () => {
    const { disk, acceptor } = ready();
    const said: string[] = [];
    acceptor.prepare(2, ballot(5), ({ vote }) => said.push(vote));
    expect(said).toEqual([]);
    disk.settle();
    expect(said).toEqual(['yes']);
    acceptor.accept(ballot(5), next, ({ vote }) => said.push(vote));
    expect(said).toEqual(['yes']);
    disk.settle();
    const later = acceptorOf(new StoreBench(undefined, disk.diskAfterPowerLoss()));
    expect(later.about(2)).toMatchObject({
      promised: ballot(5),
      accepted: { ballot: ballot(5), ring: next },
    });
    later.prepare(2, ballot(4), ({ vote }) => said.push(vote));
    later.accept(ballot(4), next, ({ vote }) => said.push(vote));
    expect(said).toEqual(['yes', 'yes', 'no', 'no']);
  });

  it('whose disk fails has not answered', () => {
    const { disk, acceptor } = ready();
    const said: string[] = [];
    disk.writeFailure = new Error('full');
    acceptor.prepare(2, ballot(5), ({ vote }) => said.push(vote));
    disk.settle();
    expect(said).toEqual(['none']);
  });

  it('has no vote on another epoch than the next, nor for a ballot that would use up the numbers', () => {
    const { acceptor } = ready();
    const said: string[] = [];
    acceptor.prepare(3, ballot(5), ({ vote }) => said.push(vote));
    acceptor.prepare(2, ballot(2 ** 33), ({ vote }) => said.push(vote));
    acceptor.accept(ballot(2 ** 33), next, ({ vote }) => said.push(vote));
    expect(said).toEqual(['none', 'none', 'none']);
  });
});

function rowsOf(disk: StoreBench): (Buffer | undefined)[] {
  let rows: (Buffer | undefined)[] = [];
  disk.engine.getMany([RING_VOTES_ROW], (_, found) => {
    rows = found;
  });
  disk.settle();
  return rows;
}
