import { describe, expect, it } from 'vitest';
import { keepPeace, knowDeath, roundsAllowed } from './gossip-scale.js';
import { GossipWorld } from './gossip-world.js';

const HOUR_MS = 3_600_000;

describe('gossip among many, one message in a hundred lost', () => {
  it.each([
    [10, 30],
    [100, 8],
  ])('of %i nodes all know of one death within log2(n) + 3 rounds', (nodes, seeds) => {
    const { rumour, death } = knowDeath(nodes, seeds);
    expect(Math.max(...rumour)).toBeLessThanOrEqual(roundsAllowed(nodes));
    expect(Math.max(...death)).toBeLessThanOrEqual(roundsAllowed(nodes));
    // Nobody knows at once.
    expect(Math.min(...death)).toBeGreaterThan(0.5);
  });

  it.each([
    [10, 4 * HOUR_MS],
    [100, HOUR_MS / 10],
  ])('of %i nodes none is suspected while all live', (nodes, ms) => {
    expect(keepPeace(nodes, 1, ms)).toEqual({ suspicions: 0, downs: 0 });
  });

  it('and where half of everything is lost somebody is (a count that cannot rise counts nothing)', () => {
    const world = new GossipWorld(1, 10, 0.5);
    world.runFor(60_000);
    expect(world.falseSuspicions).toBeGreaterThan(0);
  });
});
