import type { Version } from '../../storage/record.js';
import type { Value } from '../commands/spec.js';
import { largest, smallest } from './extremes.js';
import { isLive } from './is-live.js';
import { unionOfArrays } from './json-union.js';
import { isFor, type PolicyRule } from './rules.js';

/** Makes one value of several, newest first, the same in whatever order they came about; null when it cannot. */
export type MergeFunction = (values: readonly string[]) => string | null;

/** A rule of the table, ready to be used. */
export interface ConflictPolicy {
  readonly rule: PolicyRule;
  /** null: nothing makes one value of several. */
  readonly merge: MergeFunction | null;
}

/** Several versions, and the key's policy makes no one value of them. The client has to look at them. */
export class ConflictError extends Error {
  constructor(versions: number) {
    super(`SIBLINGS ${versions} concurrent versions, use KV.SIBLINGS`);
  }
}

/** In the table for keys that a later rule would take in: the newest version is what a client sees. */
const NEWEST = 'lww';

const OWN_MERGES: Readonly<Record<string, MergeFunction | null>> = {
  siblings: null,
  max: largest,
  min: smallest,
  union: unionOfArrays,
};

/** The policy of a rule that needs no module. */
export function ownPolicy(rule: PolicyRule): ConflictPolicy {
  return { rule, merge: OWN_MERGES[rule.policy] ?? null };
}

/**
 * What a plain client sees of a key with concurrent versions: decided on every read by the key's policy, the first in the table whose
 * pattern fits. Nothing is written by it; the next write of the key takes the place of all that was read.
 *
 * A version that was deleted, or has expired, takes no part in a merge, so what was written meanwhile on the other side of a partition is
 * there again after it (as in the Dynamo paper). Under `siblings` it counts: written and deleted at once is a conflict as well.
 *
 * A key that is a counter on any side is merged as a counter, whatever its policy (`storage/visible.ts`).
 *
 * What counts and lists keys without reading them (DBSIZE, SCAN, KEYS) goes by the newest version, whatever the policy.
 */
export class ConflictPolicies {
  readonly counters = { merged: 0, conflicts: 0, failedMerges: 0, refusedPuts: 0 };

  constructor(
    private readonly policies: readonly ConflictPolicy[],
    /** An operator's merge function has thrown, or has answered what is no string of bytes. */
    private readonly onFailure: (rule: PolicyRule, key: string, error: Error) => void,
  ) {}

  /** The policy of a key; null where the newest version is what clients see. */
  of(db: number, key: string): ConflictPolicy | null {
    for (const policy of this.policies)
      if (isFor(policy.rule, db, key)) return policy.rule.policy === NEWEST ? null : policy;
    return null;
  }

  /** The value of a key with several versions; undefined when there is none. Throws ConflictError. */
  resolve(policy: ConflictPolicy, versions: readonly Version[], key: string, now: number): Value | undefined {
    const live = versions.filter((version) => isLive(version, now));
    if (live.length === 0) return undefined;
    if (policy.merge === null) this.refuse(versions.length);
    if (live.length === 1) return live[0];
    const values = live.map((version) => version.payload);
    const payload = this.call(policy.rule, policy.merge, values, key);
    if (payload === null) this.refuse(live.length);
    this.counters.merged++;
    return { payload, expireAt: longestLife(live) };
  }

  private call(
    rule: PolicyRule,
    merge: MergeFunction,
    values: readonly string[],
    key: string,
  ): string | null {
    try {
      return merge(values);
    } catch (error) {
      this.counters.failedMerges++;
      this.onFailure(rule, key, error as Error);
      return null;
    }
  }

  private refuse(versions: number): never {
    this.counters.conflicts++;
    throw new ConflictError(versions);
  }
}

/** When the last of them expires; 0: never. */
export function longestLife(versions: readonly Version[]): number {
  return versions.reduce(
    (longest, { expireAt }) => (longest === 0 || expireAt === 0 ? 0 : Math.max(longest, expireAt)),
    versions[0].expireAt,
  );
}
