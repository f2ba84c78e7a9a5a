import { beforeEach, describe, expect, it } from 'vitest';
import { Message } from '../messages.js';
import { CoreBench, type Sent, TestOperation } from './coordinator.test-support.js';
import type { Phase } from './elastic/ring-state.js';
import { ringOf } from './elastic/rings.test-support.js';
import { ALL } from './levels.js';
import { LOOK_MS } from './quorum-reads.js';
import { Topology } from './topology.js';
import { membersOf } from './topology.test-support.js';

/** What a replica is given of which nothing is known yet. */
const PATIENCE_MS = 50;
const TIMEOUT_MS = 1000;

let bench: CoreBench;
beforeEach(() => {
  bench = new CoreBench();
});

/** Time goes by, and the reads under way are looked through as often as they ask for it. */
function pass(ms: number): void {
  for (const end = bench.now + ms; bench.now < end; ) {
    bench.now += LOOK_MS;
    bench.coordinator.reads.look();
  }
}

function readsIn(sent: readonly Sent[]): Sent[] {
  return sent.filter(({ type }) => type === Message.Read);
}

function repaired(): number[] {
  return bench.sent().flatMap(({ type, peer }) => (type === Message.Repair ? [peer] : []));
}

/** A read of a slot that only others hold; they are the test's. */
function foreign(slot = bench.topology.isHome.indexOf(0)): { read: TestOperation; homes: number[] } {
  const { topology } = bench;
  const read = new TestOperation(bench, null);
  read.addKey(0, slot, 'k');
  bench.coordinator.begin(read);
  return { read, homes: [...topology.homes(slot)] };
}

