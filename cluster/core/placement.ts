import { SLOTS } from '../../storage/key-layout.js';
import { majority } from './levels.js';
import { buildRing } from './ring.js';
import type { Member } from './topology.js';

/** The home replicas of some slots, and who stands in for them. */
export interface HomeList {
  /** Members by their numbers: the homes, best first, then the fallbacks, in order. */
  readonly order: Uint16Array;
  /** The first of them. */
  readonly homes: Uint16Array;
  /**
   * Of how many homes a quorum is made on each side of a change of the ring (`elastic/ring-state.ts`): the homes are those of both sides
   * together. Without a change both are the number of homes.
   */
  readonly sides: readonly [number, number];
  /** So many of each side's are among the homes: all, except those that are lost for good. */
  readonly held: readonly [number, number];
  /** So many homes are a majority on both sides. */
  readonly majority: number;
}

/** Where every slot is, for one list of members or, while slots move, for two. Slots with the same homes in the same order share a list. */
export interface Placement {
  readonly lists: readonly HomeList[];
  /** By slot: which of them is its. */
  readonly listOf: Uint16Array;
}

/** By the ring of these members. `numberOf` gives the number by which this node knows a member. */
export function placed(
  members: readonly Member[],
  replicas: number,
  vnodes: number,
  numberOf: (member: Member) => number,
): Placement {
  const size = Math.min(replicas, members.length);
  const numbers = members.map(numberOf);
  const { preference } = buildRing(members, vnodes);
  return gather(
    (slot) => preference[slot],
    (walk) => {
      const order = Uint16Array.from(walk, (index) => numbers[index]);
      return homeList(order, size, [size, size], [size, size]);
    },
  );
}

/** Homes of both: those of `from` first, without those that are `gone`. A slot that does not move keeps its homes as they are. */
export function joined(from: Placement, to: Placement, gone: ReadonlySet<number>): Placement {
  const pairs = new Map<number, object>();
  const pairOf = (slot: number): object => {
    const id = from.listOf[slot] * 0x1_0000 + to.listOf[slot];
    let pair = pairs.get(id);
    if (pair === undefined) {
      pair = { slot };
      pairs.set(id, pair);
    }
    return pair;
  };
  return gather(pairOf, (pair) => {
    const { slot } = pair as { slot: number };
    const a = from.lists[from.listOf[slot]];
    const b = to.lists[to.listOf[slot]];
    const left = a.homes.filter((home) => !gone.has(home));
    const union = new Set([...left, ...b.homes]);
    if (union.size === a.homes.length && left.length === union.size && b.homes.length === union.size)
      return a;
    const order = new Set([...union, ...b.order, ...a.order]);
    const sides = [a.homes.length, b.homes.length] as const;
    return homeList(Uint16Array.from(order), union.size, sides, [left.length, b.homes.length]);
  });
}

/** So many of the list's homes hold at least `inA` on the one side and `inB` on the other. */
export function onBothSides({ homes, held: [a, b] }: HomeList, inA: number, inB: number): number {
  return Math.max(inA - a, inB - b) + homes.length;
}

/** So many homes that any quorum of `needed` homes, seen from either side alone, meets one of them. */
export function meeting({ homes, sides, held }: HomeList, needed: number): number {
  const missing = Math.max(sides[0] - 2 * held[0], sides[1] - 2 * held[1]);
  return Math.min(homes.length, 2 * homes.length - needed + 1 + missing);
}

function homeList(
  order: Uint16Array,
  size: number,
  sides: readonly [number, number],
  held: readonly [number, number],
): HomeList {
  const homes = order.subarray(0, size);
  const [a, b] = sides;
  const list = { order, homes, sides, held, majority: 0 };
  return { ...list, majority: onBothSides(list, majority(a), majority(b)) };
}

function gather<T extends object>(of: (slot: number) => T, make: (of: T) => HomeList): Placement {
  const lists: HomeList[] = [];
  const listOf = new Uint16Array(SLOTS);
  const known = new Map<T, number>();
  for (let slot = 0; slot < SLOTS; slot++) {
    const one = of(slot);
    let index = known.get(one);
    if (index === undefined) {
      index = lists.push(make(one)) - 1;
      known.set(one, index);
    }
    listOf[slot] = index;
  }
  return { lists, listOf };
}
