import { describe, expect, it } from 'vitest';
import { SERIAL } from '../../core/levels.js';
import { slotOf } from '../../core/slot.js';
import { SURELY_NOT } from '../client-habits.js';
import { judge } from '../judgement.js';
import type { Outcome } from '../sim-call.js';
import type { SimSettings } from '../sim-life.js';
import type { SimNode } from '../sim-node.js';
import { SimWorld } from '../sim-world.js';
import { History } from './history.js';
import { linearize } from './linearize.js';
import type { Step } from './step.js';

/** The wounds of those before us, each a scenario with its name. (State left behind when replicas change, scylladb#5251: `moving.test.ts`.) */

const KEY = 'plate';
const BESIDE = `cup{${KEY}}`;
const LONG_MS = 8000;
const get: Step = { do: 'get' };

/** A cluster of three whose nodes are all homes of the key, and what is asked there, written down. */
class Ward {
  readonly world: SimWorld;
  readonly homes: readonly SimNode[];
  readonly history = new History([KEY, BESIDE]);

  constructor(seed: number, settings: Partial<SimSettings> = {}) {
    this.world = new SimWorld(seed, 3, settings, { losses: 1 });
    this.world.form();
    const { topology } = this.world.nodes[0].life!.node;
    this.homes = [...topology.homes(slotOf(KEY))].map((member) => {
      const { busAddress } = topology.members[member];
      return this.world.nodes.find((node) => node.address === busAddress)!;
    });
  }

  /** Asks without waiting; the outcome is written down when it comes. */
  ask(node: SimNode, step: Step, keys: readonly string[] = [KEY]): { outcome?: Outcome } {
    const open = this.history.ask(node.address, step, keys);
    const asked: { outcome?: Outcome } = {};
    node.ask({ kind: 'step', keys, value: '', level: SERIAL, step }, (outcome) => {
      asked.outcome = outcome;
      if (outcome.failure === null) open.answered(outcome.answer!);
      else if (SURELY_NOT.test(outcome.failure)) open.notApplied();
    });
    return asked;
  }

  /** Asks and waits for the answer. */
  do(node: SimNode, step: Step, keys?: readonly string[]): Outcome {
    const asked = this.ask(node, step, keys);
    this.world.runUntil(() => asked.outcome !== undefined);
    return asked.outcome!;
  }

  /** What a read through this node finds; undefined: no answer can be had there. */
  read(node: SimNode): string | null | undefined {
    return this.do(node, get).answer?.saw[0];
  }

  /** This node alone hears nobody and is heard by nobody. */
  isolate(node: SimNode): void {
    for (const other of this.homes)
      if (other !== node) this.world.network.cutBoth(node.address, other.address);
  }

  heal(): void {
    this.world.network.healAll();
    this.world.startAll();
    this.world.runFor(LONG_MS);
  }

  expectSound(): void {
    expect(linearize(this.history)).toEqual({ kind: 'linearizable' });
    expect(this.world.checker.violations).toEqual([]);
  }
}

describe('a value in flight is settled by whoever comes next (CASSANDRA-12126, scylladb#6299)', () => {
  const compareInVain: Step = { do: 'cas', expected: 'nobody wrote this', value: 'nor this' };

  it.each([
    ['reads', get, 1],
    ['reads', get, 2],
    ['compares that fail', compareInVain, 3],
    ['compares that fail', compareInVain, 4],
  ])('%s through any majority do not differ with no write between', (_, look, seed) => {
    const ward = new Ward(seed);
    const { homes, world } = ward;
    const [first, second, third] = homes;
    ward.do(first, { do: 'set', value: 'a' });
    // It reaches nobody but its proposer, or one of the others.
    ward.isolate(first);
    if (seed % 2 === 0) world.network.mend(first.address, second.address);
    ward.ask(first, { do: 'cas', expected: 'a', value: 'b' });
    world.runFor(LONG_MS);
    for (const away of [first, third, second, first, third, second]) {
      world.network.healAll();
      ward.isolate(away);
      world.runFor(LONG_MS);
      for (const node of homes) if (node !== away) ward.do(node, look);
    }
    ward.heal();
    expect(ward.read(first)).toMatch(/^[ab]$/);
    ward.expectSound();
  });
});

