import { describe, expect, it } from 'vitest';
import type { Phase, RingState } from '../core/elastic/ring-state.js';
import { replicasDiffer } from './replicas.js';
import type { SimNode } from './sim-node.js';
import { SimWorld } from './sim-world.js';

/** Whole clusters whose slots move: where rows, hints and registers are afterwards. Nobody repairs by the clock. */

const KEYS = 300;
const CHANGED_WITHIN_MS = 120_000;

function formed(seed: number, nodes: number): SimWorld {
  const world = new SimWorld(seed, nodes, { repairIntervalSeconds: 0 });
  world.form();
  world.runFor(200);
  return world;
}

/** Plain writes and linearizable ones. While a death has not been noticed, these may be lost with their leader. */
function write(world: SimWorld, round: string, isQuiet = true): void {
  const running = world.nodes.filter((node) => node.running);
  for (let i = 0; i < KEYS; i++) {
    const key = `key${i}`;
    const by = world.random.pick(running);
    const value = `${round} ${i}`;
    const { failure } = world.ask(
      by,
      i % 3 === 0
        ? { kind: 'step', keys: [`register${i}`], step: { do: 'set', value } }
        : { kind: 'set', keys: [key], value },
    );
    if (isQuiet || i % 3 > 0) expect(failure).toBe(null);
  }
  // The last ones come to all homes.
  world.runFor(1000);
}

function readable(world: SimWorld, round: string): void {
  const by = world.nodes.find((node) => node.running)!;
  for (let i = 0; i < KEYS; i += 3) {
    const { answer } = world.ask(by, { kind: 'step', keys: [`register${i}`], step: { do: 'get' } });
    expect(JSON.stringify(answer)).toContain(`${round} ${i}`);
  }
}

function ringOf({ life }: SimNode): RingState | undefined {
  return life?.node.ready ? life.node.topology.ring : undefined;
}

const isStable = (world: SimWorld, members: number): boolean =>
  world.nodes
    .filter((node) => node.running)
    .every((node) => {
      const ring = ringOf(node);
      return ring?.phase === 'stable' && ring.current.length === members;
    });

function changes(world: SimWorld, members: number): void {
  expect(world.runUntil(() => isStable(world, members), CHANGED_WITHIN_MS)).toBe(true);
  // The last leftovers are looked for once the ring is stable.
  world.runFor(5000);
}

/** State left behind when replicas change (scylladb#5251): slots of which a node has rows, or remembers registers, and is no home. */
function leftBehind(node: SimNode): number[] {
  const { node: own, trees, registers } = node.life!.assembly;
  const { isHome } = own.topology;
  return [...isHome.keys()].filter((slot) => {
    const isEmpty = trees.databases.every((db) => trees.isEmpty(db, slot));
    return isHome[slot] === 0 && (!isEmpty || registers.remembers(slot));
  });
}

function expectInPlace(world: SimWorld): void {
  const running = world.nodes.filter((node) => node.running);
  for (const node of running) expect([node.address, leftBehind(node)]).toEqual([node.address, []]);
  expect(replicasDiffer(running)).toEqual([]);
  expect(world.checker.violations).toEqual([]);
}

describe.each([1, 2])('no state is left behind when replicas change (scylladb#5251), seed %i', (seed) => {
  it('a node joins: it has all of its slots, and the others have let go of them', () => {
    const world = formed(seed, 3);
    write(world, 'before');
    world.addNode().start();
    changes(world, 4);
    expectInPlace(world);
    readable(world, 'before');
    write(world, 'after');
    expectInPlace(world);
  });

  it('a node leaves: nothing is lost, and it stops', () => {
    const world = formed(seed, 4);
    write(world, 'before');
    const [leaver, other] = world.nodes;
    other.life!.assembly.control.leave(leaver.address, (failure) => expect(failure).toBe(null));
    changes(world, 3);
    expectInPlace(world);
    readable(world, 'before');
    expect(leaver.running).toBe(false);
  });

  it.each<Phase>(['copying', 'joint', 'sealed', 'clearing'])('a home dies in %s, and comes back', (phase) => {
    const world = formed(seed, 3);
    write(world, 'before');
    world.addNode().start();
    expect(world.runUntil(() => ringOf(world.nodes[0])?.phase === phase, CHANGED_WITHIN_MS)).toBe(true);
    world.nodes[1].crash();
    write(world, 'meanwhile', false);
    world.nodes[1].start();
    changes(world, 4);
    expect(
      world.runUntil(() => world.nodes.every(({ life }) => life!.assembly.hints.count === 0), 60_000),
    ).toBe(true);
    expectInPlace(world);
  });

  it.each<Phase>(['copying', 'joint', 'sealed', 'clearing'])(
    'who joins dies in %s, and comes back',
    (phase) => {
      const world = formed(seed, 3);
      write(world, 'before');
      const joiner = world.addNode();
      joiner.start();
      expect(world.runUntil(() => ringOf(joiner)?.phase === phase, CHANGED_WITHIN_MS)).toBe(true);
      joiner.crash(true);
      write(world, 'meanwhile', false);
      joiner.start();
      changes(world, 4);
      expect(
        world.runUntil(() => world.nodes.every(({ life }) => life!.assembly.hints.count === 0), 60_000),
      ).toBe(true);
      expectInPlace(world);
    },
  );

  it('a change that is taken back leaves nothing with who was to join', () => {
    const world = formed(seed, 3);
    write(world, 'before');
    const joiner = world.addNode();
    joiner.start();
    expect(world.runUntil(() => ringOf(world.nodes[0])?.phase === 'joint', CHANGED_WITHIN_MS)).toBe(true);
    world.nodes[0].life!.assembly.control.rollback((failure) => expect(failure).toBe(null));
    changes(world, 3);
    expectInPlace(world);
    expect(joiner.running).toBe(false);
  });
});
