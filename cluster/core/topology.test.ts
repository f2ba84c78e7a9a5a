import { describe, expect, it } from 'vitest';
import { NOBODY, Topology } from './topology.js';
import { membersOf } from './topology.test-support.js';

const SLOT = 4711;

function topologyOf(count: number, sloppy: boolean): { topology: Topology; order: number[] } {
  const members = membersOf(count);
  // Seen from a node that is no home replica of the slot, if there is one.
  const plain = new Topology(members, 0, count, 8);
  const order = [...plain.homes(SLOT)];
  const topology = new Topology(members, order[count - 1], 3, 8, sloppy);
  for (const member of order) topology.setAlive(member, true);
  return { topology, order };
}

describe('the replica set of a slot', () => {
  it('is its home replicas while all live', () => {
    const { topology, order } = topologyOf(5, true);
    const set = topology.setOf(SLOT);
    expect([...set.peers].sort()).toEqual(order.slice(0, 3).sort());
    expect(set).toMatchObject({
      standIns: [],
      missing: [],
      standsFor: -1,
      includesSelf: false,
      reachable: 3,
    });
    expect(topology.holds(SLOT)).toBe(false);
  });

  it('has the next live nodes of the preference list in the places of dead homes, in order', () => {
    const { topology, order } = topologyOf(6, true);
    topology.setAlive(order[0], false);
    topology.setAlive(order[2], false);
    topology.setAlive(order[3], false);
    expect(topology.setOf(SLOT)).toMatchObject({
      peers: [order[1]],
      standIns: [
        { member: order[4], home: order[0] },
        { member: order[5], home: order[2] },
      ],
      standsFor: order[2],
      missing: [],
      reachable: 3,
    });
    expect(topology.holds(SLOT)).toBe(true);
    expect(topology.firstLive[SLOT]).toBe(order[1]);
  });

  it('counts nobody but homes where sloppy is off', () => {
    const { topology, order } = topologyOf(5, false);
    topology.setAlive(order[0], false);
    topology.setAlive(order[1], false);
    expect(topology.setOf(SLOT)).toMatchObject({
      peers: [order[2]],
      standIns: [],
      missing: [order[0], order[1]],
      reachable: 1,
    });
    topology.setAlive(order[2], false);
    expect(topology.firstLive[SLOT]).toBe(NOBODY);
  });

  it('lets a stand-in coordinate when all homes are dead, but not answer for the whole slot', () => {
    const { topology, order } = topologyOf(5, true);
    for (const home of order.slice(0, 3)) topology.setAlive(home, false);
    expect(topology.firstLive[SLOT]).toBe(order[3]);
    expect(topology.firstLiveHome(SLOT)).toBe(NOBODY);
    expect(topology.setOf(SLOT)).toMatchObject({ reachable: 2, missing: [order[2]] });
  });

  it('is one object for slots that have the same replicas', () => {
    const { topology } = topologyOf(3, true);
    const sets = new Set(Array.from({ length: 16384 }, (_, slot) => topology.setOf(slot)));
    expect(sets.size).toBe(1);
  });
});
