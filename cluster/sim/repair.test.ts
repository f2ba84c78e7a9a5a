import { describe, expect, it } from 'vitest';
import { SLOTS } from '../../storage/key-layout.js';
import { LiveCounts } from '../../storage/live-counts.js';
import { type KeyRecord, STRING } from '../../storage/record.js';
import { Recounter } from '../../storage/recount.js';
import { Summaries } from '../../storage/summaries.js';
import { fnv1a, writerId } from '../../storage/writers.js';
import { hlcFromMs } from '../core/hlc.js';
import { slotOf } from '../core/slot.js';
import type { Troubles } from './sim-chaos.js';
import { WORLD_BEGINS } from './sim-clock.js';
import type { SimSettings } from './sim-life.js';
import type { SimNode } from './sim-node.js';
import { SimWorld } from './sim-world.js';
import { simulate } from './simulation.js';

const MANUAL: Partial<SimSettings> = { repairIntervalSeconds: 0 };
const VALUE = 'x'.repeat(100);
/** A round takes this long at most, however much chance is against it. */
const PATIENCE_MS = 300_000;

function formed(seed: number, nodes: number, settings: Partial<SimSettings> = MANUAL): SimWorld {
  const world = new SimWorld(seed, nodes, settings);
  world.form();
  return world;
}

function keys(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `key ${from + i}`);
}

const PUT_AT_ONCE = 500;

/** Puts a version of keys straight into the stores of nodes, as if it had reached only these. */
function put(world: SimWorld, nodes: readonly SimNode[], names: readonly string[], version = 1): void {
  for (let at = 0; at < names.length; at += PUT_AT_ONCE) {
    for (const node of nodes) for (const key of names.slice(at, at + PUT_AT_ONCE)) putOne(node, key, version);
    world.runFor(50);
  }
  world.runFor(2000);
}

function putOne(node: SimNode, key: string, version: number): void {
  const { store, node: member } = node.life!;
  const slot = slotOf(key);
  if (member.topology.isHome[slot] === 0) return;
  const writer = store.writers.index(writerId('e'.repeat(32), 0));
  const hlc = hlcFromMs(WORLD_BEGINS) - 2 ** 40 + version * 2 ** 32 + fnv1a(key);
  const record: KeyRecord = {
    context: [writer, hlc],
    siblings: [{ writer, hlc, type: STRING, expireAt: 0, payload: VALUE }],
  };
  const entry = store.pin(0, slot, key);
  store.put(entry, record);
  store.unpin(entry);
}

/** Repairs everything from one node and waits for it; why it failed, if it did. */
function repair(world: SimWorld, node: SimNode): readonly string[] {
  let ended: readonly string[] | undefined;
  expect(
    node.life!.assembly.repair.repair(null, (failures) => {
      ended = failures;
    }),
  ).toBe(true);
  expect(world.runUntil(() => ended !== undefined, PATIENCE_MS)).toBe(true);
  return ended!;
}

/** Slots whose home replicas do not all have the same tree. */
function differingSlots(world: SimWorld): number[] {
  const { topology } = world.nodes[0].life!.node;
  const lifeOf = (member: number) =>
    world.nodes.find((node) => node.address === topology.members[member].busAddress)!.life!;
  const differing: number[] = [];
  for (let slot = 0; slot < SLOTS; slot++) {
    const sums = [...topology.homes(slot)].map((member) => {
      const { trees } = lifeOf(member).assembly;
      return `${trees.slotA(slot)} ${trees.slotB(slot)}`;
    });
    if (new Set(sums).size > 1) differing.push(slot);
  }
  return differing;
}

function bytesOf(node: SimNode): number {
  return node
    .life!.assembly.repair.figures()
    .reduce((sum, one) => sum + one.bytesSent + one.bytesReceived, 0);
}

function figuresOf(node: SimNode) {
  const all = node.life!.assembly.repair.figures();
  return {
    sent: all.reduce((sum, one) => sum + one.keysSent, 0),
    received: all.reduce((sum, one) => sum + one.keysReceived, 0),
  };
}

