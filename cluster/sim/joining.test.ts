import { describe, expect, it } from 'vitest';
import { ringText } from '../core/elastic/ring-json.js';
import { advanced, everybody, type RingState } from '../core/elastic/ring-state.js';
import type { SimNode } from './sim-node.js';
import { SimWorld } from './sim-world.js';

function formed(seed: number, nodes = 3): SimWorld {
  const world = new SimWorld(seed, nodes);
  world.form();
  // Until all vote.
  world.runFor(200);
  return world;
}

function ringOf({ life }: SimNode): RingState | undefined {
  return life?.node.ready ? life.node.topology.ring : undefined;
}

/** All of them serve by one ring. */
function agree(nodes: readonly SimNode[]): boolean {
  const rings = nodes.map(ringOf);
  return rings.every((ring) => ring !== undefined && ringText(ring) === ringText(rings[0]!));
}

function namesIn(ring: RingState): string[] {
  return everybody(ring)
    .map(({ name }) => name)
    .sort();
}

describe.each([1, 2, 3, 4, 5])('seed %i: a node with an empty folder', (seed) => {
  it('is taken in by the cluster that its seeds are part of, and all hear each other', () => {
    const world = formed(seed);
    const joiner = world.addNode();
    joiner.start();
    expect(world.runUntil(() => agree(world.nodes), 30_000)).toBe(true);
    const ring = ringOf(joiner)!;
    expect(ring).toMatchObject({ epoch: 2, phase: 'copying' });
    expect(namesIn(ring)).toEqual(['n1:1', 'n2:1', 'n3:1', 'n4:1']);
    expect(world.runUntil(() => world.whole, 30_000)).toBe(true);
    expect(world.checker.violations).toEqual([]);
  });

  it('is taken in together with another that comes at the same time', () => {
    const world = formed(seed);
    const joiners = [world.addNode(), world.addNode()];
    for (const joiner of joiners) joiner.start();
    expect(world.runUntil(() => agree(world.nodes), 30_000)).toBe(true);
    expect(namesIn(ringOf(joiners[0])!)).toHaveLength(5);
    expect(world.runUntil(() => world.whole, 30_000)).toBe(true);
  });

  it('waits while no majority can take it in, and serves nobody', () => {
    const world = formed(seed);
    for (const node of world.nodes.slice(1)) node.crash();
    const joiner = world.addNode();
    joiner.start();
    world.runFor(20_000);
    expect(ringOf(world.nodes[0])!.epoch).toBe(1);
    expect(joiner.life!.node.ready).toBe(false);
    expect(joiner.life!.assembly.joining.waitsFor).toMatch(/nothing was changed/);
    world.startAll();
    expect(world.runUntil(() => agree(world.nodes), 20_000)).toBe(true);
    expect(joiner.life!.assembly.joining.waitsFor).toBe(null);
  });

  it('that dies while it joins is a member when it comes again, wherever it died', () => {
    const world = formed(seed);
    const joiner = world.addNode();
    joiner.start();
    world.runFor(seed * 20);
    joiner.crash(true);
    world.runFor(5000);
    joiner.start();
    expect(world.runUntil(() => agree(world.nodes), 20_000)).toBe(true);
    expect(namesIn(ringOf(joiner)!)).toContain(joiner.address);
  });
});

it('members that were away find the ring of those that were there, also the new ones among them', () => {
  const world = formed(1, 5);
  const [away, ...others] = world.nodes;
  away.crash();
  world.runFor(3000);
  const joiner = world.addNode();
  joiner.start();
  expect(world.runUntil(() => agree([...others, joiner]), 30_000)).toBe(true);
  away.start();
  expect(world.runUntil(() => agree(world.nodes), 5000)).toBe(true);
  expect(world.runUntil(() => world.whole, 30_000)).toBe(true);
});

it('all know the ring after they have lost power together', () => {
  const world = formed(1);
  const joiner = world.addNode();
  joiner.start();
  expect(world.runUntil(() => agree(world.nodes), 30_000)).toBe(true);
  const text = ringText(ringOf(joiner)!);
  for (const node of world.nodes) node.crash(true);
  world.startAll();
  expect(world.runUntil(() => agree(world.nodes), 30_000)).toBe(true);
  expect(ringText(ringOf(joiner)!)).toBe(text);
});

it('a member whose disk is lost comes back under its name, and the ring stays as it is', () => {
  const world = formed(1);
  const [lost, other] = world.nodes;
  lost.crash(true);
  lost.loseDisk();
  world.runFor(3000);
  lost.start();
  expect(world.runUntil(() => agree(world.nodes), 30_000)).toBe(true);
  expect(ringOf(lost)!.epoch).toBe(1);
  const member = other.life!.node.members;
  expect(namesIn(member.ring!)).toContain(lost.address);
});

describe('a node that is in the ring no longer', () => {
  /** Takes the last node out, step by step, as if nothing had to be moved. */
  function takeOut(world: SimWorld, name: string, by: SimNode): void {
    const { ring, control } = by.life!.assembly;
    control.leave(name, () => {});
    expect(world.runUntil(() => ringOf(by)!.phase === 'copying')).toBe(true);
    for (const phase of ['joint', 'sealed', 'clearing', 'stable'] as const) {
      ring.change(
        (now) => (now.phase === phase ? null : advanced(now)),
        () => {},
      );
      expect(world.runUntil(() => ringOf(by)!.phase === phase)).toBe(true);
    }
  }

  it('that was there is told, stops, and the others go on without it', () => {
    const world = formed(1, 4);
    const gone = world.nodes[3];
    takeOut(world, gone.address, world.nodes[0]);
    expect(world.runUntil(() => !gone.running, 5000)).toBe(true);
    expect(world.logged).toContain(
      'this node has left the cluster; to join one again it needs an empty data folder',
    );
    const rest = world.nodes.slice(0, 3);
    expect(world.runUntil(() => agree(rest), 5000)).toBe(true);
    expect(namesIn(ringOf(rest[0])!)).toHaveLength(3);
    gone.start();
    world.runFor(3000);
    expect(gone.running).toBe(false);
  });

  it('that was away is told when it comes, and does not serve', () => {
    const world = formed(1, 4);
    const gone = world.nodes[3];
    gone.crash();
    world.runFor(20_000);
    world.nodes[0].life!.assembly.control.leave(gone.address, (failure) =>
      expect(failure).toMatch(/is down: it cannot hand over/),
    );
    let removed: string | null = 'never';
    world.nodes[0].life!.assembly.control.remove(gone.address, (failure) => {
      removed = failure;
    });
    expect(world.runUntil(() => removed === null, 30_000)).toBe(true);
    const { ring } = world.nodes[0].life!.assembly;
    for (let i = 0; i < 4; i++) {
      let done = false;
      ring.change(advanced, () => {
        done = true;
      });
      // What it wants comes about once: asked again it would be more than one step.
      expect(world.runUntil(() => done)).toBe(true);
    }
    gone.start();
    expect(world.runUntil(() => !gone.running, 5000)).toBe(true);
    expect(world.logged).toContain(
      'this node was taken out of the cluster; to join again it needs an empty data folder',
    );
    // Under the same address, with an empty folder, it may come again, once all know that it is out.
    expect(world.runUntil(() => agree(world.nodes.slice(0, 3)), 5000)).toBe(true);
    gone.loseDisk();
    gone.start();
    expect(world.runUntil(() => agree(world.nodes), 30_000)).toBe(true);
    expect(namesIn(ringOf(gone)!)).toContain(gone.address);
  });
});
