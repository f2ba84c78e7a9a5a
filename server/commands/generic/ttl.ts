import { type CommandSpec, ONE_KEY, type Value } from '../spec.js';
import { replyTime, toSeconds } from './expire-time.js';

/** TTL, PTTL, EXPIRETIME, PEXPIRETIME. */
export const ttlCommands: readonly CommandSpec[] = [
  ttlRow('ttl', '1.0.0', 'Get the time to live for a key in seconds', ({ expireAt }, now) =>
    toSeconds(expireAt - now),
  ),
  ttlRow(
    'pttl',
    '2.6.0',
    'Get the time to live for a key in milliseconds',
    ({ expireAt }, now) => expireAt - now,
  ),
  ttlRow('expiretime', '7.0.0', 'Get the expiration Unix timestamp for a key', ({ expireAt }) =>
    toSeconds(expireAt),
  ),
  ttlRow(
    'pexpiretime',
    '7.0.0',
    'Get the expiration Unix timestamp for a key in milliseconds',
    ({ expireAt }) => expireAt,
  ),
];

function ttlRow(
  name: string,
  since: string,
  summary: string,
  answer: (value: Value, now: number) => number,
): CommandSpec {
  return {
    name,
    arity: 2,
    flags: ['readonly', 'fast'],
    keys: ONE_KEY,
    since,
    group: 'generic',
    summary,
    complexity: 'O(1)',
    syntax: `${name.toUpperCase()} key`,
    run(call) {
      const value = call.read(call.argv[1]);
      if (value === undefined) call.reply.integer(-2);
      else if (value.expireAt === 0) call.reply.integer(-1);
      else call.reply.integer(replyTime(answer(value, call.now)));
    },
  };
}
