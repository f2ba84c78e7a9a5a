import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Hold, PendingSlots } from './pending-slots.js';

const HOLDS: readonly Hold[] = ['read', 'write', 'exclusive'];
/** What may not overtake what, on one slot. */
const CONFLICTS: Readonly<Record<Hold, readonly Hold[]>> = {
  read: ['write', 'exclusive'],
  write: ['read', 'exclusive'],
  exclusive: ['read', 'write', 'exclusive'],
};

it.each(HOLDS)('a pending %s keeps back exactly what must not overtake it, until it is over', (pending) => {
  const slots = new PendingSlots();
  slots.add(5, pending);
  for (const hold of HOLDS) {
    expect(slots.conflicts(5, hold)).toBe(CONFLICTS[pending].includes(hold));
    expect(slots.conflicts(6, hold)).toBe(false);
  }
  slots.remove(5, pending);
  for (const hold of HOLDS) expect(slots.conflicts(5, hold)).toBe(false);
});

it('agrees with a plain list of what is pending, in any mixture', () => {
  const step = fc.tuple(fc.nat(2), fc.constantFrom(...HOLDS), fc.boolean());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const slots = new PendingSlots();
      const pending: [slot: number, hold: Hold][] = [];
      for (const [slot, hold, ends] of steps) {
        const over = ends ? pending.shift() : undefined;
        if (over) {
          slots.remove(...over);
        } else {
          slots.add(slot, hold);
          pending.push([slot, hold]);
        }
        for (const one of HOLDS) {
          const waits = pending.some(([at, by]) => at === slot && CONFLICTS[by].includes(one));
          expect(slots.conflicts(slot, one)).toBe(waits);
        }
      }
    }),
  );
});
