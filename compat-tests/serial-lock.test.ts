import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { Caller } from '../bench/serial/caller.js';
import { fencesBackwards, LockFight, overlaps } from '../bench/serial/lock-fight.js';
import type { Actor } from '../bench/serial/shared-object.js';
import { Tally } from '../bench/serial/tally.js';
import { seeded } from './harness/seeded.js';
import { WiredCluster } from './harness/wired-cluster.js';

const CLIENTS = 20;
const LOCK_MS = 2000;
const ROUNDS = 15;
const ROUND_MS = 1000;

let cluster: WiredCluster;
afterEach(() => cluster.stop());

/** Clients of all nodes; none of them waits for one node alone. */
function actors(tally: Tally): Actor[] {
  const ports = cluster.nodes.map(({ port }) => port);
  let written = 0;
  return Array.from({ length: CLIENTS }, (_, i) => {
    const random = seeded(i + 1);
    const caller = new Caller(ports, random, false);
    return { name: `client ${i}`, caller, random, tally, unique: () => `${i}:${++written}` };
  });
}

describe('20 clients fight for SET lock id NX PX 2000', { timeout: 120_000 }, () => {
  it.each([3, 5])('across a partition of %i nodes that moves every second', async (count) => {
    cluster = await WiredCluster.start(count);
    const tally = new Tally();
    const fight = new LockFight('lock', LOCK_MS);
    const clients = actors(tally);
    const fighting = Promise.all(clients.map((actor) => fight.fight(actor)));
    for (let round = 0; round < ROUNDS; round++) {
      // One after the other is alone, or two are with five nodes: the majority can always go on.
      const alone = count === 3 ? [round % 3] : [round % 5, (round + 2) % 5];
      cluster.wires.heal();
      cluster.wires.part(
        alone,
        cluster.nodes.map((_, node) => node).filter((node) => !alone.includes(node)),
      );
      await pause(ROUND_MS);
    }
    cluster.wires.heal();
    fight.stop();
    await fighting;
    for (const { caller } of clients) caller.close();
    expect(overlaps(fight.holds)).toEqual([]);
    expect(fencesBackwards(fight.holds)).toEqual([]);
    expect([...tally.strange.keys()]).toEqual([]);
    // One after the other for up to two seconds each; with none it would prove nothing.
    expect(fight.holds.length).toBeGreaterThan(2);
  });
});
