import type { ServerCommandSpec } from '../../server-call.js';
import { NO_KEYS } from '../spec.js';

/** `KV.HINTS` -> a map per member that has missed writes which this node keeps for it. */
const hints: ServerCommandSpec = {
  name: 'kv.hints',
  arity: 1,
  flags: ['loading', 'stale'],
  keys: NO_KEYS,
  since: '0.1.0',
  group: 'ringkv',
  summary: 'Show for which members this node keeps writes that they have missed',
  complexity: 'O(N) where N is the number of members',
  syntax: 'KV.HINTS',
  run(call) {
    const { reply, server } = call;
    const all = server.hints();
    if (all === null) return reply.error('CLUSTERDOWN The cluster is forming');
    reply.array(all.length);
    for (const { target, clientAddress, count, bytes, oldestMs, delivering } of all) {
      reply.map(6);
      for (const text of ['bus', target, 'address', clientAddress, 'hints']) reply.bulk(text);
      reply.integer(count);
      reply.bulk('bytes');
      reply.integer(bytes);
      reply.bulk('oldest-ms');
      reply.integer(Math.max(0, server.nowMs() - oldestMs));
      for (const text of ['state', delivering ? 'delivering' : 'waiting']) reply.bulk(text);
    }
  },
};

export const hintCommands: readonly ServerCommandSpec[] = [hints];
