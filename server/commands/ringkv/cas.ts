import type { CommandCall } from '../../command-call.js';
import { Errors } from '../../errors.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import { ONE_KEY, type Value } from '../spec.js';
import { ExpiryOption, writeUntil } from '../strings/expiry.js';
import { isVersionText, versionText } from './dots.js';

const BAD_VERSION = 'ERR invalid version, expected the one that KV.GET answers';

/**
 * `CAS key expected new`, `CAS key VERSION version new` -> 1 where it was swapped, else 0. The first compares the value; the second the
 * state that KV.GET has told of. As every write makes a new version, the second can be sent again after an error that leaves open whether
 * it was applied: it is never applied twice. With `VERSION` and a fourth argument it is always the second; who compares values
 * that may be that word asks for `SET ... IFEQ`.
 */
export const casCommand: ServerCommandSpec = {
  name: 'cas',
  arity: -4,
  flags: ['write', 'denyoom'],
  keys: ONE_KEY,
  serial: true,
  since: '0.1.0',
  group: 'ringkv',
  summary: 'Set a key if it has the given value, or is in the state that KV.GET has shown',
  complexity: 'O(1)',
  extraCategories: ['@string'],
  syntax:
    'CAS key expected | VERSION version new [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]',
  run(call) {
    const { argv, reply, now } = call;
    const key = argv[1];
    const byVersion = argv.length > 4 && argv[2].toUpperCase() === 'VERSION';
    const at = byVersion ? 4 : 3;
    const expiry = new ExpiryOption('KEEPTTL');
    for (let i = at + 1; i < argv.length; ) {
      const taken = expiry.take(argv, i);
      if (taken === 0) return reply.error(Errors.syntax);
      i += taken;
    }
    if (byVersion && !isVersionText(argv[3])) return reply.error(BAD_VERSION);
    const expireAt = expiry.expireAt(now, 'cas');
    if (typeof expireAt === 'string') return reply.error(expireAt);

    const old = call.read(key);
    if (old === undefined || !(byVersion ? isVersion(call, key, argv[3]) : isValue(old, argv[2])))
      return reply.integer(0);
    writeUntil(call, key, argv[at], expiry.keyword ? old.expireAt : expireAt);
    reply.integer(1);
  },
};

function isValue({ payload }: Value, expected: string): boolean {
  return payload === expected;
}

function isVersion(call: ServerCall, key: string, expected: string): boolean {
  return versionText((call as CommandCall).recordOf(key), call.server.writers) === expected;
}
