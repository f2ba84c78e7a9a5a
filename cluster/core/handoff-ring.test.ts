import { beforeEach, describe, expect, it } from 'vitest';
import type { Phase, RingState } from './elastic/ring-state.js';
import { ringOf } from './elastic/rings.test-support.js';
import { HandoffBench } from './handoff.test-support.js';
import { Topology } from './topology.js';

/** Member 1 leaves, unless it is said otherwise. */
const ALL = [0, 1, 2, 3, 4];
const REST = [0, 2, 3, 4];

let bench: HandoffBench;
beforeEach(() => {
  bench = new HandoffBench();
});

/** The ring is another for node 0 from now on. */
function turn(ring: RingState): void {
  const { members, self, sloppy } = bench.topology;
  bench.topology = new Topology(members, self, 3, 8, sloppy, ring, bench.topology);
  bench.handoff.ringChanged();
  bench.tick();
}
const leaving = (phase: Phase): void => turn(ringOf(phase, ALL, REST));

/** A slot of which these are homes and those not, before and after member 1 has left. */
function slotWhere(is: (before: readonly number[], after: readonly number[]) => boolean): number {
  const { members, self } = bench.topology;
  const after = new Topology(members, self, 3, 8, true, ringOf('stable', REST, []));
  for (let slot = 0; slot < 16384; slot++)
    if (is([...bench.topology.homes(slot)], [...after.homes(slot)])) return slot;
  throw new Error('there is no such slot');
}

describe('hints for who has left the ring', () => {
  it('are dropped by a home: who took its place has compared its records with the other homes', () => {
    const slot = slotWhere((before) => before.includes(0) && before.includes(1));
    bench.down(1);
    bench.write(slot, 'k', 'v', 1, 1);
    leaving('clearing');
    expect([bench.hints.count, bench.value(slot, 'k')]).toEqual([0, 'v']);
    expect(bench.sent()).toEqual([]);
  });

  it('are delivered to the homes by a stand-in, which then has no copy', () => {
    const slot = slotWhere(
      (before, after) => !before.includes(0) && before.includes(1) && !after.includes(0),
    );
    bench.down(1);
    bench.write(slot, 'k', 'v', 1, 1);
    expect(bench.sent()).toEqual([]);
    leaving('clearing');
    const sent = bench.sent();
    expect(sent.map(({ peer }) => peer).sort()).toEqual([...bench.topology.homes(slot)].sort());
    for (const one of sent) bench.answer(one, one.peer);
    expect([bench.hints.count, bench.value(slot, 'k')]).toEqual([0, null]);
  });

  it('wait for it while it is still one of the homes', () => {
    const slot = slotWhere((before) => before.includes(0) && before.includes(1));
    bench.down(1);
    bench.write(slot, 'k', 'v', 1, 1);
    for (const phase of ['copying', 'joint', 'sealed'] as const) leaving(phase);
    expect(bench.hints.count).toBe(1);
    bench.up(1);
    expect(bench.answerAll()).toEqual(['k']);
  });
});

describe('a member that is no home of the slot any more', () => {
  /** Members 0 and 2 to 4 take in member 1, which takes this slot from the member named. */
  function taken(): { slot: number; from: number } {
    const { members, sloppy } = bench.topology;
    bench.topology = new Topology(members, 0, 3, 8, sloppy, ringOf('stable', REST, []));
    for (const peer of REST) bench.topology.setAlive(peer, true);
    const after = new Topology(members, 0, 3, 8, sloppy, ringOf('stable', ALL, []));
    for (let slot = 0; slot < 16384; slot++) {
      const homes = [...bench.topology.homes(slot)];
      const from = homes.find((home) => !after.homes(slot).includes(home));
      if (from !== undefined && from !== 0 && !homes.includes(0)) return { slot, from };
    }
    throw new Error('there is no such slot');
  }

  it.each([true, false])('is sent nothing of it (it is up: %s)', (isUp) => {
    const { slot, from } = taken();
    bench.down(from);
    bench.write(slot, 'k', 'v', 1, from);
    if (isUp) bench.topology.setAlive(from, true);
    turn(ringOf('clearing', REST, ALL));
    bench.topology.setAlive(1, true);
    const sent = bench.sent();
    expect(sent.length).toBeGreaterThan(0);
    expect(sent.map(({ peer }) => peer)).not.toContain(from);
    for (const one of sent) bench.answer(one, one.peer);
    expect([bench.hints.count, bench.value(slot, 'k')]).toEqual([0, null]);
  });
});

describe('a node that leaves', () => {
  const alone = (phase: Phase): void => turn(ringOf(phase, ALL, [1, 2, 3, 4]));

  it('hands to the other homes what it kept for who is down', () => {
    const slot = slotWhere((before) => !before.includes(0) && before.includes(4));
    bench.down(4);
    bench.write(slot, 'k', 'v', 1, 4);
    alone('sealed');
    expect(bench.sent()).toEqual([]);
    alone('clearing');
    const sent = bench.sent();
    expect(sent.map(({ peer }) => peer).sort()).toEqual(
      [...bench.topology.homes(slot)].filter((home) => home !== 4).sort(),
    );
    for (const one of sent) bench.answer(one, one.peer);
    expect([bench.hints.count, bench.value(slot, 'k')]).toEqual([0, null]);
  });

  it('tries again when one of them did not take it', () => {
    const slot = slotWhere((before) => !before.includes(0) && before.includes(4));
    bench.down(4);
    bench.write(slot, 'k', 'v', 1, 4);
    alone('clearing');
    bench.answerAll(false);
    expect(bench.hints.count).toBe(1);
    bench.tick(1000);
    bench.answerAll();
    expect(bench.hints.count).toBe(0);
  });
});

it('a stand-in that is to become a home itself keeps its copy', () => {
  const slot = slotWhere((before, after) => before.includes(1) && !before.includes(0) && after.includes(0));
  const target = [...bench.topology.homes(slot)].find((home) => home !== 1)!;
  bench.down(target);
  bench.write(slot, 'k', 'v', 1, target);
  leaving('copying');
  bench.up(target);
  expect(bench.answerAll()).toEqual(['k']);
  expect([bench.hints.count, bench.value(slot, 'k')]).toEqual([0, 'v']);
});