describe('a write that rests on what has changed since', () => {
  it.each([1, 2, 3])('seed %i: is not carried out later', (seed) => {
    const ward = new Ward(seed);
    const { homes, world } = ward;
    const [first, second] = homes;
    const both = [KEY, BESIDE];
    ward.do(first, { do: 'set', value: 'a' });
    ward.do(first, { do: 'set', value: 'old' }, [BESIDE]);
    ward.isolate(first);
    // It reaches nobody but its proposer.
    ward.ask(first, { do: 'setif', expected: 'a', value: 'new' }, both);
    world.runFor(LONG_MS);
    ward.do(second, { do: 'set', value: 'b' });
    expect(ward.do(second, get, both).answer!.saw).toEqual(['b', 'old']);
    ward.heal();
    expect(ward.do(first, get, both).answer!.saw).toEqual(['b', 'old']);
    ward.expectSound();
  });
});

describe('an answer that denies what took effect later', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'seed %i: a proposer that dies in the middle of its round is not said to have done nothing',
    (seed) => {
      const ward = new Ward(seed);
      const { homes, world } = ward;
      const [first, second, third] = homes;
      ward.do(first, { do: 'set', value: 'a' });
      const asked = ward.ask(second, { do: 'cas', expected: 'a', value: 'b' });
      world.runFor(seed * 0.4);
      first.crash();
      world.runFor(LONG_MS);
      const seen = ward.read(third);
      const { failure } = asked.outcome!;
      if (failure !== null && seen === 'b') expect(failure).toContain('may have been applied');
      ward.heal();
      expect(ward.read(first)).toBe(seen);
      ward.expectSound();
    },
  );
});

describe('a majority that would forget what was promised', () => {
  it('is not made with the vote of a home whose disk was lost', () => {
    const ward = new Ward(1);
    const { homes, world } = ward;
    const [first, second, third] = homes;
    ward.isolate(third);
    world.runFor(LONG_MS);
    expect(ward.do(first, { do: 'set', value: 'a' }).failure).toBe(null);
    first.crash(true);
    first.loseDisk();
    // It has to meet both to be a member again; of the two only one was there when it was written.
    world.network.healAll();
    world.network.cutBoth(second.address, third.address);
    first.start();
    world.runUntil(() => first.life?.node.ready === true);
    ward.isolate(second);
    world.runFor(LONG_MS);
    // Neither of the two ever heard of it: no answer is right, an old one is not.
    expect(ward.do(third, get).failure).toContain('NOQUORUM');
    expect(ward.do(third, { do: 'setnx', value: 'b' }).failure).toContain('was not applied');
    ward.heal();
    // Its disk is new: it waits until no round counts on its votes of before.
    world.runFor(2 * LONG_MS);
    expect(ward.read(third)).toBe('a');
    ward.expectSound();
  });
});

describe('a node that forgot its own counters (riak_kv#679)', () => {
  it.each([1, 2])('seed %i: set back to a backup it counts nothing anew and covers nothing', (seed) => {
    const ward = new Ward(seed);
    const { homes, world } = ward;
    const [first, second] = homes;
    const count = (node: SimNode, times: number): void => {
      for (let i = 0; i < times; i++) expect(ward.do(node, { do: 'incr' }).failure).toBe(null);
    };
    count(first, 5);
    first.takeBackup();
    count(first, 5);
    first.crash(true);
    first.restoreBackup();
    world.runFor(LONG_MS);
    count(second, 3);
    ward.heal();
    world.runFor(LONG_MS);
    count(first, 5);
    expect(ward.read(second)).toBe('18');
    judge(world);
    ward.expectSound();
  });
});

describe('a write missed by a replica that was down (dynomite#190, #552)', () => {
  it.each([
    ['is handed over', {}],
    ['is repaired where no hints are kept', { maxHintsBytes: 0, repairIntervalSeconds: 5 }],
  ])('%s', (_, settings) => {
    const ward = new Ward(1, settings);
    const { homes, world } = ward;
    const [first, , third] = homes;
    third.crash();
    world.runFor(LONG_MS);
    expect(ward.do(first, { do: 'set', value: 'a' }).failure).toBe(null);
    third.start();
    world.runFor(3 * LONG_MS);
    const { sights } = world.ask(third, { kind: 'get', keys: [KEY], level: 1 });
    expect(sights[0].siblings.map(({ value }) => value)).toEqual(['a']);
    ward.expectSound();
  });
});
