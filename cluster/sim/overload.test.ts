import { describe, expect, it } from 'vitest';
import { ALL } from '../core/levels.js';
import { slotOf } from '../core/slot.js';
import type { Outcome, Request } from './sim-call.js';
import type { SimNode } from './sim-node.js';
import { SimWorld } from './sim-world.js';

/** Nodes that are slow, stopped, dead or have too much to do, as their clients feel it. */

const KEY = 'plate';

interface Answer {
  readonly ms: number;
  readonly outcome: Outcome;
}

/** Asks without waiting. */
function ask(world: SimWorld, node: SimNode, request: Partial<Request>): Promise<Answer> {
  const began = world.queue.now;
  return new Promise((resolve) => {
    node.ask({ kind: 'get', keys: [KEY], value: '', level: 0, ...request }, (outcome) =>
      resolve({ ms: world.queue.now - began, outcome }),
    );
  });
}

/** The replicas of a key, first the one that coordinates its writes. */
function replicas(world: SimWorld, key = KEY): SimNode[] {
  const { topology } = world.nodes[0].life!.node;
  return [...topology.homes(slotOf(key))].map((member) => {
    const { busAddress } = topology.members[member];
    return world.nodes.find((node) => node.address === busAddress)!;
  });
}

function keys(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `key${i}`);
}

describe('a replica whose disk is slow', () => {
  const SLOW_MS = 700;

  /** Reads each key once, from its disk, while that of one node takes its time for once. */
  async function slowest(world: SimWorld): Promise<number> {
    world.form();
    const names = keys(400);
    // A message late by chance among the first hundred answers would be a replica's usual slowest.
    world.network.delay = () => 1;
    for (const key of names) world.ask(world.nodes[0], { kind: 'set', keys: [key], value: 'v' });
    for (const { disk } of world.nodes) disk.delay = () => 0.5;
    const [slow, ...quick] = world.nodes;
    const answers: Promise<Answer>[] = [];
    for (const [i, key] of names.entries()) {
      slow.disk.delay = () => (i >= 250 && i < 260 ? SLOW_MS : 0.5);
      answers.push(ask(world, world.random.pick(quick), { keys: [key] }));
      world.runFor(5);
    }
    world.runFor(5000);
    const all = await Promise.all(answers);
    expect(all.filter(({ outcome }) => outcome.failure !== null)).toEqual([]);
    return Math.max(...all.map(({ ms }) => ms));
  }

  it.each([1, 2, 3])('seed %i: is not waited for by reads, which have others to ask', async (seed) => {
    const world = new SimWorld(seed, 3, { cacheBytes: 0 });
    expect(await slowest(world)).toBeLessThan(SLOW_MS / 2);
    const { counters } = world.nodes[1].life!.node.coordinator;
    expect(counters.speculativeReads).toBeGreaterThan(0);
    expect(counters.speculativeReads).toBeLessThan(100);
  });

  it('is waited for by reads of all replicas', async () => {
    const world = new SimWorld(1, 3, { cacheBytes: 0, readQuorum: ALL });
    expect(await slowest(world)).toBeGreaterThan(SLOW_MS / 2);
  });
});

describe('a node that dies under load', () => {
  it.each([
    [3, {}],
    [5, {}],
    [3, { sloppy: true }],
    [5, { sloppy: true }],
  ])(
    '%i nodes, %o: costs a client of another node no SET and no GET, and no second',
    async (nodes, settings) => {
      let retried = 0;
      for (let seed = 1; seed <= 5; seed++) {
        const world = new SimWorld(seed, nodes, settings);
        world.form();
        const [client, victim] = world.nodes;
        const names = keys(50);
        const answers: Promise<Answer>[] = [];
        for (let i = 0; i < 400; i++) {
          const request =
            i % 2 === 0 ? ({ kind: 'set', value: `${i}` } as const) : ({ kind: 'get' } as const);
          answers.push(ask(world, client, { ...request, keys: [world.random.pick(names)] }));
          if (i === 200) victim.crash();
          world.runFor(1);
        }
        world.runFor(10_000);
        const all = await Promise.all(answers);
        expect(all.filter(({ outcome }) => outcome.failure !== null)).toEqual([]);
        expect(Math.max(...all.map(({ ms }) => ms))).toBeLessThan(1000);
        expect(world.checker.violations).toEqual([]);
        retried += client.life!.node.forwarder.counters.retried;
      }
      expect(retried).toBeGreaterThan(0);
    },
  );

  it('an increment under way there is not repeated', async () => {
    let doubtful = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const world = new SimWorld(seed, 3);
      world.form();
      const [first, second] = replicas(world);
      const answers: Promise<Answer>[] = [];
      for (let i = 0; i < 20; i++) {
        answers.push(ask(world, second, { kind: 'incr' }));
        if (i === 10) first.crash();
        world.runFor(0.3);
      }
      world.runFor(10_000);
      const outcomes = (await Promise.all(answers)).map(({ outcome }) => outcome);
      const done = outcomes.filter(({ failure }) => failure === null).length;
      const maybe = outcomes.filter(({ failure }) => /may have been applied/.test(failure ?? '')).length;
      expect(done + maybe).toBe(20);
      doubtful += maybe;
      world.healFaults();
      world.runFor(10_000);
      const { sights } = world.ask(second, { kind: 'get', keys: [KEY], level: ALL });
      const value = Number(sights[0].siblings[0]?.value ?? 0);
      expect(value).toBeGreaterThanOrEqual(done);
      expect(value).toBeLessThanOrEqual(done + maybe);
      expect(world.checker.violations).toEqual([]);
    }
    expect(doubtful).toBeGreaterThan(0);
  });
});

