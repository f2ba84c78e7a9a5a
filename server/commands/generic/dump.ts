import { Errors } from '../../errors.js';
import { parseInt64 } from '../numbers.js';
import { type Call, type CommandSpec, ONE_KEY } from '../spec.js';
import { TOO_LONG } from '../strings/limits.js';
import { canDump, decodeDump, encodeDump } from './dump-format.js';

/** DUMP, RESTORE. */
export const dumpCommands: readonly CommandSpec[] = [
  {
    name: 'dump',
    arity: 2,
    flags: ['readonly'],
    keys: ONE_KEY,
    since: '2.6.0',
    group: 'generic',
    summary: 'Return a serialized version of the value stored at the specified key.',
    complexity:
      'O(1) to access the key and additional O(N*M) to serialize it, where N is the number of Redis objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1).',
    syntax: 'DUMP key',
    run(call) {
      const payload = call.read(call.argv[1])?.payload;
      if (payload === undefined) call.reply.null();
      else if (!canDump(payload.length)) call.reply.error(TOO_LONG);
      else call.reply.bulk(encodeDump(payload));
    },
  },
  {
    name: 'restore',
    arity: -4,
    flags: ['write', 'denyoom'],
    keys: ONE_KEY,
    since: '2.6.0',
    group: 'generic',
    summary: 'Create a key using the provided serialized value, previously obtained using DUMP.',
    complexity:
      'O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the number of Redis objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values the complexity is O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).',
    extraCategories: ['@dangerous'],
    syntax: 'RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]',
    run: restore,
  },
];

/** Redis's order of errors: options, an existing key, the time, the dump. */
function restore(call: Call) {
  const { argv, reply } = call;
  const options = parseRestoreOptions(argv);
  if (typeof options === 'string') return reply.error(options);
  const key = argv[1];
  if (!options.replace && call.exists(key)) return reply.error('BUSYKEY Target key name already exists.');
  const ttl = parseInt64(argv[2]);
  if (ttl === undefined) return reply.error(Errors.notInteger);
  if (ttl < 0) return reply.error('ERR Invalid TTL value, must be >= 0');
  const payload = decodeDump(argv[3]);
  if (payload === undefined) return reply.error('ERR DUMP payload version or checksum are wrong');
  const expireAt = ttl === 0 ? 0 : Number(ttl) + (options.absolute ? 0 : call.now);
  if (expireAt !== 0 && expireAt <= call.now) call.remove(key);
  else call.write(key, payload, expireAt);
  reply.ok();
}

interface RestoreOptions {
  replace: boolean;
  absolute: boolean;
}

/** IDLETIME and FREQ are checked and without effect: nothing is evicted by them. Or an error line. */
function parseRestoreOptions(argv: readonly string[]): RestoreOptions | string {
  const options = { replace: false, absolute: false };
  let usage: string | undefined;
  for (let i = 4; i < argv.length; i++) {
    const option = argv[i].toLowerCase();
    if (option === 'replace') {
      options.replace = true;
    } else if (option === 'absttl') {
      options.absolute = true;
    } else if ((option === 'idletime' || option === 'freq') && i + 1 < argv.length) {
      if (usage !== undefined && usage !== option) return Errors.syntax;
      usage = option;
      const n = parseInt64(argv[++i]);
      if (n === undefined) return Errors.notInteger;
      if (option === 'idletime' && n < 0) return 'ERR Invalid IDLETIME value, must be >= 0';
      if (option === 'freq' && (n < 0 || n > 255)) return 'ERR Invalid FREQ value, must be >= 0 and <= 255';
    } else {
      return Errors.syntax;
    }
  }
  return options;
}
