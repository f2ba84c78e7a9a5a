import { describe, expect, it } from 'vitest';
import { GossipWorld, ROUND_MS } from './gossip-world.js';

const LOSS = 0.01;
const LONG_MS = 60_000;
const SMALL = [0, 1, 2];
const LARGE = [0, 1, 2, 3, 4, 5];

/** The nodes learn of a new ring one after the other. */
function changeRing(world: GossipWorld, nodes: readonly number[], members: readonly number[]): void {
  for (const node of nodes) {
    world.runFor(ROUND_MS * world.random.next());
    world.tellRing(node, members);
  }
}

/** Who uses whom. */
function usedBy(world: GossipWorld, nodes: readonly number[]): number[][] {
  return nodes.map((node) => [node, ...world.nodes[node].detector.usablePeers()].sort((a, b) => a - b));
}

function sums(world: GossipWorld, nodes: readonly number[]): Set<string> {
  return new Set(nodes.map((node) => `${world.nodes[node].table.sumA} ${world.nodes[node].table.sumB}`));
}

describe('a ring that changes', () => {
  it('grows: all use and know all, nobody is suspected over it', () => {
    const world = new GossipWorld('grows', LARGE.length, LOSS, SMALL.length);
    world.runFor(5000);
    expect(usedBy(world, SMALL)).toEqual(SMALL.map(() => SMALL));
    changeRing(world, LARGE, LARGE);
    world.runFor(LONG_MS);
    expect(usedBy(world, LARGE)).toEqual(LARGE.map(() => LARGE));
    expect(sums(world, LARGE).size).toBe(1);
    for (const node of LARGE) expect(world.nodes[node].table.state(4).generation).toBeGreaterThan(0);
    expect([world.falseSuspicions, world.falseDowns]).toEqual([0, 0]);
  });

  it('shrinks: nobody uses or knows who has left, and nobody else is suspected', () => {
    const world = new GossipWorld('shrinks', LARGE.length, LOSS);
    world.runFor(5000);
    changeRing(world, LARGE, SMALL);
    for (const node of [3, 4, 5]) world.kill(node);
    world.runFor(LONG_MS);
    expect(usedBy(world, SMALL)).toEqual(SMALL.map(() => SMALL));
    const small = new GossipWorld('small', SMALL.length, 0);
    expect(world.nodes[0].table.members).toEqual(small.nodes[0].table.members);
    expect(sums(world, SMALL).size).toBe(1);
    for (const node of SMALL) expect(world.nodes[node].stateOf(1)).toBe('up');
    expect([world.falseSuspicions, world.falseDowns]).toEqual([0, 0]);
  });

  it('does not hear who is no member: neither its news nor its accusations count', () => {
    const world = new GossipWorld('deaf to strangers', LARGE.length, 0, SMALL.length);
    world.tellRing(4, LARGE);
    const { generation, version } = world.nodes[1].table.state(1);
    const accusation = { member: 1, generation, version, down: true, facts: '' };
    world.nodes[0].receive(4, { kind: 'ack2', states: [accusation] }, world.now);
    expect(world.nodes[0].table.isDown(1)).toBe(false);
    world.nodes[0].receive(2, { kind: 'ack2', states: [accusation] }, world.now);
    expect(world.nodes[0].table.isDown(1)).toBe(true);
  });
});
