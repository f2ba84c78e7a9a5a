import { slotOf } from '../../../cluster/core/slot.js';
import type { ServerCommandSpec } from '../../server-call.js';
import { container, helpRow } from '../container.js';
import { NO_KEYS } from '../spec.js';
import { clusterInfo, clusterMyId, clusterNodes } from './cluster-info.js';
import { clusterShards, clusterSlots } from './cluster-slots.js';

const keyslot: ServerCommandSpec = {
  name: 'cluster|keyslot',
  arity: 3,
  flags: ['stale'],
  keys: NO_KEYS,
  since: '3.0.0',
  group: 'cluster',
  summary: 'Returns the hash slot of the specified key',
  complexity: 'O(N) where N is the number of bytes in the key',
  syntax: 'CLUSTER KEYSLOT key',
  run: ({ argv, reply }) => reply.integer(slotOf(argv[2])),
};

/** Redis's own lines for the subcommands there are, in its order. */
const HELP: readonly string[] = [
  'INFO',
  '    Return information about the cluster.',
  'KEYSLOT <key>',
  '    Return the hash slot for <key>.',
  'MYID',
  '    Return the node id.',
  'NODES',
  '    Return cluster configuration seen by node. Output format:',
  '    <id> <ip:port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...',
  'SLOTS',
  '    Return information about slots range mappings. Each range is made of:',
  '    start, end, master and replicas IP addresses, ports and ids',
  'SHARDS',
  '    Return information about slot range mappings and the nodes associated with them.',
];

const cluster: ServerCommandSpec = {
  ...container('cluster', 'A container for cluster commands', '3.0.0', [
    clusterInfo,
    clusterMyId,
    keyslot,
    clusterNodes,
    clusterSlots,
    clusterShards,
    { ...helpRow('cluster', '5.0.0', HELP), group: 'cluster' },
  ]),
  group: 'cluster',
};

/** CLUSTER, for clients that can send a command to a home replica of its key: any node takes any command all the same. */
export const clusterCommands: readonly ServerCommandSpec[] = [cluster];
