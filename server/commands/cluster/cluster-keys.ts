import { SLOTS, slotOf } from '../../../cluster/core/slot.js';
import { Errors } from '../../errors.js';
import type { ServerCommandSpec } from '../../server-call.js';
import { parseInt64 } from '../numbers.js';
import { clusterRow } from './cluster-row.js';

export const clusterKeySlot: ServerCommandSpec = clusterRow(
  {
    name: 'cluster|keyslot',
    arity: 3,
    since: '3.0.0',
    summary: 'Returns the hash slot of the specified key',
    complexity: 'O(N) where N is the number of bytes in the key',
    syntax: 'CLUSTER KEYSLOT key',
  },
  ({ argv, reply }) => reply.integer(slotOf(argv[2])),
);

/** Any node answers for any slot. */
export const clusterCountKeys: ServerCommandSpec = clusterRow(
  {
    name: 'cluster|countkeysinslot',
    arity: 3,
    since: '3.0.0',
    summary: 'Return the number of local keys in the specified hash slot',
    complexity: 'O(1)',
    syntax: 'CLUSTER COUNTKEYSINSLOT slot',
  },
  (call) => {
    const slot = parseInt64(call.argv[2]);
    if (slot === undefined) return call.reply.error(Errors.notInteger);
    if (!isSlot(slot)) return call.reply.error('ERR Invalid slot');
    const { reply, done } = call.later();
    call.server.keyspace.slotSize(call.db, Number(slot), (error, keys) => {
      if (error !== null) reply.error(error);
      else reply.integer(keys);
      done();
    });
  },
);

/** Any node answers for any slot. */
export const clusterGetKeys: ServerCommandSpec = clusterRow(
  {
    name: 'cluster|getkeysinslot',
    arity: 4,
    since: '3.0.0',
    summary: 'Return local key names in the specified hash slot',
    complexity: 'O(log(N)) where N is the number of requested keys',
    syntax: 'CLUSTER GETKEYSINSLOT slot count',
  },
  (call) => {
    const [slot, count] = [parseInt64(call.argv[2]), parseInt64(call.argv[3])];
    if (slot === undefined || count === undefined) return call.reply.error(Errors.notInteger);
    if (!isSlot(slot) || count < 0) return call.reply.error('ERR Invalid slot or number of keys');
    const { reply, done } = call.later();
    call.server.keyspace.slotKeys(call.db, Number(slot), Number(count), (error, keys) => {
      if (error !== null) {
        reply.error(error);
      } else {
        reply.array(keys.length);
        for (const key of keys) reply.bulk(key);
      }
      done();
    });
  },
);

function isSlot(slot: number | bigint): boolean {
  return slot >= 0 && slot < SLOTS;
}