describe('two replicas that differ in 100 keys', () => {
  /** Bytes exchanged to make a cluster equal again in which one node lacks 50 keys of so many and has 50 old ones. */
  function bytesFor(count: number): number {
    const world = formed(1, 3);
    put(world, world.nodes, keys(0, count));
    put(world, world.nodes.slice(0, 2), keys(count, 50));
    put(world, world.nodes.slice(0, 2), keys(0, 50), 2);
    expect(differingSlots(world).length).toBeGreaterThan(90);
    const [, , stale] = world.nodes;
    expect(repair(world, stale)).toEqual([]);
    expect(differingSlots(world)).toEqual([]);
    expect(figuresOf(stale)).toEqual({ sent: 0, received: 100 });
    return bytesOf(stale);
  }

  it('of 20,000 are equal after one round; twice the data does not cost twice the bytes', () => {
    const bytes = bytesFor(20_000);
    expect(bytes).toBeLessThan(300_000);
    expect(bytesFor(40_000)).toBeLessThan(bytes * 1.25);
  });

  it('of which each knows what the other does not exchange both ways', () => {
    const world = formed(2, 2);
    put(world, world.nodes, keys(0, 500));
    put(world, [world.nodes[0]], keys(1000, 30));
    put(world, [world.nodes[1]], keys(2000, 40));
    expect(repair(world, world.nodes[1])).toEqual([]);
    expect(differingSlots(world)).toEqual([]);
    expect(figuresOf(world.nodes[1])).toEqual({ sent: 40, received: 30 });
    expect(figuresOf(world.nodes[0])).toEqual({ sent: 0, received: 40 });
  });
});

it('trees that show nothing of what is there are put right by a repair', () => {
  const world = formed(6, 2);
  const [one, other] = world.nodes;
  put(world, world.nodes, keys(0, 20));
  for (const [wrong, asking] of [
    [one, one],
    [one, other],
  ]) {
    wrong.life!.assembly.recounter.summaries.trees.cleared(0);
    expect(differingSlots(world).length).toBeGreaterThan(0);
    expect(repair(world, asking)).toEqual([]);
    world.runFor(PATIENCE_MS);
    expect(differingSlots(world)).toEqual([]);
  }
});

describe('all nodes told to repair at once', () => {
  it('take turns, and all are done in the end', () => {
    const world = formed(9, 5);
    world.nodes.forEach((node, i) => {
      put(world, [node], keys(i * 1000, 100));
    });
    const ended: (readonly string[])[] = [];
    for (const { life } of world.nodes)
      life!.assembly.repair.repair(null, (failures) => ended.push(failures));
    expect(world.runUntil(() => ended.length === 5, PATIENCE_MS)).toBe(true);
    expect(ended.flat()).toEqual([]);
    expect(differingSlots(world)).toEqual([]);
  });

  it('while clients write: nothing is lost, nobody is told nonsense, and all are equal after it', () => {
    const world = formed(10, 3);
    put(world, world.nodes.slice(0, 2), keys(0, 300));
    let writes = 0;
    const write = (): void => {
      world.nodes[writes % 3].ask(
        { kind: 'set', keys: [`key ${writes % 400}`], value: `v${writes}`, level: 0 },
        () => {},
      );
      if (++writes < 2000) world.queue.after(3, write);
    };
    write();
    for (let i = 0; i < 10; i++) for (const node of world.nodes) expect(repair(world, node)).toEqual([]);
    expect(world.runUntil(() => writes === 2000)).toBe(true);
    world.runFor(5000);
    expect(differingSlots(world)).toEqual([]);
    expect(world.checker.violations).toEqual([]);
  });
});

describe('replicas that are equal', () => {
  it('exchange next to nothing', () => {
    const world = formed(3, 3);
    put(world, world.nodes, keys(0, 2000));
    expect(repair(world, world.nodes[0])).toEqual([]);
    expect(bytesOf(world.nodes[0])).toBeLessThan(200);
  });
});

describe('a replica that has nothing', () => {
  it('is filled whole, at the throttle', () => {
    const world = formed(4, 3, { ...MANUAL, repairThrottle: 200_000 });
    const [one, empty, three] = world.nodes;
    put(world, [one, three], keys(0, 5000));
    const began = world.queue.now;
    expect(repair(world, empty)).toEqual([]);
    expect(differingSlots(world)).toEqual([]);
    expect(figuresOf(empty)).toEqual({ sent: 0, received: 5000 });
    // A megabyte of records and more at a fifth of one a second.
    expect(world.queue.now - began).toBeGreaterThan(4000);
  });
});

