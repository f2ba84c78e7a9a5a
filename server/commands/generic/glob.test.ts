import { expect, it } from 'vitest';
import { globMatch } from './glob.js';

it.each([
  ['*', '', true],
  ['**', '', false],
  ['h?llo', 'hello', true],
  ['h*o', 'ho', true],
  ['h*o*', 'hello', true],
  ['*a*b', 'aabab', true],
  ['*a*b', 'aaba', false],
  ['[^a]b', 'cb', true],
  ['[^a]b', 'ab', false],
  ['[o-k]', 'm', true],
  ['[a-\xff]', 'b', false],
  ['[\\]k]', ']', true],
  ['[]k]', 'k', false],
  ['[^', 'x', true],
  ['[a', 'a', true],
  ['[', '[', false],
  ['\\*', '*', true],
  ['\\*', 'x', false],
  ['k\\', 'k\\', true],
])('matches as redis-server does: %j on %j', (pattern, text, expected) => {
  expect(globMatch(pattern, text)).toBe(expected);
});

it('ignores the case of ASCII letters only, and not of an escaped one in a class', () => {
  expect(globMatch('HE[K-M]?O', 'hello', true)).toBe(true);
  expect(globMatch('\\H', 'h', true)).toBe(true);
  expect(globMatch('[\\H]', 'h', true)).toBe(false);
  expect(globMatch('\xc9', '\xe9', true)).toBe(false);
});

it('takes no exponential time', () => {
  expect(globMatch(`${'a*'.repeat(5000)}b`, 'a'.repeat(10_000))).toBe(false);
});
