import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ConflictPolicy, type MergeFunction, ownPolicy } from './conflict-policies.js';
import type { PolicyRule } from './rules.js';

const MODULE = 'module:';

/** Makes the policies of the table, loading operators' modules. Throws what is wrong with one. */
export function loadPolicies(rules: readonly PolicyRule[]): Promise<ConflictPolicy[]> {
  return Promise.all(
    rules.map(async (rule) => {
      if (!rule.policy.startsWith(MODULE)) return ownPolicy(rule);
      return { rule, merge: await loadMerge(rule.policy.slice(MODULE.length)) };
    }),
  );
}

async function loadMerge(path: string): Promise<MergeFunction> {
  let loaded: { readonly merge?: unknown };
  try {
    loaded = await import(pathToFileURL(resolve(path)).href);
  } catch (error) {
    throw new Error(`the module ${path} of conflict-policy cannot be loaded: ${(error as Error).message}`);
  }
  const { merge } = loaded;
  if (typeof merge !== 'function')
    throw new Error(`the module ${path} of conflict-policy exports no function named merge`);
  return (values) => {
    const merged: unknown = merge(values);
    if (typeof merged !== 'string') throw new Error('merge has returned no string');
    if (!IS_BYTES.test(merged)) throw new Error('merge has returned characters that are no bytes');
    return merged;
  };
}

/** Values are handed over and taken back as strings of one byte per character. */
const IS_BYTES = /^[\0-\xff]*$/;
