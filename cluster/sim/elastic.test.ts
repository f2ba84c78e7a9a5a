import { describe, expect, it } from 'vitest';
import { judge } from './judgement.js';
import type { SimNode } from './sim-node.js';
import { SimWorld } from './sim-world.js';

const KEYS = Array.from({ length: 40 }, (_, i) => `key${i}`);
const CHANGE_WITHIN_MS = 120_000;

/** A cluster of so many with forty keys in it. */
function filled(name: string, nodes: number): SimWorld {
  const world = new SimWorld(name, nodes, {}, { losses: 1, leastMembers: 3 });
  world.form();
  for (const key of KEYS) set(world, key, 'old');
  return world;
}

function set(world: SimWorld, key: string, value: string): void {
  const { failure, dots } = world.ask(world.random.pick(world.nodes), { kind: 'set', keys: [key], value });
  if (failure !== null) throw new Error(failure);
  world.checker.told(key, dots[0]);
}

/** Writes on while the operator's wishes come true; no write may fail. */
function changes(world: SimWorld): void {
  const end = world.queue.now + CHANGE_WITHIN_MS;
  for (let i = 0; !world.settled; i++) {
    if (world.queue.now > end) throw new Error(`it never came true to ${world.operator.wishes.join(', ')}`);
    const members = world.nodes.filter(({ life }) => life?.node.ready);
    const key = KEYS[i % KEYS.length];
    const { failure, dots } = world.ask(world.random.pick(members), {
      kind: 'set',
      keys: [key],
      value: `${i}`,
    });
    expect(failure).toBeNull();
    world.checker.told(key, dots[0]);
    world.runFor(100);
  }
}

function judged(world: SimWorld): readonly string[] {
  judge(world);
  return world.checker.violations;
}

function members(world: SimWorld): readonly string[] {
  return world.rings.latest!.current.map(({ name }) => name);
}

function join(world: SimWorld): SimNode {
  const node = world.addNode();
  world.operator.wants({ what: 'join', node });
  return node;
}

function rowsOf({ disk }: SimNode): number {
  return disk.dataRows().length;
}

function dies(world: SimWorld, node: SimNode): void {
  node.crash(true);
  world.retire(node);
}

describe('in peace, while clients write and no write fails,', () => {
  it('a node joins and gets its share; the others let go of what is no longer theirs', () => {
    const world = filled('joins', 4);
    const before = world.nodes.map(rowsOf);
    const node = join(world);
    changes(world);
    expect(members(world)).toEqual(['n1:1', 'n2:1', 'n3:1', 'n4:1', 'n5:1']);
    expect(judged(world)).toEqual([]);
    expect(rowsOf(node)).toBeGreaterThan(0);
    const after = world.nodes.map(rowsOf);
    expect(after.reduce((sum, rows) => sum + rows)).toBe(before.reduce((sum, rows) => sum + rows));
  });

  it('two nodes join at once', () => {
    const world = filled('two join', 3);
    join(world);
    join(world);
    changes(world);
    expect(members(world)).toHaveLength(5);
    expect(judged(world)).toEqual([]);
  });

  it('a node leaves, with nothing left on it', () => {
    const world = filled('leaves', 4);
    const node = world.nodes[1];
    world.operator.wants({ what: 'leave', node });
    changes(world);
    expect(members(world)).toEqual(['n1:1', 'n3:1', 'n4:1']);
    expect(node.running).toBe(false);
    expect(judged(world)).toEqual([]);
    expect(rowsOf(node)).toBe(0);
    for (const kind of ['p', 'u', 'h']) expect(node.disk.rowsOfKind(kind.charCodeAt(0))).toEqual([]);
  });

  it('one joins and one leaves at once', () => {
    const world = filled('joins and leaves', 4);
    join(world);
    world.operator.wants({ what: 'leave', node: world.nodes[0] });
    changes(world);
    expect(members(world)).toEqual(['n2:1', 'n3:1', 'n4:1', 'n5:1']);
    expect(judged(world)).toEqual([]);
  });

  it('a node of more weight gets more slots, and gives them back', () => {
    const world = filled('weights', 5);
    const [node] = world.nodes;
    const before = slotsOf(node);
    world.operator.wants({ what: 'weigh', node, weight: 3 });
    changes(world);
    expect(slotsOf(node)).toBeGreaterThan(1.2 * before);
    world.operator.wants({ what: 'weigh', node, weight: 1 });
    changes(world);
    expect(slotsOf(node)).toBe(before);
    expect(judged(world)).toEqual([]);
  });

  it('a dead machine is removed, and what it had is on others', () => {
    const world = filled('removed', 4);
    const [, node] = world.nodes;
    dies(world, node);
    world.operator.wants({ what: 'remove', node, returns: false });
    changes(world);
    expect(members(world)).toEqual(['n1:1', 'n3:1', 'n4:1']);
    expect(judged(world)).toEqual([]);
  });

  it('a dead machine is replaced: the new one has its tokens, nothing else moves', () => {
    const world = filled('replaced', 4);
    const [, dead] = world.nodes;
    const { topology } = world.nodes[0].life!.node;
    const slots = topology.slotsOf(topology.numberOf(dead.address)!);
    dies(world, dead);
    const by = world.addNode({ replaces: dead.address });
    world.operator.wants({ what: 'replace', node: dead, by });
    changes(world);
    expect(members(world)).toEqual(['n1:1', 'n3:1', 'n4:1', 'n5:1']);
    expect(Buffer.compare(by.life!.node.topology.isHome, slots)).toBe(0);
    expect(judged(world)).toEqual([]);
  });

  it('a change is taken back, and nothing has moved', () => {
    const world = filled('taken back', 4);
    const homes = world.nodes.map(slotsOf);
    world.operator.wants({ what: 'leave', node: world.nodes[1] });
    expect(world.runUntil(() => world.rings.latest!.phase === 'joint')).toBe(true);
    world.nodes[0].life!.changeRing({ what: 'roll back' });
    expect(world.runUntil(() => world.rings.latest!.phase === 'stable')).toBe(true);
    expect(members(world)).toHaveLength(4);
    expect(world.runUntil(() => world.whole)).toBe(true);
    expect(world.nodes.map(slotsOf)).toEqual(homes);
  });
});

describe('a machine that was removed', () => {
  it('and lives after all is told so, and ends; what it has does not come back', () => {
    const world = filled('comes back', 4);
    const [, node] = world.nodes;
    node.crash();
    world.retire(node);
    world.operator.wants({ what: 'remove', node, returns: true });
    changes(world);
    for (const key of KEYS) set(world, key, 'new');
    expect(world.runUntil(() => node.folder.life > 0, 60_000)).toBe(true);
    expect(world.runUntil(() => !node.running, 60_000)).toBe(true);
    expect(judged(world)).toEqual([]);
    expect(members(world)).not.toContain(node.address);
  });
});

function slotsOf({ life }: SimNode): number {
  return life!.node.topology.isHome.reduce((sum, is) => sum + is, 0);
}
