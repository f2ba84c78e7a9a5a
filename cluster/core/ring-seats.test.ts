import { describe, expect, it } from 'vitest';
import { SLOTS } from '../../storage/key-layout.js';
import { buildRing, type RingMember } from './ring.js';
import { RingHomes } from './ring-homes.js';
import { seat, seatAll, seatNewcomer } from './ring-seats.js';
import { dueFirsts, dueHomes } from './ring-share.js';

const SHAPE = { replicas: 3, vnodes: 256 };
const OFF = 0.1;

function member(name: string, rack = '', weight = 1): RingMember {
  return { name, tokens: name, rack, weight };
}

/** Names as addresses make them: neighbouring ports, neighbouring machines, and such as have nothing in common. */
const NAMES: Record<string, (set: number, i: number) => string> = {
  'neighbouring ports': (set, i) => `127.0.0.1:${7001 + 10 * set + i}`,
  'neighbouring machines': (set, i) => `10.0.${set}.${i}:7600`,
  'unlike names': (set, i) => `${(set * 7919 + i * 104_729).toString(36)}.example.org:${7000 + i}`,
};

/** How far the one that is farthest from its due is from it, as home and as first. */
function off(members: readonly RingMember[]): { homes: number; firsts: number } {
  const { preference } = buildRing(members, SHAPE.vnodes, SHAPE.replicas);
  const worst = (places: number, due: readonly number[]) => {
    const held: number[] = Array(members.length).fill(0);
    for (const list of preference) for (const one of list.subarray(0, places)) held[one]++;
    return Math.max(...held.map((count, i) => Math.abs(count / (due[i] * SLOTS) - 1)));
  };
  return { homes: worst(SHAPE.replicas, dueHomes(members, 3)), firsts: worst(1, dueFirsts(members)) };
}

describe.each(Object.entries(NAMES))('a new cluster of %s', (_, nameOf) => {
  it.each([3, 6])('is even to a tenth with %i members, as homes and as first', (count) => {
    for (let set = 0; set < 6; set++) {
      const members = seatAll(
        Array.from({ length: count }, (_, i) => member(nameOf(set, i))),
        SHAPE,
      );
      const { homes, firsts } = off(members);
      expect(homes).toBeLessThan(OFF);
      expect(firsts).toBeLessThan(OFF);
    }
  });
});

describe('shares that are due', () => {
  it('are met to a tenth where a member has twice the weight', () => {
    for (let set = 0; set < 5; set++) {
      const uneven = Array.from({ length: 6 }, (_, i) => member(`10.0.${set}.${i}:1`, '', i === 3 ? 2 : 1));
      const seated = seatAll(uneven, SHAPE);
      expect(off(seated).homes).toBeLessThan(OFF);
      expect(off(seated).firsts).toBeLessThan(OFF);
    }
  });

  it('are met to a tenth within racks', () => {
    for (let set = 0; set < 5; set++) {
      const racked = Array.from({ length: 6 }, (_, i) => member(`10.0.${set}.${i}:1`, `rack${i % 3}`));
      expect(off(seatAll(racked, SHAPE)).homes).toBeLessThan(OFF);
    }
  });

  it('stay met while members come one at a time', () => {
    let members = seatAll(
      [1, 2, 3].map((i) => member(`10.0.0.${i}:1`)),
      SHAPE,
    );
    for (let i = 4; i <= 12; i++)
      members = [...members, seatNewcomer(members, member(`10.0.0.${i}:1`), SHAPE)];
    expect(off(members).homes).toBeLessThan(OFF);
  });
});

describe('a join', () => {
  const ideal = (n: number) => (SLOTS * 3) / n;

  it('moves 1/n of the copies to a tenth, for every n from 3 to 60', () => {
    const homes = new RingHomes(SHAPE);
    for (let n = 1; n <= 60; n++) {
      seat(homes, member(`10.0.0.${n}:7600`));
      if (n >= 3) expect(Math.abs(homes.homeCounts[n - 1] / ideal(n) - 1)).toBeLessThan(OFF);
    }
  });

  it('moves 1/n of them also as the thousandth, whatever the tokens of the others are', () => {
    const homes = new RingHomes(SHAPE);
    for (let i = 1; i < 1000; i++) homes.add(member(`10.0.${i >> 8}.${i & 255}:7600`));
    seat(homes, member('10.1.0.1:7600'));
    expect(Math.abs(homes.homeCounts[999] / ideal(1000) - 1)).toBeLessThan(OFF);
  }, 60_000);
});

describe('the tokens chosen', () => {
  it('are the same on every node, whatever the order it met the others in', () => {
    const names = ['127.0.0.1:7001', '127.0.0.1:7002', '127.0.0.1:7003', '127.0.0.1:7004'].map((one) =>
      member(one),
    );
    const seated = seatAll(names, SHAPE);
    expect(seatAll([...names].reverse(), SHAPE)).toEqual(seated);
    expect(seated.map(({ tokens }) => tokens)).toMatchInlineSnapshot(`
      [
        "127.0.0.1:7001",
        "127.0.0.1:7002~27",
        "127.0.0.1:7003~25",
        "127.0.0.1:7004~23",
      ]
    `);
  });

  it('are not those of a member that has taken the place of an earlier one of that name', () => {
    const others = [member('b'), member('c'), { ...member('d'), tokens: 'a' }];
    const { tokens } = seatNewcomer(others, member('a'), SHAPE);
    expect(tokens).toMatch(/^a~\d+$/);
  });

  it('of more members than a cluster begins with are their names', () => {
    const many = Array.from({ length: 65 }, (_, i) => member(`n${i}`));
    expect(seatAll(many, SHAPE).every(({ name, tokens }) => tokens === name)).toBe(true);
  });
});