describe('a coordinator that was stopped', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'seed %i: for longer than a command may wait, but not long enough to be suspected, does not begin it',
    async (seed) => {
      const requestTimeoutMs = 300;
      const world = new SimWorld(seed, 3, { requestTimeoutMs });
      world.form();
      const [first, second] = replicas(world);
      // So that it knows how long a message usually takes.
      world.ask(second, { kind: 'set', keys: [KEY], value: 'before' });
      first.freeze();
      const stuck = ask(world, second, { kind: 'set', value: 'late' });
      world.runFor(2 * requestTimeoutMs + 100);
      expect((await stuck).outcome.failure).toMatch(
        /did not answer in time; the write may have been applied$/,
      );
      first.thaw();
      world.runFor(2000);
      const { sights } = world.ask(second, { kind: 'get', keys: [KEY], level: ALL });
      expect(sights[0].siblings.map(({ value }) => value)).toEqual(['before']);
    },
  );

  it.each([1, 2, 3, 4, 5, 6])(
    'seed %i: for long, does not undo what was written in its place meanwhile',
    async (seed) => {
      const world = new SimWorld(seed, 3);
      world.form();
      const [first, second] = replicas(world);
      world.ask(second, { kind: 'set', keys: [KEY], value: 'before' });
      first.freeze();
      const stuck = ask(world, second, { kind: 'set', value: 'old' });
      world.runFor(3500);
      expect((await stuck).outcome.failure).toBe(null);
      expect(world.ask(second, { kind: 'set', keys: [KEY], value: 'new' }).failure).toBe(null);
      first.thaw();
      world.runFor(8000);
      const { sights } = world.ask(second, { kind: 'get', keys: [KEY], level: ALL });
      expect(sights[0].siblings.map(({ value }) => value)).toEqual(['new']);
    },
  );
});

describe('a node that has more to do than it may', () => {
  it('says so at once and truly, holds no more than that, and recovers by itself', async () => {
    const maxRequests = 20;
    const world = new SimWorld(7, 3, { maxRequests });
    world.form();
    const [client, ...others] = world.nodes;
    for (const node of others) node.freeze();
    const values = keys(300);
    const answers = values.map((value) => ask(world, client, { kind: 'set', keys: [value], value }));
    const { node } = client.life!;
    expect(node.coordinator.underWay + node.forwardsUnderWay).toBe(maxRequests);
    world.runFor(50);
    for (const other of others) other.thaw();
    world.runFor(8000);
    const all = await Promise.all(answers);
    const refused = all.filter(({ outcome }) => outcome.failure?.startsWith('OVERLOADED'));
    expect(refused).toHaveLength(values.length - maxRequests);
    expect(refused.every(({ ms }) => ms === 0)).toBe(true);
    expect(all.filter(({ outcome }) => outcome.failure === null)).toHaveLength(maxRequests);
    all.forEach(({ outcome }, i) => {
      const { sights } = world.ask(others[0], { kind: 'get', keys: [values[i]], level: ALL });
      expect(sights[0].siblings.length).toBe(outcome.failure === null ? 1 : 0);
    });
    expect(node.admission.counters.refused).toBe(refused.length);
  });

  it('refuses what others forward to it as well', async () => {
    const world = new SimWorld(8, 3, { maxRequests: 5 });
    world.form();
    const [first, second, third] = replicas(world);
    first.disk.delay = () => 300;
    const answers = [second, third].flatMap((node) =>
      keys(5).map((value) => ask(world, node, { kind: 'set', value })),
    );
    world.runFor(8000);
    const failures = (await Promise.all(answers)).flatMap(({ outcome }) => outcome.failure ?? []);
    expect(failures.length).toBeGreaterThan(0);
    for (const failure of failures) expect(failure).toMatch(/^OVERLOADED .*nothing was read or written$/);
    expect(first.life!.node.admission.counters.refused).toBe(failures.length);
  });
});
