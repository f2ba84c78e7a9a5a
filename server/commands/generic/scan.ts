import { Errors } from '../../errors.js';
import type { ScanItem } from '../../keyspace.js';
import type { ServerCommandSpec } from '../../server-call.js';
import { parseInt64 } from '../numbers.js';
import { NO_KEYS } from '../spec.js';
import { globMatch } from './glob.js';

/** One step's work is done in one go, on one node, and its keys are held until they are sent: no client may ask for more. */
const MAX_COUNT = 10_000;
const DEFAULT_COUNT = 10;
const MAX_UINT64 = 2n ** 64n - 1n;

/** SCAN. */
export const scanCommand: ServerCommandSpec = {
  name: 'scan',
  arity: -2,
  flags: ['readonly'],
  keys: NO_KEYS,
  since: '2.8.0',
  group: 'generic',
  summary: 'Incrementally iterate the keys space',
  complexity:
    'O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.',
  syntax: 'SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]',
  run(call) {
    const cursor = parseCursor(call.argv[1]);
    if (cursor === undefined) return call.reply.error('ERR invalid cursor');
    const options = parseScanOptions(call.argv);
    if (typeof options === 'string') return call.reply.error(options);
    const { reply, done } = call.later();
    call.server.keyspace.scan(call.db, cursor, options.count, (error, next, items) => {
      if (error !== null) {
        reply.error(error);
        return done();
      }
      const keys = items.filter((item) => wanted(options, item));
      reply.array(2);
      reply.bulk(String(next));
      reply.array(keys.length);
      for (const { key } of keys) reply.bulk(key);
      done();
    });
  },
};

interface ScanOptions {
  count: number;
  /** Every key when undefined. */
  pattern?: string;
  type?: string;
}

/**
 * A cursor as Redis reads it, with C's `strtoul`: a sign is allowed, nothing at all is 0, and what does not fit 64 bits is
 * refused. undefined = invalid. None of ours is above 2^53; whatever else a client made up starts from the beginning.
 */
export function parseCursor(text: string): number | undefined {
  if (!/^(?:[+-]?\d+)?$/.test(text)) return undefined;
  const digits = text.replace(/^[+-]?0*/, '');
  if (digits.length > 20) return undefined;
  const cursor = BigInt(digits || '0');
  if (cursor > MAX_UINT64) return undefined;
  return text[0] === '-' || cursor > Number.MAX_SAFE_INTEGER ? 0 : Number(cursor);
}

/** SCAN's options from `argv[2]` on, or an error line. */
function parseScanOptions(argv: readonly string[]): ScanOptions | string {
  const options: ScanOptions = { count: DEFAULT_COUNT };
  for (let i = 2; i < argv.length; i += 2) {
    if (i + 1 === argv.length) return Errors.syntax;
    const value = argv[i + 1];
    switch (argv[i].toLowerCase()) {
      case 'count': {
        const count = parseInt64(value);
        if (count === undefined) return Errors.notInteger;
        if (count < 1) return Errors.syntax;
        options.count = count > MAX_COUNT ? MAX_COUNT : Number(count);
        break;
      }
      case 'match':
        options.pattern = value === '*' ? undefined : value;
        break;
      case 'type':
        options.type = value.toLowerCase();
        break;
      default:
        return Errors.syntax;
    }
  }
  return options;
}

function wanted({ pattern, type }: ScanOptions, item: ScanItem): boolean {
  if (type !== undefined && item.type !== type) return false;
  return pattern === undefined || globMatch(pattern, item.key);
}
