import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { MergeFunction } from './conflict-policies.js';
import { loadPolicies } from './load-policies.js';
import { parseRules } from './rules.js';

const folder = mkdtempSync(join(tmpdir(), 'ringkv-policies-'));
afterAll(() => rmSync(folder, { recursive: true }));
let modules = 0;

async function load(source: string): Promise<MergeFunction> {
  const path = join(folder, `${++modules}.mjs`);
  writeFileSync(path, source);
  const [policy] = await loadPolicies(parseRules(`k module:${path}`)!);
  return policy.merge!;
}

describe("an operator's module", () => {
  it('merges', async () => {
    const merge = await load("export const merge = (values) => values.toSorted().join('+');");
    expect(merge(['b', 'a', 'c'])).toBe('a+b+c');
  });

  it('must return a string of bytes', async () => {
    const numbers = await load('export const merge = () => 7;');
    expect(() => numbers([])).toThrow('no string');
    const wide = await load("export const merge = () => '\\u20ac';");
    expect(() => wide([])).toThrow('no bytes');
  });

  it('that is missing, broken or exports no merge keeps the node from starting', async () => {
    await expect(load('export const other = 1;')).rejects.toThrow('exports no function named merge');
    await expect(load('syntax error')).rejects.toThrow('cannot be loaded');
    await expect(loadPolicies(parseRules('k module:/nowhere.mjs')!)).rejects.toThrow(
      '/nowhere.mjs of conflict-policy cannot be loaded',
    );
  });
});