describe('a replica that lets a read wait', () => {
  it('is given its time, then another one is asked for the same, and the first to answer counts', () => {
    bench = new CoreBench(5);
    const record = bench.record('a', 1);
    const { read, homes } = foreign();
    const asked = readsIn(bench.sent());
    expect(asked.map(({ peer, value }) => [peer, value])).toEqual([
      [homes[0], 1],
      [homes[1], 0],
    ]);
    bench.answer(asked, { [homes[1]]: record });
    pass(PATIENCE_MS);
    expect(bench.sent()).toEqual([]);
    pass(LOOK_MS);
    const more = readsIn(bench.sent());
    expect(more.map(({ peer, value }) => [peer, value])).toEqual([[homes[2], 1]]);
    bench.answer(more, { [homes[2]]: record });
    expect(read.found).toEqual(['a']);
    expect(read.ends).toEqual([null]);
    expect(bench.coordinator.counters.speculativeReads).toBe(1);
    bench.answer(asked, { [homes[0]]: record });
    expect(bench.coordinator.inFlight).toBe(0);
    expect(bench.sent()).toEqual([]);
  });

  it('may be this node itself, whose disk is slow', () => {
    bench.onDisk('k', bench.record('a', 1));
    const read = bench.begin('k', null);
    bench.answerReads({ 1: bench.record('a', 1), 2: bench.record('a', 1) });
    pass(PATIENCE_MS + LOOK_MS);
    bench.answerReads({ 1: bench.record('a', 1), 2: bench.record('a', 1) });
    expect(read.ends).toEqual([null]);
    bench.disk.settle();
    expect(bench.coordinator.inFlight).toBe(0);
    expect(bench.store.pin(0, bench.slot, 'k').pins).toBe(1);
  });

  it('is repaired when it answers at last with something older', () => {
    const record = bench.record('new', 2);
    bench.inCache('k', record);
    const read = bench.begin('k', null);
    const [asked] = readsIn(bench.sent());
    pass(PATIENCE_MS + LOOK_MS);
    const [spare] = readsIn(bench.sent());
    expect([asked.peer, spare.peer].sort()).toEqual([1, 2]);
    bench.answer([spare], { [spare.peer]: record });
    expect(read.ends).toEqual([null]);
    bench.answer([asked], { [asked.peer]: bench.record('old', 1) });
    bench.answerReads({ [asked.peer]: bench.record('old', 1) });
    expect(repaired()).toEqual([asked.peer]);
    expect(bench.coordinator.inFlight).toBe(0);
  });

  it('repairs the quicker ones when it answers at last with something newer', () => {
    bench.inCache('k', bench.record('old', 1));
    const read = bench.begin('k', null);
    const [asked] = readsIn(bench.sent());
    pass(PATIENCE_MS + LOOK_MS);
    const [spare] = readsIn(bench.sent());
    bench.answer([spare], { [spare.peer]: bench.record('old', 1) });
    expect(read.found).toEqual(['old']);
    bench.answer([asked], { [asked.peer]: bench.record('new', 2) });
    bench.answerReads({ [asked.peer]: bench.record('new', 2) });
    expect(repaired()).toEqual([spare.peer]);
    expect(bench.load('k')).toBe('new');
  });

  it('is the only one asked for the record: then one of those that were quicker with digests is', () => {
    bench = new CoreBench(5);
    const record = bench.record('a', 1);
    for (let i = 0; i < 200; i++) {
      const { homes } = foreign();
      const asked = readsIn(bench.sent());
      bench.answer(asked, { [homes[1]]: record });
      bench.now += 400;
      bench.answer(asked, { [homes[0]]: record });
    }
    const { read, homes } = foreign();
    const [full, digest] = readsIn(bench.sent());
    expect([full.value, digest.value]).toEqual([1, 0]);
    // The one is known to be slow, the other one is not.
    pass(2 * LOOK_MS);
    const [spare] = readsIn(bench.sent());
    expect([spare.peer, spare.value]).toEqual([homes[2], 0]);
    bench.answer([spare, digest], { [homes[1]]: record, [homes[2]]: record });
    const [again] = readsIn(bench.sent());
    expect(again.value).toBe(1);
    bench.answer([again], { [again.peer]: record });
    expect(read.found).toEqual(['a']);
    bench.answer([full], { [full.peer]: record });
    expect(bench.coordinator.inFlight).toBe(0);
  });

  it('is replaced at once when it dies, and one that is over needs nobody', () => {
    bench.inCache('k', bench.record('a', 1));
    const read = bench.begin('k', null);
    const [asked] = readsIn(bench.sent());
    bench.coordinator.peerDown(asked.peer);
    const [next] = readsIn(bench.sent());
    expect(next.peer).not.toBe(asked.peer);
    bench.answer([next], { [next.peer]: bench.record('a', 1) });
    expect(read.ends).toEqual([null]);
    expect(bench.coordinator.inFlight).toBe(0);
  });

  it('takes the last of those that were to be asked along: whoever takes their place is asked instead', () => {
    bench = new CoreBench(5, true);
    const { topology, coordinator } = bench;
    const { read, homes } = foreign();
    const others = [1, 2, 3, 4].filter((peer) => !homes.includes(peer));
    bench.sent();
    for (const home of homes) {
      topology.setAlive(home, false);
      coordinator.peerDown(home);
    }
    bench.disk.settle();
    const known = Object.fromEntries(others.map((peer) => [peer, bench.record('hinted', 1)]));
    for (let round = 0; round < 2; round++) bench.answerReads(known);
    bench.now += 2 * TIMEOUT_MS;
    coordinator.tick();
    expect([read.found, read.ends]).toEqual([['hinted'], [null]]);
    expect(coordinator.inFlight).toBe(0);
  });

  it('and was asked by a try that began again is not waited for twice', () => {
    bench = new CoreBench(5, true);
    const { topology, coordinator } = bench;
    const { read, homes } = foreign();
    bench.sent();
    bench.deaf.add(homes[2]);
    for (const home of [homes[2], homes[0]]) {
      topology.setAlive(home, false);
      coordinator.peerDown(home);
    }
    const again = readsIn(bench.sent());
    expect(again.map(({ peer }) => peer)).toContain(homes[1]);
    bench.now += TIMEOUT_MS;
    coordinator.tick();
    expect(read.ends).toEqual([expect.stringContaining('NOQUORUM')]);
    expect([coordinator.inFlight, coordinator.underWay]).toEqual([0, 0]);
  });

  it('that never answers is forgotten in the end', () => {
    bench.inCache('k', bench.record('a', 1));
    const read = bench.begin('k', null);
    bench.sent();
    pass(PATIENCE_MS + LOOK_MS);
    bench.answerReads({ 1: bench.record('a', 1), 2: bench.record('a', 1) });
    expect(read.ends).toEqual([null]);
    expect(bench.coordinator.inFlight).toBe(1);
    bench.now += TIMEOUT_MS;
    bench.coordinator.tick();
    expect(bench.coordinator.inFlight).toBe(0);
    expect(read.ends).toEqual([null]);
    expect(bench.store.pin(0, bench.slot, 'k').pins).toBe(1);
  });

  it('is asked after the others until it answers', () => {
    bench = new CoreBench(5);
    const { homes } = foreign();
    const [late, second, third] = homes;
    const asked = readsIn(bench.sent());
    pass(PATIENCE_MS + LOOK_MS);
    bench.answerReads({ [third]: null });
    bench.answer(asked, { [second]: null });
    foreign();
    expect(readsIn(bench.sent()).map(({ peer }) => peer)).toEqual([second, third]);
    bench.answer(asked, { [late]: null });
    foreign();
    expect(readsIn(bench.sent()).map(({ peer }) => peer)).toEqual([late, second]);
  });
});

it('a replica that has fallen silent since a read began is not asked, although it is connected', () => {
  bench = new CoreBench(5);
  const { read, homes } = foreign();
  const lose = (peer: number): void => {
    bench.topology.setAlive(peer, false);
    bench.coordinator.peerDown(peer);
  };
  lose(homes[2]);
  bench.sent();
  lose(homes[1]);
  expect(readsIn(bench.sent()).map(({ peer }) => peer)).not.toContain(homes[2]);
  expect(read.ends).toEqual([expect.stringMatching(/^NOQUORUM . of 2 needed replicas answered/)]);
});

