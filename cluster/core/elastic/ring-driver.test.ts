import { describe, expect, it } from 'vitest';
import type { MemberView, RingProgress } from '../member-view.js';
import { Topology } from '../topology.js';
import { membersOf } from '../topology.test-support.js';
import { RingDriver } from './ring-driver.js';
import type { RingChange } from './ring-proposals.js';
import { advanced, changed, firstRing, type RingState } from './ring-state.js';

const MEMBERS = membersOf(4);
const THREE = firstRing(MEMBERS.slice(0, 3));
/** node3 joins. */
const COPYING = changed(THREE, MEMBERS)!;
const JOINT = advanced(COPYING)!;
const SEALED = advanced(JOINT)!;
const CLEARING = advanced(SEALED)!;

/** The driver of one node; what others say of themselves is the test's. */
class Bench {
  topology: Topology;
  elapsed = 0;
  readonly facts: (Partial<RingProgress> | undefined)[] = [];
  readonly proposed: { change: RingChange; done: (failure: string | null) => void }[] = [];
  readonly driver: RingDriver;

  constructor(
    ring: RingState,
    readonly self = 0,
  ) {
    this.topology = this.topologyOf(ring);
    this.driver = new RingDriver({
      topology: () => this.topology,
      views: () => MEMBERS.map((_, member) => this.view(member)),
      change: (change, done) => void this.proposed.push({ change, done }),
    });
    for (const peer of MEMBERS.keys()) {
      this.topology.setAlive(peer, true);
      this.says(peer, false);
    }
  }

  ringIs(ring: RingState): void {
    const before = this.topology;
    this.topology = this.topologyOf(ring);
    this.topology.alive.set(before.alive);
  }

  says(member: number, done: boolean, epoch = this.topology.epoch): void {
    this.facts[member] = { epoch, done };
  }

  pass(ms: number): void {
    for (const end = this.elapsed + ms; this.elapsed < end; ) {
      this.elapsed += 50;
      this.driver.tick(0, this.elapsed);
    }
  }

  /** The phase that what was proposed last leads to. */
  get next(): string | undefined {
    const next = this.proposed.at(-1)?.change(this.topology.ring);
    return typeof next === 'object' ? next?.phase : next;
  }

  private topologyOf(ring: RingState): Topology {
    return new Topology(MEMBERS, this.self, 3, 8, false, ring);
  }

  private view(member: number): MemberView {
    const ring = this.facts[member] as RingProgress | undefined;
    const facts = { id: '', address: '', rack: '', ...(ring && { ring }) };
    return { state: 'up', phi: 0, generation: 1, version: 1, clockOffBy: 0, facts };
  }
}

describe('the ring goes on', () => {
  it('from copying and sealed when those who gain slots are done, and only then', () => {
    for (const [ring, next] of [
      [COPYING, 'joint'],
      [SEALED, 'clearing'],
    ] as const) {
      const bench = new Bench(ring);
      for (const member of [0, 1, 2]) bench.says(member, false);
      bench.pass(5000);
      expect(bench.driver.holding).toEqual([3]);
      bench.says(3, true, ring.epoch - 1);
      bench.pass(5000);
      expect(bench.proposed).toEqual([]);
      bench.says(3, true);
      bench.pass(200);
      expect(bench.next).toBe(next);
      expect(bench.driver.holding).toEqual([]);
    }
  });

  it('not while one that gains is dead and not done', () => {
    const bench = new Bench(COPYING);
    bench.topology.setAlive(3, false);
    bench.pass(5000);
    expect(bench.proposed).toEqual([]);
  });

  it('from joint when all who live go by it', () => {
    const bench = new Bench(JOINT);
    bench.topology.setAlive(2, false);
    bench.says(1, false);
    bench.says(3, false, COPYING.epoch);
    bench.pass(5000);
    expect(bench.driver.holding).toEqual([3]);
    bench.says(3, false);
    bench.pass(200);
    expect(bench.next).toBe('sealed');
  });

  it('from clearing when those who lost slots are done, as far as they live', () => {
    const bench = new Bench(CLEARING);
    bench.says(0, true);
    bench.says(1, true);
    bench.pass(5000);
    expect(bench.driver.holding).toEqual([2]);
    bench.topology.setAlive(2, false);
    bench.pass(200);
    expect(bench.next).toBe('stable');
  });

  it('from clearing when who leaves has said so, though it had lost nothing', () => {
    const leaving = advanced(advanced(advanced(changed(firstRing(MEMBERS), MEMBERS.slice(0, 3))!)!)!)!;
    const bench = new Bench(leaving);
    for (const member of [0, 1, 2]) bench.says(member, true);
    bench.pass(5000);
    expect(bench.driver.holding).toEqual([3]);
    bench.says(3, true);
    bench.pass(200);
    expect(bench.next).toBe('stable');
  });

  it('from stable nowhere by itself', () => {
    const bench = new Bench(THREE);
    bench.pass(5000);
    expect(bench.proposed).toEqual([]);
    expect(bench.driver.holding).toEqual([]);
  });
});

describe('a step', () => {
  it('is not taken before all who live go by the one before; nobody waits for ever for one whose disk takes nothing', () => {
    const bench = new Bench(COPYING);
    bench.says(3, true);
    bench.says(1, false, THREE.epoch);
    bench.pass(9000);
    expect([bench.driver.isKnown, bench.driver.holding, bench.proposed]).toEqual([false, [1], []]);
    bench.pass(2000);
    expect([bench.driver.isKnown, bench.next]).toEqual([true, 'joint']);
  });
});

describe('who takes the step', () => {
  it('the first live voter by name, and the others one after the other if it does not', () => {
    const bench = new Bench(COPYING, 2);
    bench.says(3, true);
    bench.pass(400);
    expect(bench.proposed).toHaveLength(0);
    bench.pass(300);
    expect(bench.proposed).toHaveLength(1);
    const earlier = new Bench(COPYING, 2);
    earlier.topology.setAlive(0, false);
    earlier.topology.setAlive(1, false);
    earlier.says(3, true);
    earlier.pass(100);
    expect(earlier.proposed).toHaveLength(1);
  });

  it('not one that has no vote', () => {
    const bench = new Bench(COPYING, 3);
    bench.says(3, true);
    bench.pass(5000);
    expect(bench.proposed).toEqual([]);
  });

  it('once, and again if nothing came of it; a step that somebody else has taken is not taken twice', () => {
    const bench = new Bench(COPYING);
    bench.says(3, true);
    bench.pass(5000);
    expect(bench.proposed).toHaveLength(1);
    bench.proposed[0].done('not decided in time');
    bench.pass(200);
    expect(bench.proposed).toHaveLength(2);
    expect(bench.proposed[1].change(JOINT)).toBe(null);
    bench.proposed[1].done(null);
    bench.ringIs(JOINT);
    bench.pass(200);
    // Nobody else has said yet that it goes by it.
    expect(bench.proposed).toHaveLength(2);
  });
});
