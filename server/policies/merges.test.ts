import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { largest, smallest } from './extremes.js';
import { unionOfArrays } from './json-union.js';

const shuffles = <T>(values: fc.Arbitrary<T[]>) =>
  values.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })));

const text = fc.oneof(
  fc.integer().map(String),
  fc.bigInt().map(String),
  fc.double().map(String),
  fc.constantFrom(
    '0',
    '-0',
    '007',
    '7',
    '7.0',
    '1e999',
    '',
    'x',
    'NaN',
    'Infinity',
    '9007199254740993',
    '9007199254740992',
  ),
);

describe('max and min', () => {
  it.each([
    [['3', '20', '100'], '100', '3'],
    [['-3', '-20'], '-3', '-20'],
    [['1.5', '1e1', '.5'], '1e1', '.5'],
    [['9007199254740992', '9007199254740993'], '9007199254740993', '9007199254740992'],
    [['9223372036854775807', '9223372036854775806'], '9223372036854775807', '9223372036854775806'],
    [['nonsense', '-5', ''], '-5', '-5'],
  ])('of %j are %s and %s: what is no number is taken only where there is none', (values, max, min) => {
    expect(largest(values)).toBe(max);
    expect(smallest(values)).toBe(min);
  });

  it('are the same on every node, in whatever order the versions came', () => {
    fc.assert(
      fc.property(shuffles(fc.array(text, { minLength: 1 })), ([one, other]) => {
        expect(largest(one)).toBe(largest(other));
        expect(smallest(one)).toBe(smallest(other));
      }),
      { numRuns: 2000 },
    );
  });

  it('of two numbers are the ones that arithmetic says', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.maxSafeInteger(), (a, b) => {
        expect(largest([String(a), String(b)])).toBe(String(Math.max(a, b)));
        expect(smallest([String(a), String(b)])).toBe(String(Math.min(a, b)));
      }),
    );
  });
});

describe('the union of JSON arrays', () => {
  it.each([
    [['["b"]', '["a"]'], '["a","b"]'],
    [['["a","b"]', '["a"]'], '["a","b"]'],
    [['[]', '[ ]'], '[]'],
    [['[1,2]', '[2,3]', '[3,4]'], '[3,4,2,1]'],
    [['[{"a": [1, {"b": 2}]}]', '[{"a":[1,{"b":2}]}]'], '[{"a":[1,{"b":2}]}]'],
    [['["a, ]\\" b"]', '[ "c" ]'], '["c","a, ]\\" b"]'],
    [['[12345678901234567890.10]', '[1]'], '[1,12345678901234567890.10]'],
    [['[[1,2],[]]', '[[],null,true]'], '[[],null,true,[1,2]]'],
    [['["\xc3\xa9"]', '["\xc3"]'], '["\xc3","\xc3\xa9"]'],
  ])('of %j is %s: oldest first, each once, to the last digit', (newestFirst, union) => {
    expect(unionOfArrays(newestFirst)).toBe(union);
  });

  it.each(['', '{}', '"[]"', '1', '[1', '[1]]', '[1,]', 'null'])(
    'is none with %j, which is no array',
    (value) => {
      expect(unionOfArrays(['[1]', value])).toBeNull();
    },
  );

  it('holds what any of them holds, as JSON.parse reads it, and nothing else', () => {
    const value = fc.json({ maxDepth: 3 });
    const array = fc.array(value, { maxLength: 6 }).map((all) => `[ ${all.join(' ,\n')} ]`);
    fc.assert(
      fc.property(fc.array(array, { minLength: 1, maxLength: 5 }), (arrays) => {
        const union: unknown[] = JSON.parse(unionOfArrays(arrays)!);
        const texts = union.map((one) => JSON.stringify(one));
        const wanted = arrays.flatMap((one) => (JSON.parse(one) as unknown[]).map((e) => JSON.stringify(e)));
        expect(new Set(texts)).toEqual(new Set(wanted));
      }),
      { numRuns: 500 },
    );
  });
});
