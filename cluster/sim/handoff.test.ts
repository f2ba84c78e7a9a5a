import { describe, expect, it } from 'vitest';
import { replicasDiffer } from './replicas.js';
import type { SimSettings } from './sim-life.js';
import type { SimNode } from './sim-node.js';
import { SimWorld } from './sim-world.js';

/**
 * Whole clusters in which nodes miss writes: hints alone make all replicas the same. Nobody reads, so no read repairs anything, nor does anti-entropy; and
 * nobody who coordinates a write dies in the middle of it, which hints do not promise to mend.
 */

const KEYS = 60;
/** So slow that the delivery takes some seconds. */
const SLOW: Partial<SimSettings> = { hintThrottle: 6000 };
/** Until a dead node is known to be dead, and all is answered that waited for it. */
const NOTICED_MS = 6000;
const DRAINED_WITHIN_MS = 120_000;

function worldOf(seed: number | string, nodes: number, settings: Partial<SimSettings>): SimWorld {
  const world = new SimWorld(seed, nodes, { repairIntervalSeconds: 0, ...settings });
  world.form();
  return world;
}

/** Writes each key some times over, by way of nodes that run. */
function writeKeys(world: SimWorld, round: string): void {
  const running = world.nodes.filter((node) => node.running);
  for (let i = 0; i < KEYS; i++) {
    for (let times = world.random.below(3); times >= 0; times--) {
      const value = `${round} ${times} ${'x'.repeat(world.random.below(300))}`;
      const kind = world.random.chance(0.2) ? 'del' : 'set';
      const { failure } = world.ask(world.random.pick(running), { kind, keys: [`key${i}`], value });
      expect(failure).toBe(null);
    }
  }
  world.runFor(NOTICED_MS);
}

const hintsOf = ({ life }: SimNode): number => life?.assembly.hints.count ?? 0;
const hasNone = ({ life }: SimNode): boolean =>
  life?.assembly.hints.loaded === true && life.assembly.hints.count === 0;
const hintsIn = (world: SimWorld): number => world.nodes.reduce((sum, node) => sum + hintsOf(node), 0);

function expectHealed(world: SimWorld): void {
  world.startAll();
  const drained = (): boolean => world.whole && world.nodes.every(hasNone);
  expect(world.runUntil(drained, DRAINED_WITHIN_MS)).toBe(true);
  world.runFor(1000);
  expect(replicasDiffer(world.nodes)).toEqual([]);
  expect(world.checker.violations).toEqual([]);
  expect(world.logged).toEqual([]);
}

describe.each([
  [3, { sloppy: false }],
  [5, { sloppy: false }],
  [5, { sloppy: true }],
])('%i nodes, %o', (nodes, settings) => {
  it.each([1, 2, 3])('seed %i: what one node missed is there again by hints alone', (seed) => {
    const world = worldOf(seed, nodes, { ...SLOW, ...settings });
    writeKeys(world, 'before');
    world.nodes[0].crash();
    world.runFor(NOTICED_MS);
    writeKeys(world, 'meanwhile');
    expect(hintsIn(world)).toBeGreaterThan(20);
    expectHealed(world);
  });

  it.each([11, 12, 13, 14])(
    'seed %i: holders and receiver die time and again before and during the delivery',
    (seed) => {
      const world = worldOf(seed, nodes, { ...SLOW, ...settings });
      const [victim, ...others] = world.nodes;
      victim.crash();
      world.runFor(NOTICED_MS);
      writeKeys(world, 'meanwhile');
      const before = hintsIn(world);
      const holder = world.random.pick(others);
      const held = hintsOf(holder);
      holder.crash();
      world.runFor(world.random.below(3000));
      holder.start();
      expect(world.runUntil(() => holder.life?.assembly.hints.loaded === true)).toBe(true);
      expect(hintsOf(holder)).toBe(held);
      world.startAll();
      for (let round = 0; round < 4; round++) {
        world.runFor(world.random.below(1500));
        const one = world.random.pick(world.nodes);
        one.crash();
        world.runFor(world.random.below(1000));
        world.startAll();
      }
      expect(hintsIn(world)).toBeLessThanOrEqual(before);
      expectHealed(world);
    },
  );
});

it.each([21, 22, 23])('seed %i: two nodes away at once, and clients go on', (seed) => {
  const world = worldOf(seed, 5, { ...SLOW, sloppy: true });
  world.nodes[1].crash();
  world.nodes[3].crash();
  world.runFor(NOTICED_MS);
  writeKeys(world, 'meanwhile');
  world.nodes[1].start();
  expect(world.runUntil(() => world.nodes[1].life?.node.ready === true)).toBe(true);
  world.runFor(NOTICED_MS);
  writeKeys(world, 'later');
  expectHealed(world);
});

it.each([31, 32])('seed %i: a full disk of the receiver holds them up, no more', (seed) => {
  const world = worldOf(seed, 3, SLOW);
  const [victim] = world.nodes;
  victim.crash();
  world.runFor(NOTICED_MS);
  writeKeys(world, 'meanwhile');
  victim.start();
  victim.disk.full = true;
  world.runFor(20_000);
  expect(hintsIn(world)).toBeGreaterThan(0);
  victim.disk.full = false;
  expectHealed(world);
});

it('a member that lost its disk is the same member: it gets what was kept for it', () => {
  const world = worldOf(41, 3, SLOW);
  const [victim] = world.nodes;
  victim.crash();
  world.runFor(NOTICED_MS);
  writeKeys(world, 'meanwhile');
  victim.loseDisk();
  expectHealed(world);
});

it('past hint-window home replicas drop what they keep; a stand-in keeps it for the member, however long that is away', () => {
  const world = worldOf(51, 5, { sloppy: true, hintWindowSeconds: 60 });
  const [victim] = world.nodes;
  victim.crash();
  world.runFor(NOTICED_MS);
  writeKeys(world, 'meanwhile');
  const kept = hintsIn(world);
  expect(kept).toBeGreaterThan(20);
  world.runFor(70_000);
  expect(hintsIn(world)).toBeGreaterThan(0);
  expect(hintsIn(world)).toBeLessThanOrEqual(kept);
  victim.start();
  expectHealed(world);
});