it('a read that is answered by its own copy alone, settled while it was looked at, is over then', () => {
  const { topology } = bench;
  for (const home of topology.homes(bench.slot)) {
    if (home === topology.self) continue;
    topology.setAlive(home, false);
    bench.coordinator.peerDown(home);
  }
  bench.inCache('k', bench.record('a', 1));
  const entry = bench.store.pin(0, bench.slot, 'k');
  entry.unsettled = true;
  bench.store.whenRecordSettles = (_, run) => {
    entry.unsettled = false;
    run(true);
  };
  const write = bench.begin('k', 'b', 1);
  bench.disk.settle();
  expect([write.found, write.ends]).toEqual([['a'], [null]]);
});

describe('nobody is asked in addition', () => {
  it('when every replica has to answer anyway', () => {
    bench.inCache('k', bench.record('a', 1));
    bench.begin('k', null, ALL);
    bench.sent();
    pass(4 * PATIENCE_MS);
    expect(bench.sent()).toEqual([]);
  });

  it('who only stands in for a dead home replica: it may know nothing', () => {
    bench = new CoreBench(5, true);
    const { topology } = bench;
    const standsIn = (slot: number): number => topology.setOf(slot).standIns[0]?.member ?? 0;
    let slot = 0;
    for (; slot < topology.isHome.length; slot++) {
      const last = topology.homes(slot)[2];
      topology.setAlive(last, false);
      if (topology.isHome[slot] === 0 && standsIn(slot) !== 0) break;
      topology.setAlive(last, true);
    }
    const { read, homes } = foreign(slot);
    expect(readsIn(bench.sent()).map(({ peer }) => peer)).toEqual(homes.slice(0, 2));
    pass(4 * PATIENCE_MS);
    expect(bench.sent()).toEqual([]);
    // Only where the home replicas that are left are too few.
    bench.coordinator.peerDown(homes[0]);
    expect(readsIn(bench.sent()).map(({ peer }) => peer)).toEqual([standsIn(slot)]);
    expect(read.ends).toEqual([]);
  });

  it('after a pause of this very process', () => {
    bench.inCache('k', bench.record('a', 1));
    bench.begin('k', null);
    bench.sent();
    bench.now += 20 * PATIENCE_MS;
    bench.coordinator.reads.look();
    expect(bench.sent()).toEqual([]);
    pass(LOOK_MS);
    expect(readsIn(bench.sent())).toHaveLength(1);
  });

  it('for more than a share of all reads, however slow everybody is', () => {
    bench.inCache('k', bench.record('a', 1));
    let extra = 0;
    const reads = 3000;
    for (let i = 0; i < reads; i++) {
      bench.begin('k', null);
      bench.sent();
      pass(LOOK_MS);
      extra += readsIn(bench.sent()).length;
    }
    expect(extra).toBeGreaterThan(300);
    expect(extra).toBeLessThan(128 + reads / 10 + 1);
    expect(bench.coordinator.counters.speculationsHeldBack).toBeGreaterThan(0);
  });
});

it('no look is planned while nothing is asked', () => {
  bench.inCache('k', bench.record('a', 1));
  expect(bench.looksPlanned).toBe(0);
  bench.begin('k', null);
  expect(bench.looksPlanned).toBe(1);
  bench.answerReads({ 1: bench.record('a', 1), 2: bench.record('a', 1) });
  pass(10 * LOOK_MS);
  expect(bench.looksPlanned).toBe(1);
});

it('a peer that is up but has too much to take already is not said to be silent', () => {
  bench.inCache('k', bench.record('a', 1));
  bench.crowded.add(1).add(2);
  const read = bench.begin('k', null);
  expect(read.ends).toEqual([
    expect.stringMatching(/^OVERLOADED try again, too much is queued.*nothing was read/),
  ]);
});

it('a read that begins again asks as many as its level needs by then', () => {
  const members = membersOf(6);
  const turn = (phase: Phase): void => {
    const ring = ringOf(phase, [0, 1, 2], [3, 4, 5]);
    bench.topology = new Topology(members, 0, 3, 8, false, ring, bench.topology);
    for (let peer = 1; peer < 6; peer++) bench.topology.setAlive(peer, true);
  };
  const dies = (peer: number): void => {
    bench.topology.setAlive(peer, false);
    bench.coordinator.peerDown(peer);
  };
  turn('sealed');
  const read = bench.begin('k', null);
  bench.disk.settle();
  dies(1);
  expect(readsIn(bench.sent())).toHaveLength(5);
  turn('clearing');
  dies(5);
  bench.answerReads({ 3: bench.record('a', 1), 4: bench.record('a', 1) });
  expect([read.found, read.ends]).toEqual([['a'], [null]]);
});
