import { describe, expect, it } from 'vitest';
import { MUTANTS } from './all.js';
import { hunt } from './hunt.js';

describe('a deliberate mistake in the protocol is found (all of them: npm run simulate -- --mutants)', () => {
  it('there are enough of them', () => {
    expect(MUTANTS.size).toBeGreaterThanOrEqual(50);
  });

  it.each([...MUTANTS])('%s can be made, and undone', (_, { make }) => {
    make()();
  });

  it.each([
    'read of one',
    'fallback in strict mode',
    'newest wins',
    'hint dropped early',
    'expired too early',
    'minority promise',
    'value in flight left alone',
    'promises forgotten at restart',
    'new homes not written to',
    'incomplete owners obeyed',
    'sealed in name only',
  ])('%s', (name) => {
    const { seed, violation, without } = hunt(name, 5);
    expect([seed === undefined, violation === '', without]).toEqual([false, false, '']);
  });
});
