import { describe, expect, it } from 'vitest';
import { isFor, parseRules } from './rules.js';

/** For which of the keys, in database 0 or 3, the one rule is. */
function matches(pattern: string, ...places: string[]): string[] {
  const [rule] = parseRules(`"${pattern}" union`)!;
  return places.filter((place) => {
    const [db, key] = place.split('|');
    return isFor(rule, Number(db), key);
  });
}

describe('the table of conflict policies', () => {
  it('names keys by a prefix, by themselves and by their database', () => {
    const places = ['0|cart:1', '0|cart', '0|xcart:1', '3|cart:1', '3|other'];
    expect(matches('cart:*', ...places)).toEqual(['0|cart:1', '3|cart:1']);
    expect(matches('cart', ...places)).toEqual(['0|cart']);
    expect(matches('@3', ...places)).toEqual(['3|cart:1', '3|other']);
    expect(matches('@3/cart:*', ...places)).toEqual(['3|cart:1']);
    expect(matches('*', ...places)).toEqual(places);
    expect(matches('@0/@x*', '0|@x1', '0|x1', '3|@x1')).toEqual(['0|@x1']);
  });

  it('takes keys as the bytes they are in UTF-8', () => {
    const [rule] = parseRules('größe:* max')!;
    expect(isFor(rule, 0, Buffer.from('größe:1').toString('latin1'))).toBe(true);
    expect(isFor(rule, 0, 'größe:1')).toBe(false);
  });

  it('is pairs of words, in quotes where they hold blanks', () => {
    expect(parseRules('')).toEqual([]);
    expect(parseRules('  a   max\n"b c" module:/m.mjs ')?.map((r) => [r.key, r.policy])).toEqual([
      ['a', 'max'],
      ['b c', 'module:/m.mjs'],
    ]);
  });

  it.each([
    'a',
    'a max b',
    'a most',
    'a module:',
    '"a max',
    'a" max',
    '@x max',
    '@123 max',
    '"" max',
    '@3cart max',
  ])('is not: %s', (text) => expect(parseRules(text)).toBeUndefined());
});
