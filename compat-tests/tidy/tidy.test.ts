import { describe, expect, it } from 'vitest';
import { breaches } from './rules.js';
import { sourceFiles } from './sources.js';

describe('the code keeps its own rules', () => {
  it('imports point inwards, the core reaches for no clock, dice or socket, no file is dead or too long', () => {
    expect(breaches(sourceFiles())).toEqual([]);
  });
});

describe('the rules can be broken (a checker that cannot fail checks nothing)', () => {
  const breachesOf = (path: string, text: string) =>
    breaches([...sourceFiles(), { path, text }]).filter((breach) => breach.startsWith(`${path}:`));

  it.each([
    ['cluster/core/bad.ts', 'export const now = () => Date.now();', 'Date.now is banned'],
    ['cluster/bad.ts', "import { readFileSync } from 'node:fs';", 'must not know node:fs'],
    ['storage/bad.ts', "import { Node } from '../cluster/node.js';", 'must not know cluster/node.ts'],
    ['server/resp/bad.ts', "import { Session } from '../session.js';", 'must not know server/session.ts'],
    ['server/bad.ts', 'export const x = 1;', 'nobody imports it'],
    ['server/bad.ts', '\n'.repeat(500), 'lines'],
  ])('%s: %s', (path, text, expected) => {
    expect(breachesOf(path, text).join('\n')).toContain(expected);
  });
});
