/** The policies that need no operator's module. */
export const POLICIES = ['lww', 'siblings', 'max', 'min', 'union'] as const;
export type PolicyName = (typeof POLICIES)[number];

/** One line of the table of conflict policies: which keys it is for, and what is done about their concurrent versions. */
export interface PolicyRule {
  /** The database as clients number it; null: every one. */
  readonly db: number | null;
  /** A key (latin1 bytes), or with `isPrefix` the beginning of keys. */
  readonly key: string;
  readonly isPrefix: boolean;
  /** A policy's name, or `module:` and the path of an ES module. */
  readonly policy: PolicyName | `module:${string}`;
  /** As it was written. */
  readonly pattern: string;
}

export const RULES_ALLOWED =
  'pairs of pattern and policy, such as: cart:* union @3 siblings; a pattern is a key, a prefix ending in *, @db or @db/pattern, a policy is lww, siblings, max, min, union or module:/path.mjs';

/** undefined when the text is no table of policies. Words stand between blanks; one with blanks in it stands in double quotes. */
export function parseRules(text: string): PolicyRule[] | undefined {
  const words = wordsOf(text);
  if (words === undefined || words.length % 2 !== 0) return undefined;
  const rules: PolicyRule[] = [];
  for (let i = 0; i < words.length; i += 2) {
    const rule = parseRule(words[i], words[i + 1]);
    if (rule === undefined) return undefined;
    rules.push(rule);
  }
  return rules;
}

function wordsOf(text: string): string[] | undefined {
  const words: string[] = [];
  const rest = text.replace(/\s*(?:"([^"]*)"|([^\s"]+))(?=\s|$)/g, (_, quoted?: string, plain?: string) => {
    words.push(quoted ?? plain!);
    return '';
  });
  return rest.trim() === '' ? words : undefined;
}

function parseRule(pattern: string, policy: string): PolicyRule | undefined {
  if (!isPolicy(policy)) return undefined;
  const parts = /^(?:@(\d{1,2})(?:\/|$))?(.*)$/s.exec(pattern);
  if (parts === null || pattern === '') return undefined;
  const [, db, keys] = parts;
  if (db === undefined && pattern.startsWith('@')) return undefined;
  const wanted = Buffer.from(db !== undefined && keys === '' ? '*' : keys).latin1Slice();
  const isPrefix = wanted.endsWith('*');
  return {
    db: db === undefined ? null : Number(db),
    key: isPrefix ? wanted.slice(0, -1) : wanted,
    isPrefix,
    policy,
    pattern,
  };
}

function isPolicy(text: string): text is PolicyRule['policy'] {
  return (POLICIES as readonly string[]).includes(text) || /^module:./.test(text);
}

/** Whether the rule is for this key. */
export function isFor(rule: PolicyRule, db: number, key: string): boolean {
  if (rule.db !== null && rule.db !== db) return false;
  return rule.isPrefix ? key.startsWith(rule.key) : key === rule.key;
}
