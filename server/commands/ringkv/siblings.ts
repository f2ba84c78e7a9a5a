import { hlcToMs } from '../../../cluster/core/hlc.js';
import { type KeyRecord, textOf } from '../../../storage/record.js';
import { writerName } from '../../../storage/writers.js';
import type { CommandCall } from '../../command-call.js';
import { isLive } from '../../policies/is-live.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import { ALL_KEYS, ONE_KEY } from '../spec.js';
import { encodeToken } from './context-token.js';
import { dotText, versionText } from './dots.js';

/** What has been seen by who is shown all of the record. */
function tokenOf(record: KeyRecord | null, key: string, call: ServerCall): string {
  const { physical, db, server } = call as CommandCall;
  const { clusterSecret } = server.settings.values;
  return encodeToken(record?.context ?? [], { db: physical[db], key }, clusterSecret, server.writers);
}

/**
 * `KV.SIBLINGS key` -> [context, [[value, dot, writer, time-ms], ...]], newest first; the value is null where the version is a delete,
 * or has expired.
 */
const siblings: ServerCommandSpec = {
  name: 'kv.siblings',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: ONE_KEY,
  since: '0.1.0',
  group: 'ringkv',
  summary: 'Show every concurrent version of a key, with its causal context',
  complexity: 'O(N) where N is the number of siblings',
  syntax: 'KV.SIBLINGS key',
  run(call) {
    const { argv, reply, now } = call;
    const { writers } = call.server;
    const record = (call as CommandCall).recordOf(argv[1]);
    const versions = record?.siblings ?? [];
    reply.array(2);
    reply.bulk(tokenOf(record, argv[1], call));
    reply.array(versions.length);
    for (const version of versions) {
      reply.array(4);
      reply.bulk(isLive(version, now) ? textOf(version) : null);
      reply.bulk(dotText(version, writers));
      reply.bulk(writerName(writers.id(version.writer)));
      reply.integer(hlcToMs(version.hlc));
    }
  },
};

/** One key's [value, context, version, number of versions]; value and version are null when there is no value. */
function replyWithContext(call: ServerCall, key: string): void {
  const { reply, server } = call;
  const value = call.read(key);
  const record = (call as CommandCall).recordOf(key);
  reply.array(4);
  reply.bulk(value?.payload);
  reply.bulk(tokenOf(record, key, call));
  reply.bulk(value === undefined ? null : versionText(record, server.writers));
  reply.integer(record?.siblings.length ?? 0);
}

/**
 * `KV.GET key` -> [value, context, version, number of versions]: what GET answers, and what a write needs that depends on it. The context
 * has seen all there is: a KV.PUT with it takes the place of every version, also of those that the key's policy has left out of the value.
 * Whoever wants to look at them asks KV.SIBLINGS.
 */
const get: ServerCommandSpec = {
  name: 'kv.get',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: ONE_KEY,
  since: '0.2.0',
  group: 'ringkv',
  summary: 'Get the value of a key with its causal context and its version',
  complexity: 'O(1)',
  syntax: 'KV.GET key',
  run: (call) => replyWithContext(call, call.argv[1]),
};

/** `KV.MGET key ...` -> what KV.GET answers for each. */
const mget: ServerCommandSpec = {
  name: 'kv.mget',
  arity: -2,
  flags: ['readonly', 'fast'],
  keys: ALL_KEYS,
  since: '0.2.0',
  group: 'ringkv',
  summary: 'Get the values of several keys with their causal contexts and versions',
  complexity: 'O(N) where N is the number of keys',
  syntax: 'KV.MGET key [key ...]',
  run(call) {
    const { argv, reply } = call;
    reply.array(argv.length - 1);
    for (let i = 1; i < argv.length; i++) replyWithContext(call, argv[i]);
  },
};

export const siblingCommands: readonly ServerCommandSpec[] = [siblings, get, mget];
