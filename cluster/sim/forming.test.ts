import { describe, expect, it } from 'vitest';
import { ALL, DEFAULT } from '../core/levels.js';
import { slotOf } from '../core/slot.js';
import { SELF } from '../node.js';
import type { Outcome, Request } from './sim-call.js';
import type { SimNode } from './sim-node.js';
import { SimWorld } from './sim-world.js';

/** A client that runs into it would seem to hang; everything else here is over in a few slow round trips. */
const REQUEST_TIMEOUT_MS = 20_000;
const SOON_MS = 4000;
const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);

/** Reads and writes a few keys; the answers gather in the array. Returns how many there will be. */
function askMuch(node: SimNode, answers: Outcome[]): number {
  const requests: Request[] = ['a', 'b', 'c', 'd'].flatMap((key) => [
    { kind: 'get', keys: [key], value: '', level: DEFAULT },
    { kind: 'get', keys: [key], value: '', level: ALL },
    { kind: 'incr', keys: [`${key}.count`], value: '', level: DEFAULT },
  ]);
  for (const request of requests) node.ask(request, (outcome) => void answers.push(outcome));
  return requests.length;
}

function expectAnsweredSoon(world: SimWorld, answers: Outcome[], asked: number): void {
  world.runUntil(() => answers.length === asked, SOON_MS);
  expect(answers.length, 'requests that were answered in good time').toBe(asked);
}

describe('while the cluster forms, node by node', () => {
  it.each(SEEDS)('seed %i: no request of the first that has formed waits for one that has not', (seed) => {
    const world = new SimWorld(seed, 3, { requestTimeoutMs: REQUEST_TIMEOUT_MS });
    world.startAll();
    const ready = (): SimNode | undefined => world.nodes.find(({ life }) => life?.node.ready);
    while (ready() === undefined) world.runFor(0.1);
    const answers: Outcome[] = [];
    expectAnsweredSoon(world, answers, askMuch(ready()!, answers));
    expect(world.runUntil(() => world.whole)).toBe(true);
    const later: Outcome[] = [];
    expectAnsweredSoon(world, later, askMuch(ready()!, later));
    expect(later.filter(({ failure }) => failure !== null)).toEqual([]);
    expect(world.checker.violations).toEqual([]);
  });

  it('a node that has not formed says at once that it has not stored a write, which the others have', () => {
    let seen = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const world = new SimWorld(seed, 3, { requestTimeoutMs: REQUEST_TIMEOUT_MS });
      world.startAll();
      const ready = (): SimNode[] => world.nodes.filter(({ life }) => life?.node.ready);
      const pairServes = (): boolean => ready().every(({ life }) => life!.node.topology.liveHomes(0) === 2);
      while (ready().length < 2 || (ready().length === 2 && !pairServes())) world.runFor(0.1);
      const third = world.nodes.find((node) => !ready().includes(node));
      if (third === undefined) continue;
      const slot = slotOf('key');
      const one = ready().find(({ life }) => life!.node.topology.firstLive[slot] === SELF)!;
      const other = ready().find((node) => node !== one)!;
      // What the third lacks comes later than the write.
      world.network.cut(other.address, third.address);
      world.network.delay = () => 1;
      const answers: Outcome[] = [];
      one.ask({ kind: 'incr', keys: ['key'], value: '', level: DEFAULT }, (outcome) => answers.push(outcome));
      // Not so long that what was cut off has found another way.
      world.runFor(500);
      if (third.life!.node.ready || answers[0]?.failure !== null) continue;
      expect(one.life!.node.coordinator.inFlight).toBe(0);
      seen++;
    }
    expect(seen).toBeGreaterThan(0);
  });
});
