import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AckCount } from './ack-count.js';

it('is won as soon as enough have said yes, and lost as soon as enough cannot any more', () => {
  const acks = new AckCount(3);
  expect(acks.state(2)).toBe('pending');
  acks.answer(0, true);
  expect(acks.state(1)).toBe('won');
  expect(acks.state(2)).toBe('pending');
  acks.answer(1, false);
  expect(acks.state(2)).toBe('pending');
  expect(acks.state(3)).toBe('lost');
  acks.answer(2, true);
  expect(acks.state(2)).toBe('won');
  expect(acks.complete).toBe(true);
});

it('is lost from the start when more are needed than there are', () => {
  expect(new AckCount(2).state(3)).toBe('lost');
});

it('counts each replica once, by its first answer, whatever it sends twice', () => {
  const acks = new AckCount(3);
  expect(acks.answer(7, true)).toBe(true);
  expect(acks.answer(7, true)).toBe(false);
  expect(acks.answer(7, false)).toBe(false);
  expect(acks.yes).toBe(1);
  expect(acks.state(2)).toBe('pending');
  expect(acks.complete).toBe(false);
});

it('decides once: further answers never change won into lost or back', () => {
  const answers = fc.array(fc.tuple(fc.nat(4), fc.boolean()), { maxLength: 12 });
  fc.assert(
    fc.property(answers, fc.integer({ min: 1, max: 5 }), (script, needed) => {
      const acks = new AckCount(5);
      const first = new Map<number, boolean>();
      let decided = acks.state(needed);
      for (const [replica, ok] of script) {
        if (!first.has(replica)) first.set(replica, ok);
        acks.answer(replica, ok);
        const yes = [...first.values()].filter(Boolean).length;
        const no = first.size - yes;
        const state = yes >= needed ? 'won' : 5 - no < needed ? 'lost' : 'pending';
        expect(acks.state(needed)).toBe(state);
        expect(acks.complete).toBe(first.size === 5);
        if (decided !== 'pending') expect(state).toBe(decided);
        decided = state;
      }
    }),
  );
});
