import { expect, it } from 'vitest';
import { slotOf } from '../core/slot.js';
import type { Outcome } from './sim-call.js';
import type { SimNode } from './sim-node.js';
import { SimWorld } from './sim-world.js';

/** What clients of a node are given that has just been started again. */

const LONG_MS = 8000;
const KEY = 'plate';

/** Who holds the key, and in a cluster of five the other two, of which the first would stand in before the second. */
function places(world: SimWorld): { homes: SimNode[]; standIn: SimNode; last: SimNode } {
  const slot = slotOf(KEY);
  const { topology } = world.nodes.find(({ life }) => life!.node.topology.isHome[slot] === 0)!.life!.node;
  const nodeOf = (member: number): SimNode =>
    world.nodes.find(({ address }) => address === topology.members[member].busAddress)!;
  const homes = [...topology.homes(slot)];
  for (const home of homes) topology.setAlive(home, false);
  const standIn = topology.firstLive[slot];
  for (const home of homes) topology.setAlive(home, true);
  const last = topology.members.findIndex((_, member) => ![...homes, standIn].includes(member));
  return { homes: homes.map(nodeOf), standIn: nodeOf(standIn), last: nodeOf(last) };
}

/** Whether the node would ask the other one things. */
function uses(node: SimNode, other: SimNode): boolean {
  if (node.life?.node.ready !== true) return false;
  const { topology } = node.life.node;
  return topology.alive[topology.members.findIndex(({ busAddress }) => busAddress === other.address)] === 1;
}

it('a write that a node sent to a stranger to the key, having met nobody else yet, is not left lying there', () => {
  // It may take seconds until they dial each other again.
  const world = new SimWorld(1, 5, { sloppy: true, requestTimeoutMs: 20_000 });
  world.form();
  const { homes, standIn, last } = places(world);
  last.crash();
  world.runFor(LONG_MS);
  for (const home of homes) world.network.cutBoth(home.address, last.address);
  last.start();
  expect(world.runUntil(() => uses(last, standIn))).toBe(true);
  let outcome: Outcome | undefined;
  last.ask({ kind: 'incr', keys: [KEY], value: '', level: 0 }, (answer) => {
    outcome = answer;
  });
  world.runFor(50);
  world.network.healAll();
  expect(world.runUntil(() => homes.some((home) => uses(last, home)))).toBe(true);
  expect(world.runUntil(() => outcome !== undefined, 300)).toBe(true);
  expect(outcome!.failure).toBe(null);
  expect(world.checker.violations).toEqual([]);
});

it.each([1, 2, 3, 4, 5])('seed %i: a node that starts again knows who lives before it serves', (seed) => {
  const world = new SimWorld(seed, 5);
  world.form();
  const [restarted, ...others] = world.nodes;
  others[0].crash();
  restarted.crash();
  world.runFor(LONG_MS);
  restarted.start();
  const seen: boolean[] = [];
  expect(
    world.runUntil(() => {
      seen.push(...others.slice(1).map((other) => uses(restarted, other)));
      return restarted.life?.node.ready === true;
    }, 600),
  ).toBe(true);
  // None was used before all could be.
  expect(seen.slice(-3)).toEqual([true, true, true]);
  expect(seen.slice(0, -3)).not.toContain(true);
});

it('a member that neither answers nor refuses keeps a node that starts again from serving for a second, no longer', () => {
  const world = new SimWorld(1, 3);
  world.form();
  const [restarted, other, silent] = world.nodes;
  restarted.crash();
  world.runFor(LONG_MS);
  world.network.cutBoth(restarted.address, silent.address);
  restarted.start();
  const isReady = (): boolean => restarted.life?.node.ready === true;
  expect(world.runUntil(isReady, 900)).toBe(false);
  expect(world.runUntil(isReady, 300)).toBe(true);
  expect(uses(restarted, other)).toBe(true);
});
