import { describe, expect, it } from 'vitest';
import { RoutingHabit } from './routing-habit.js';

/** This node's share is a third, a half, nearly all. */
const [THIRD, HALF, NEARLY] = [1 / 3, 1 / 2, 0.95].map((share) => -Math.log2(share));

function seen(habit: RoutingHabit, slots: Iterable<number>, bits: number): void {
  for (const slot of slots) habit.sees(slot, true, bits);
}
const upTo = (count: number): number[] => Array.from({ length: count }, (_, slot) => slot);

describe('a connection that routes by slot', () => {
  it.each([
    [THIRD, 41],
    [HALF, 64],
  ])('is one whose keys were in so many slots, all of this node', (bits, slots) => {
    const habit = new RoutingHabit();
    seen(habit, upTo(slots - 1), bits);
    expect(habit.judged).toBe(false);
    seen(habit, [slots], bits);
    expect([habit.judged, habit.bySlot]).toEqual([true, true]);
  });

  it('is none with few keys, however often they come', () => {
    const habit = new RoutingHabit();
    for (let i = 0; i < 1000; i++) seen(habit, upTo(40), THIRD);
    expect(habit.judged).toBe(false);
  });

  it('begins anew after a key of another node, and is none after eight', () => {
    const habit = new RoutingHabit();
    for (let miss = 1; miss <= 8; miss++) {
      seen(habit, upTo(40), THIRD);
      expect(habit.judged).toBe(false);
      habit.sees(9999, false, THIRD);
    }
    seen(habit, upTo(1000), THIRD);
    expect([habit.judged, habit.bySlot]).toEqual([true, false]);
  });

  it('is not looked for by a node that has nearly all slots', () => {
    const habit = new RoutingHabit();
    seen(habit, upTo(10_000), NEARLY);
    expect(habit.bySlot).toBe(false);
  });

  it('is never a plain client with keys by chance', () => {
    const random = seeded(1);
    for (let client = 0; client < 1000; client++) {
      const habit = new RoutingHabit();
      for (let slot = 0; !habit.judged; slot++) habit.sees(slot, random() < 0.5, HALF);
      expect(habit.bySlot).toBe(false);
    }
  });
});

/** From 0 to 1 (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
