import { beforeAll, describe, expect, it } from 'vitest';
import { SLOTS } from '../../storage/key-layout.js';
import type { SimNode } from './sim-node.js';
import { SimWorld } from './sim-world.js';

const KEYS = Array.from({ length: 300 }, (_, i) => `key${i}`);
const VALUE = 'x'.repeat(1000);
const ONE = 1;
const WITHIN_MS = 900_000;

/** The whole keyspace, walked from this node. */
function walk(world: SimWorld, node: SimNode): readonly string[] {
  const found: string[] = [];
  let over = false;
  const from = (cursor: number): void =>
    node.life!.assembly.keyspace.scan(0, cursor, 1000, (failure, next, items) => {
      if (failure !== null) throw new Error(failure);
      found.push(...items.map(({ key }) => key));
      if (next === 0) over = true;
      else from(next);
    });
  from(0);
  expect(world.runUntil(() => over, WITHIN_MS)).toBe(true);
  return found.sort();
}

function size(world: SimWorld, node: SimNode): number | string {
  let size: number | string | undefined;
  node.life!.assembly.keyspace.size(0, (failure, keys) => {
    size = failure ?? keys;
  });
  expect(world.runUntil(() => size !== undefined)).toBe(true);
  return size!;
}

function lost(world: SimWorld, node: SimNode): readonly string[] {
  return KEYS.filter((key) => {
    const { failure, sights } = world.ask(node, { kind: 'get', keys: [key], level: ONE });
    return failure !== null || sights[0].siblings.length === 0;
  });
}

function isFilling(node: SimNode): boolean {
  return node.life!.assembly.filling.isFilling;
}

function filled(name: string, nodes: number): SimWorld {
  const world = new SimWorld(name, nodes, { repairThrottle: 1000, repairIntervalSeconds: 5 });
  world.network.delay = () => 0.2;
  world.form();
  for (const key of KEYS) {
    const { failure } = world.ask(world.nodes[0], { kind: 'set', keys: [key], value: VALUE });
    if (failure !== null) throw new Error(failure);
  }
  return world;
}

function losesDisk(world: SimWorld, node: SimNode): void {
  node.crash();
  world.runFor(5000);
  node.loseDisk();
  node.start();
  expect(world.runUntil(() => world.whole)).toBe(true);
}

describe.each([3, 5])('one of %i nodes is back with an empty disk', (nodes) => {
  let world: SimWorld;
  let empty: SimNode;
  beforeAll(() => {
    world = filled(`filling ${nodes}`, nodes);
    empty = world.nodes[1];
    losesDisk(world, empty);
  });

  it('walks and counts are whole from every node while it fills, and so are reads at ONE', () => {
    expect(empty.disk.dataRows().length).toBeLessThan(KEYS.length / 3);
    for (const node of world.nodes.slice(0, 3)) {
      expect(walk(world, node)).toEqual([...KEYS].sort());
      expect(size(world, node)).toBe(KEYS.length);
      expect(lost(world, node)).toEqual([]);
    }
    expect(isFilling(empty)).toBe(true);
  });

  it('every node knows that it fills', () => {
    for (const { life } of world.nodes) {
      const { members, filling, inRing } = life!.node.topology;
      const known = members.filter((_, i) => inRing[i] === 1 && filling[i] === 1);
      expect(known.map(({ name }) => name)).toEqual([empty.address]);
    }
  });

  it('it answers by itself when it has everything', () => {
    expect(world.runUntil(() => !isFilling(empty), WITHIN_MS)).toBe(true);
    const { topology } = empty.life!.node;
    for (let slot = 0; slot < SLOTS; slot++)
      expect(topology.isSource(slot)).toBe(topology.isHome[slot] === 1);
    expect(walk(world, empty)).toEqual([...KEYS].sort());
    expect(size(world, empty)).toBe(KEYS.length);
  });

  it('it is asked when nobody else is up', () => {
    losesDisk(world, empty);
    expect(isFilling(empty)).toBe(true);
    for (const node of world.nodes) if (node !== empty) node.crash();
    world.runFor(10_000);
    const { topology } = empty.life!.node;
    for (let slot = 0; slot < SLOTS; slot++)
      expect(topology.isSource(slot)).toBe(topology.isHome[slot] === 1);
  });
});

describe('a cluster whose nodes are all new', () => {
  it('refuses nobody from the first moment', () => {
    const world = new SimWorld('all new', 3, { repairIntervalSeconds: 0 });
    world.form();
    for (const node of world.nodes) expect([size(world, node), walk(world, node)]).toEqual([0, []]);
    world.runFor(20_000);
    expect(world.nodes.map(isFilling)).toEqual([false, false, false]);
  });
});
