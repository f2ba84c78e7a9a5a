import type { CommandRow } from './table.js';

/** A run of a command's keys and what it does to them (https://redis.io/docs/latest/develop/reference/key-specs/). */
export interface KeySpec {
  readonly flags: readonly string[];
  readonly first: number;
  /** Negative: from the end. */
  readonly last: number;
  readonly step: number;
}

/**
 * What commands do to their keys, where it is not the usual of reads or writes. With two entries the first key is a run of its
 * own.
 */
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  set: ['RW access update variable_flags'],
  setnx: ['OW insert'],
  setex: ['OW update'],
  psetex: ['OW update'],
  getdel: ['RW access delete'],
  strlen: ['RO'],
  setrange: ['RW update'],
  append: ['RW insert'],
  mset: ['OW update'],
  msetnx: ['OW insert'],
  bitop: ['OW update', 'RO access'],
  bitfield: ['RW access update variable_flags'],
  del: ['RM delete'],
  unlink: ['RM delete'],
  delifeq: ['RW access delete'],
  delex: ['RW access delete'],
  exists: ['RO'],
  touch: ['RO'],
  type: ['RO'],
  expire: ['RW update'],
  pexpire: ['RW update'],
  expireat: ['RW update'],
  pexpireat: ['RW update'],
  persist: ['RW update'],
  rename: ['RW access delete', 'OW update'],
  renamenx: ['RW access delete', 'OW insert'],
  copy: ['RO access', 'OW update'],
  'object|encoding': ['RO'],
  'object|freq': ['RO'],
  'object|idletime': ['RO'],
  'object|refcount': ['RO'],
  restore: ['OW update'],
  'memory|usage': ['RO'],
  watch: ['RO'],
};

export function keySpecsOf({ spec, isWrite }: CommandRow): KeySpec[] {
  const { first, last, step } = spec.keys;
  if (first === 0) return [];
  const usual = isWrite ? 'RW access update' : 'RO access';
  const [own, rest] = (FLAGS[spec.name] ?? [usual]).map((flags) => flags.split(' '));
  if (rest === undefined) return [{ flags: own, first, last, step }];
  return [
    { flags: own, first, last: first, step },
    { flags: rest, first: first + 1, last, step },
  ];
}

/** What this very command would do to the keys of a run: of some it depends on the arguments. */
export function flagsIn({ flags }: KeySpec, argv: readonly string[]): readonly string[] {
  if (!flags.includes('variable_flags')) return flags;
  const words = argv.slice(2).map((word) => word.toLowerCase());
  const sets = argv[0].toLowerCase() === 'set';
  if (sets) return words.slice(1).includes('get') ? ['RW', 'access', 'update'] : ['OW', 'update'];
  const changes = words.some((word, i) => (word === 'set' || word === 'incrby') && i + 3 < words.length);
  return changes ? ['RW', 'access', 'update'] : ['RO', 'access'];
}

/** The keys at the run's positions. */
export function keysAt({ first, last, step }: KeySpec, argv: readonly string[]): string[] {
  const end = last < 0 ? argv.length + last : last;
  return argv.filter((_, i) => i >= first && i <= end && (i - first) % step === 0);
}
