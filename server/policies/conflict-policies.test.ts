import { describe, expect, it } from 'vitest';
import { STRING, TOMBSTONE, type Version } from '../../storage/record.js';
import { ConflictPolicies, type MergeFunction, ownPolicy } from './conflict-policies.js';
import { parseRules } from './rules.js';

const NOW = 1_700_000_000_000;
let hlc = 1000;

/** Newest first, as records hold them. */
function versions(...values: (string | null | [string, number])[]): Version[] {
  return values.map((value) => {
    const [payload, expireAt] = Array.isArray(value) ? value : [value ?? '', 0];
    return { writer: 0, hlc: hlc--, type: value === null ? TOMBSTONE : STRING, payload, expireAt };
  });
}

function policies(table: string): ConflictPolicies {
  return new ConflictPolicies(parseRules(table)!.map(ownPolicy), () => {});
}

function seen(policy: string, all: Version[]) {
  const made = policies(`k ${policy}`);
  return made.resolve(made.of(0, 'k')!, all, 'k', NOW);
}

describe('the policy of a key', () => {
  it('is the first that fits; where none does, or lww, the newest version is what clients see', () => {
    const made = policies('a:keep:* lww a:* union @2 siblings * max');
    const name = (db: number, key: string) => made.of(db, key)?.rule.policy ?? null;
    expect([name(0, 'a:1'), name(0, 'a:keep:1'), name(2, 'a:1'), name(2, 'b'), name(0, 'b')]).toEqual([
      'union',
      null,
      'union',
      'siblings',
      'max',
    ]);
    expect(policies('').of(0, 'x')).toBeNull();
  });
});

describe('several versions', () => {
  it('are an error under `siblings` that says how many, with a delete among them too', () => {
    expect(() => seen('siblings', versions('a', 'b'))).toThrow(
      'SIBLINGS 2 concurrent versions, use KV.SIBLINGS',
    );
    expect(() => seen('siblings', versions(null, 'b'))).toThrow('SIBLINGS 2 ');
    expect(seen('siblings', versions(null, null))).toBeUndefined();
  });

  it('are merged, without what was deleted or has expired', () => {
    expect(seen('max', versions('3', '5', '4'))?.payload).toBe('5');
    expect(seen('min', versions('3', '5', null))?.payload).toBe('3');
    expect(seen('union', versions('[1]', '[2]', null, ['[3]', NOW - 1]))?.payload).toBe('[2,1]');
    expect(seen('union', versions(null, 'no array'))?.payload).toBe('no array');
    expect(seen('union', versions(null, ['[1]', NOW]))).toBeUndefined();
  });

  it('live as long as the one that lives longest', () => {
    expect(seen('union', versions(['[1]', NOW + 5], ['[2]', NOW + 9]))?.expireAt).toBe(NOW + 9);
    expect(seen('union', versions(['[1]', NOW + 5], '[2]'))?.expireAt).toBe(0);
  });

  it('that cannot be merged are shown as what they are', () => {
    expect(() => seen('union', versions('[1]', 'no array'))).toThrow('SIBLINGS 2 ');
  });

  it('are shown, and the failure is told, where an operator merges them badly', () => {
    const [rule] = parseRules('k module:/x.mjs')!;
    const told: string[] = [];
    const merge: MergeFunction = () => {
      throw new Error('bad day');
    };
    const made = new ConflictPolicies([{ rule, merge }], (_, key, error) =>
      told.push(`${key}: ${error.message}`),
    );
    expect(() => made.resolve(made.of(0, 'k')!, versions('a', 'b'), 'k', NOW)).toThrow('SIBLINGS 2 ');
    expect(told).toEqual(['k: bad day']);
    expect(made.counters).toEqual({ merged: 0, conflicts: 1, failedMerges: 1, refusedPuts: 0 });
  });
});
