import { beforeEach, describe, expect, it } from 'vitest';
import { Filling } from './filling.js';
import type { MemberFacts } from './member-view.js';
import { Topology } from './topology.js';
import { membersOf } from './topology.test-support.js';

const SLOT = 4711;
const LOG = { info: () => {}, warn: () => {}, error: () => {} };

function factsOf(id: string, filling = false): MemberFacts {
  return { id, address: '', rack: '', filling };
}

/** Three homes of every slot, seen from the first, whose disk is new. */
describe('a node whose disk is new', () => {
  let topology: Topology;
  let filling: Filling;
  let facts: (MemberFacts | undefined)[];
  let isWhole: boolean;
  let now: number;
  const tick = (): void => {
    now += 1000;
    filling.tick(0, now);
  };
  beforeEach(() => {
    const members = membersOf(3);
    topology = new Topology(members, 0, 3, 8);
    for (const peer of [1, 2]) topology.setAlive(peer, true);
    facts = members.map(({ nodeId }) => factsOf(nodeId));
    isWhole = false;
    now = 0;
    filling = new Filling({
      topology: () => topology,
      log: LOG,
      isNew: true,
      isWhole: () => isWhole,
      idOf: (peer) => members[peer].nodeId,
      factsOf: (peer) => facts[peer],
    });
    filling.formed();
  });

  it('answers for others only once it was compared with all that live', () => {
    expect([topology.isSource(SLOT), topology.answersAlone(SLOT)]).toEqual([false, false]);
    expect(topology.firstLiveSource(SLOT)).not.toBe(0);
    filling.compared(1);
    expect(filling.isFilling).toBe(true);
    filling.compared(2);
    expect(filling.isFilling).toBe(false);
    expect([topology.isSource(SLOT), topology.answersAlone(SLOT)]).toEqual([true, true]);
  });

  it('does not wait for who is down, but answers while nobody else is up', () => {
    topology.setAlive(1, false);
    filling.compared(2);
    expect(filling.isFilling).toBe(false);
  });

  it('answers while nobody else is up, and is filling still', () => {
    for (const peer of [1, 2]) topology.setAlive(peer, false);
    tick();
    expect(filling.isFilling).toBe(true);
    expect([topology.isSource(SLOT), topology.answersAlone(SLOT)]).toEqual([true, true]);
    expect(topology.firstLiveSource(SLOT)).toBe(0);
  });

  it('has not everything from one that is filling itself, unless there is nobody else', () => {
    facts[1] = factsOf(topology.members[1].nodeId, true);
    tick();
    topology.setAlive(2, false);
    expect(topology.isSource(SLOT)).toBe(true);
    filling.compared(1);
    expect(filling.isFilling).toBe(true);
    topology.setAlive(2, true);
    filling.compared(2);
    expect(filling.isFilling).toBe(false);
  });

  it('rather asks somebody not heard of yet than one of whom it knows only what its predecessor has said', () => {
    facts[1] = factsOf('before');
    facts[2] = undefined;
    tick();
    expect([...topology.filling]).toEqual([1, 1, 0]);
    expect(topology.firstLiveSource(SLOT)).toBe(2);
  });

  it('is whole when it has its memory of votes: it was compared for that, or the cluster is new', () => {
    isWhole = true;
    tick();
    expect([filling.isFilling, topology.filling[0]]).toEqual([false, 0]);
  });
});
