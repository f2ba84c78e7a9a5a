import fc from 'fast-check';
import { expect, it } from 'vitest';
import { buildRing, type RingMember } from './ring.js';
import { RingHomes } from './ring-homes.js';
import { trialTokens } from './ring-tokens.js';

const VNODES = 8;

const cluster = fc
  .array(
    fc.record({
      rack: fc.constantFrom('', 'a', 'b', 'c', 'd'),
      weight: fc.constantFrom(0.5, 1, 2),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((all) => all.map((one, i) => ({ ...one, name: `node${i}`, tokens: `node${i}` })));

/** In how many slots each is among the first `places`. */
function counts(members: readonly RingMember[], places: number): number[] {
  const held: number[] = Array(members.length).fill(0);
  for (const list of buildRing(members, VNODES, places).preference) for (const member of list) held[member]++;
  return held;
}

it('members that are added one at a time have the slots that the ring gives them, with racks and weights', () => {
  fc.assert(
    fc.property(cluster, fc.integer({ min: 1, max: 5 }), (all, replicas) => {
      const homes = new RingHomes({ replicas, vnodes: VNODES });
      for (const member of all) {
        homes.add(member);
        expect(homes.homeCounts).toEqual(counts(homes.members, replicas));
        expect(homes.firstCounts).toEqual(counts(homes.members, 1));
      }
    }),
    { numRuns: 60 },
  );
});

it('what a newcomer would take is what it takes', () => {
  fc.assert(
    fc.property(cluster, ([newcomer, ...others]) => {
      const homes = new RingHomes({ replicas: 3, vnodes: VNODES });
      for (const member of others) homes.add(member);
      const before = [...homes.homeCounts];
      const taken = homes.take(trialTokens(newcomer, VNODES), homes.offerTo(newcomer));
      homes.add(newcomer);
      expect(homes.homeCounts).toEqual([...before.map((held, i) => held - taken.homesFrom[i]), taken.homes]);
    }),
    { numRuns: 30 },
  );
});
