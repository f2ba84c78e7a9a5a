import { Errors } from '../../errors.js';
import { parseInt64 } from '../numbers.js';
import { type Call, type CommandSpec, ONE_KEY } from '../spec.js';
import { conditionHolds, expiryTime, parseExpireCondition } from './expire-time.js';

/** EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, PERSIST. */
export const expireCommands: readonly CommandSpec[] = [
  expireRow('expire', '1.0.0', 1000, true, "Set a key's time to live in seconds"),
  expireRow('pexpire', '2.6.0', 1, true, "Set a key's time to live in milliseconds"),
  expireRow('expireat', '1.2.0', 1000, false, 'Set the expiration for a key as a UNIX timestamp'),
  expireRow(
    'pexpireat',
    '2.6.0',
    1,
    false,
    'Set the expiration for a key as a UNIX timestamp specified in milliseconds',
  ),
  {
    name: 'persist',
    arity: 2,
    flags: ['write', 'fast'],
    keys: ONE_KEY,
    since: '2.2.0',
    group: 'generic',
    summary: 'Remove the expiration from a key',
    complexity: 'O(1)',
    syntax: 'PERSIST key',
    run(call) {
      const value = call.read(call.argv[1]);
      if (value === undefined || value.expireAt === 0) return call.reply.integer(0);
      call.keepUntil(call.argv[1], 0);
      call.reply.integer(1);
    },
  },
];

/** `relative`: the number counts from now, not from 1970. */
function expireRow(
  name: string,
  since: string,
  unitMs: number,
  relative: boolean,
  summary: string,
): CommandSpec {
  const argument = relative
    ? unitMs === 1
      ? 'milliseconds'
      : 'seconds'
    : `unix-time-${unitMs === 1 ? 'milliseconds' : 'seconds'}`;
  return {
    name,
    arity: -3,
    flags: ['write', 'fast'],
    keys: ONE_KEY,
    since,
    group: 'generic',
    summary,
    complexity: 'O(1)',
    syntax: `${name.toUpperCase()} key ${argument} [NX | XX | GT | LT]`,
    run: (call) => expire(call, name, unitMs, relative),
  };
}

function expire(call: Call, name: string, unitMs: number, relative: boolean) {
  const { argv, reply } = call;
  const condition = parseExpireCondition(argv);
  if (typeof condition === 'string') return reply.error(condition);
  const when = parseInt64(argv[2]);
  if (when === undefined) return reply.error(Errors.notInteger);
  const expireAt = expiryTime(when, unitMs, relative ? call.now : 0);
  if (expireAt === undefined) return reply.error(Errors.invalidExpire(name));
  const value = call.read(argv[1]);
  if (value === undefined || !conditionHolds(condition, value.expireAt, expireAt)) return reply.integer(0);
  if (expireAt <= call.now) call.remove(argv[1]);
  else call.keepUntil(argv[1], expireAt);
  reply.integer(1);
}
