import { Errors } from '../../errors.js';
import { parseInteger } from '../numbers.js';
import type { CommandSpec } from '../spec.js';
import { maxBulkBytes } from './limits.js';

/** A stretch that both strings have; positions are inclusive. */
interface Match {
  readonly aStart: number;
  readonly aEnd: number;
  readonly bStart: number;
  readonly bEnd: number;
}

interface LcsOptions {
  length: boolean;
  indexes: boolean;
  withLength: boolean;
  minLength: number;
}

/** A string is an error line. */
function parseOptions(argv: readonly string[]): LcsOptions | string {
  const options: LcsOptions = { length: false, indexes: false, withLength: false, minLength: 0 };
  for (let i = 3; i < argv.length; i++) {
    const word = argv[i].toUpperCase();
    if (word === 'LEN') options.length = true;
    else if (word === 'IDX') options.indexes = true;
    else if (word === 'WITHMATCHLEN') options.withLength = true;
    else if (word === 'MINMATCHLEN' && i + 1 < argv.length) {
      const n = parseInteger(argv[++i]);
      if (n === undefined) return Errors.notInteger;
      options.minLength = n;
    } else return Errors.syntax;
  }
  if (options.length && options.indexes)
    return 'ERR If you want both the length and indexes, please just use IDX.';
  return options;
}

/** undefined when there is no memory for it: the limit may be set far beyond what the process can have. */
function allocate(cells: number): Uint32Array | undefined {
  try {
    return new Uint32Array(cells);
  } catch {
    return undefined;
  }
}

/** Cell `i * (b.length + 1) + j`: the length of the longest common subsequence of a's first i and b's first j bytes. */
function lengths(a: string, b: string): Uint32Array | undefined {
  const width = b.length + 1;
  const table = allocate((a.length + 1) * width);
  if (table === undefined) return undefined;
  for (let i = 1; i <= a.length; i++) {
    const byte = a.charCodeAt(i - 1);
    const row = i * width;
    for (let j = 1; j <= b.length; j++) {
      if (byte === b.charCodeAt(j - 1)) table[row + j] = table[row + j - width - 1] + 1;
      else table[row + j] = Math.max(table[row + j - width], table[row + j - 1]);
    }
  }
  return table;
}

/**
 * Walks back from the ends of both strings, as Redis does, so that of several longest ones the same is found, in the same
 * stretches: from the last to the first.
 */
function walkBack(a: string, b: string, table: Uint32Array): { text: string; matches: Match[] } {
  const width = b.length + 1;
  const matches: Match[] = [];
  const bytes: string[] = [];
  let i = a.length;
  let j = b.length;
  let matched = 0;
  const close = (): void => {
    if (matched === 0) return;
    bytes.push(a.slice(i, i + matched));
    matches.push({ aStart: i, aEnd: i + matched - 1, bStart: j, bEnd: j + matched - 1 });
    matched = 0;
  };
  while (i > 0 && j > 0) {
    if (a.charCodeAt(i - 1) === b.charCodeAt(j - 1)) {
      i--;
      j--;
      matched++;
    } else {
      close();
      if (table[(i - 1) * width + j] > table[i * width + j - 1]) i--;
      else j--;
    }
  }
  close();
  return { text: bytes.reverse().join(''), matches };
}

/** The longest common subsequence. Quadratic in time and memory, which `proto-max-bulk-len` bounds as in Redis. */
export const lcsCommand: CommandSpec = {
  name: 'lcs',
  arity: -3,
  flags: ['readonly'],
  keys: { first: 1, last: 2, step: 1 },
  since: '7.0.0',
  group: 'string',
  summary: 'Find longest common substring',
  complexity: 'O(N*M) where N and M are the lengths of s1 and s2, respectively',
  syntax: 'LCS key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]',
  run(call) {
    const { argv, reply } = call;
    const a = call.read(argv[1])?.payload ?? '';
    const b = call.read(argv[2])?.payload ?? '';
    const options = parseOptions(argv);
    if (typeof options === 'string') return reply.error(options);
    if ((a.length + 1) * (b.length + 1) * 4 > maxBulkBytes(call))
      return reply.error('ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len');

    const table = lengths(a, b);
    if (table === undefined)
      return reply.error('ERR Insufficient memory, failed allocating transient memory for LCS');
    const length = table[table.length - 1];
    if (options.length) return reply.integer(length);
    const { text, matches } = walkBack(a, b, table);
    if (!options.indexes) return reply.bulk(text);

    const { minLength, withLength } = options;
    const shown = matches.filter(({ aStart, aEnd }) => aEnd - aStart + 1 >= minLength);
    reply.map(2);
    reply.bulk('matches');
    reply.array(shown.length);
    for (const { aStart, aEnd, bStart, bEnd } of shown) {
      reply.array(withLength ? 3 : 2);
      reply.array(2);
      reply.integer(aStart);
      reply.integer(aEnd);
      reply.array(2);
      reply.integer(bStart);
      reply.integer(bEnd);
      if (withLength) reply.integer(aEnd - aStart + 1);
    }
    reply.bulk('len');
    reply.integer(length);
  },
};