describe('a repair whose peer dies', () => {
  it('breaks off, says so, and goes on where it was once the peer is back', () => {
    const world = formed(5, 2, { ...MANUAL, repairThrottle: 100_000 });
    const [whole, stale] = world.nodes;
    put(world, [whole], keys(0, 4000));
    let ended: readonly string[] | undefined;
    stale.life!.assembly.repair.repair(null, (failures) => {
      ended = failures;
    });
    world.runUntil(() => figuresOf(stale).received > 1000, PATIENCE_MS);
    whole.crash();
    expect(world.runUntil(() => ended !== undefined, PATIENCE_MS)).toBe(true);
    expect(ended).toEqual([expect.stringContaining('down')]);
    whole.start();
    world.runUntil(() => world.whole);
    const { received } = figuresOf(stale);
    expect(received).toBeLessThan(3900);
    expect(repair(world, stale)).toEqual([]);
    expect(differingSlots(world)).toEqual([]);
    expect(figuresOf(stale).received).toBe(4000);
  });
});

describe('after everything that can go wrong', () => {
  const TROUBLES: Troubles = {
    faults: [
      ...['crash', 'clean stop', 'partition', 'one-way cut', 'broken connection', 'lost disk'],
      ...['full disk', 'rotten disk', 'clock a little off', 'lost, late and repeated messages'],
    ],
    everyMs: 1500,
  };

  it.each([1, 2, 3, 4, 5, 6])(
    'seed %i: one repair by every node, and all replicas are bit-identical',
    (seed) => {
      const { world } = simulate({ seed, nodes: seed % 2 === 0 ? 3 : 5, seconds: 60, troubles: TROUBLES });
      for (const node of world.nodes) expect(repair(world, node)).toEqual([]);
      world.runFor(5000);
      expect(differingSlots(world)).toEqual([]);
    },
  );

  it.each([7, 8, 9])('seed %i: what the trees say is what is on the disks', (seed) => {
    const { world } = simulate({ seed, nodes: 3, seconds: 60, troubles: TROUBLES });
    world.runFor(10_000);
    for (const node of world.nodes) {
      const { trees, store, recounter } = node.life!.assembly;
      expect(world.runUntil(() => recounter.exact)).toBe(true);
      const fresh = new Recounter(
        store,
        new Summaries(new LiveCounts(SLOTS, store.writers), trees.blank()),
        () => {},
      );
      fresh.start(undefined);
      expect(world.runUntil(() => fresh.exact)).toBe(true);
      const counted = fresh.summaries.trees;
      for (let slot = 0; slot < SLOTS; slot++)
        expect([trees.slotA(slot), trees.slotB(slot)]).toEqual([counted.slotA(slot), counted.slotB(slot)]);
    }
  });
});

describe('nobody tells the nodes to', () => {
  it('they repair at intervals', () => {
    const world = formed(6, 3, { repairIntervalSeconds: 60 });
    put(world, world.nodes, keys(0, 200));
    put(world, [world.nodes[2]], keys(1000, 20));
    world.runFor(170_000);
    expect(differingSlots(world)).toEqual([]);
  });

  it('they repair soon after one of them was away', () => {
    const world = formed(7, 3, { repairIntervalSeconds: 3600 });
    const [one, two, three] = world.nodes;
    three.crash();
    world.runFor(5000);
    put(world, [one, two], keys(0, 50));
    three.start();
    world.runUntil(() => world.whole);
    expect(differingSlots(world).length).toBeGreaterThan(0);
    world.runFor(60_000);
    expect(differingSlots(world)).toEqual([]);
  });

  it('and not at all when the interval is 0', () => {
    const world = formed(8, 3);
    put(world, [world.nodes[2]], keys(0, 20));
    world.nodes[0].crash();
    world.runFor(5000);
    world.nodes[0].start();
    world.runFor(3_600_000);
    expect(differingSlots(world).length).toBe(20);
  });
});
