import type { CommandFlag, CommandGroup, CommandSpec } from './spec.js';

const BY_FLAG: Partial<Record<CommandFlag, readonly string[]>> = {
  write: ['@write'],
  readonly: ['@read'],
  admin: ['@admin', '@dangerous'],
  pubsub: ['@pubsub'],
  blocking: ['@blocking'],
};

const BY_GROUP: Partial<Record<CommandGroup, string>> = {
  string: '@string',
  bitmap: '@bitmap',
  generic: '@keyspace',
  connection: '@connection',
  transactions: '@transaction',
};

/** Redis's order of categories (`ACLCommandCategories` in `src/acl.c`). */
const ORDER = [
  '@keyspace',
  '@read',
  '@write',
  '@set',
  '@sortedset',
  '@list',
  '@hash',
  '@string',
  '@bitmap',
  '@hyperloglog',
  '@geo',
  '@stream',
  '@pubsub',
  '@admin',
  '@fast',
  '@slow',
  '@blocking',
  '@dangerous',
  '@connection',
  '@transaction',
  '@scripting',
];

/** ACL categories of a command: those its flags and group imply, and those its row adds. */
export function categoriesOf(spec: CommandSpec<never>): string[] {
  const found = new Set<string>(spec.extraCategories ?? []);
  for (const flag of spec.flags) for (const category of BY_FLAG[flag] ?? []) found.add(category);
  const group = BY_GROUP[spec.group];
  if (group !== undefined && !spec.notInGroup) found.add(group);
  found.add(spec.flags.includes('fast') ? '@fast' : '@slow');
  return [...found].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b));
}
