import { contextDominates, covers } from '../../../cluster/core/version.js';
import type { Version } from '../../../storage/record.js';
import type { CommandCall } from '../../command-call.js';
import { Errors } from '../../errors.js';
import { longestLife } from '../../policies/conflict-policies.js';
import { isLive } from '../../policies/is-live.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import { ONE_KEY } from '../spec.js';
import { ExpiryOption } from '../strings/expiry.js';
import { decodeToken } from './context-token.js';
import { dotText } from './dots.js';

const BAD_CONTEXT = 'ERR invalid context: it is garbled, or of another key';
const TOO_FAR_AHEAD = "ERR the context is further ahead of this node's clock than max-clock-drift";

/** The context in the client's token, or an error line. */
function contextOf(call: ServerCall, key: string, token: string): readonly number[] | string {
  const command = call as CommandCall;
  const { physical, db, server } = command;
  const { clusterSecret } = server.settings.values;
  const context = decodeToken(token, { db: physical[db], key }, clusterSecret, server.writers);
  if (context === undefined) return BAD_CONTEXT;
  return command.admitContext(key, context) ?? TOO_FAR_AHEAD;
}

/**
 * `KV.PUT key context value` -> the dot of the new version. It takes the place of exactly what the context has seen; with an empty one
 * of nothing. KEEPTTL keeps the time of what it takes the place of, the longest if it is several.
 */
const put: ServerCommandSpec = {
  name: 'kv.put',
  arity: -4,
  flags: ['write', 'denyoom', 'fast'],
  keys: ONE_KEY,
  since: '0.2.0',
  group: 'ringkv',
  summary: 'Write a version that supersedes exactly what its context has seen',
  complexity: 'O(N) where N is the number of siblings',
  syntax:
    'KV.PUT key context value [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]',
  run(call) {
    const { argv, reply, now, server } = call;
    const expiry = new ExpiryOption('KEEPTTL');
    for (let i = 4; i < argv.length; ) {
      const taken = expiry.take(argv, i);
      if (taken === 0) return reply.error(Errors.syntax);
      i += taken;
    }
    const time = expiry.expireAt(now, 'kv.put');
    if (typeof time === 'string') return reply.error(time);
    const key = argv[1];
    const context = contextOf(call, key, argv[2]);
    if (typeof context === 'string') return reply.error(context);

    const command = call as CommandCall;
    const versions = command.recordOf(key)?.siblings ?? [];
    const seen = versions.filter((version) => covers(context, version));
    const objection = objectionTo(call, argv[3], versions, seen);
    if (objection !== null) {
      server.policies.counters.refusedPuts++;
      return reply.error(objection);
    }
    const alive = seen.filter((version) => isLive(version, now));
    const expireAt = expiry.keyword && alive.length > 0 ? longestLife(alive) : time;
    command.writeSeen(key, context, argv[3], expireAt);
    reply.bulk(dotText(command.recordOf(key)!.siblings[0], server.writers));
  },
};

const PUT_WITH_CONTEXT = 'put with the context of KV.SIBLINGS';

/** Why no more versions may be kept beside each other, an error line, or null. All of a key go in one message between nodes. */
function objectionTo(
  { server }: ServerCall,
  value: string,
  versions: readonly Version[],
  seen: readonly Version[],
): string | null {
  const { maxSiblings, protoMaxBulkLen } = server.settings.values;
  if (versions.length - seen.length >= maxSiblings)
    return `SIBLINGS ${versions.length} concurrent versions, no more are kept than max-siblings: ${PUT_WITH_CONTEXT}`;
  if (value.length + bytesOf(versions) - bytesOf(seen) > protoMaxBulkLen)
    return `SIBLINGS ${versions.length} concurrent versions would be longer together than proto-max-bulk-len: ${PUT_WITH_CONTEXT}`;
  return null;
}

function bytesOf(versions: readonly Version[]): number {
  return versions.reduce((sum, { payload }) => sum + payload.length, 0);
}

/**
 * `KV.DEL key context` -> how many values it has taken away: those that the context has seen. What it has not seen stays, and is what
 * the key holds from then on.
 */
const del: ServerCommandSpec = {
  name: 'kv.del',
  arity: 3,
  flags: ['write', 'fast'],
  keys: ONE_KEY,
  since: '0.2.0',
  group: 'ringkv',
  summary: 'Delete exactly those versions of a key that the context has seen',
  complexity: 'O(N) where N is the number of siblings',
  syntax: 'KV.DEL key context',
  run(call) {
    const { argv, reply, now } = call;
    const key = argv[1];
    const context = contextOf(call, key, argv[2]);
    if (typeof context === 'string') return reply.error(context);
    const command = call as CommandCall;
    const record = command.recordOf(key);
    if (record === null) return reply.integer(0);
    const seen = record.siblings.filter((version) => covers(context, version));
    const values = seen.filter((version) => isLive(version, now)).length;
    const rest = record.siblings.length - seen.length;
    const isChange =
      values > 0 || (seen.length > 0 && rest > 0) || !contextDominates(record.context, context);
    if (isChange) command.writeSeen(key, context, null, 0);
    reply.integer(values);
  },
};

export const putCommands: readonly ServerCommandSpec[] = [put, del];
