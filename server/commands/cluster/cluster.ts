import type { ServerCommandSpec } from '../../server-call.js';
import { container, helpRow } from '../container.js';
import { elsewhereCommands } from './cluster-elsewhere.js';
import { clusterInfo } from './cluster-info.js';
import { clusterCountKeys, clusterGetKeys, clusterKeySlot } from './cluster-keys.js';
import { clusterLinks } from './cluster-links.js';
import {
  clusterFailureReports,
  clusterMyId,
  clusterNodes,
  clusterReplicas,
  clusterSlaves,
} from './cluster-nodes.js';
import { clusterShards, clusterSlots } from './cluster-slots.js';

/** Redis's own lines for the subcommands that do something here, in its order. */
const HELP: readonly string[] = [
  'COUNT-FAILURE-REPORTS <node-id>',
  '    Return number of failure reports for <node-id>.',
  'COUNTKEYSINSLOT <slot>',
  '    Return the number of keys in <slot>.',
  'GETKEYSINSLOT <slot> <count>',
  '    Return key names stored by current node in a slot.',
  'INFO',
  '    Return information about the cluster.',
  'KEYSLOT <key>',
  '    Return the hash slot for <key>.',
  'MYID',
  '    Return the node id.',
  'NODES',
  '    Return cluster configuration seen by node. Output format:',
  '    <id> <ip:port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...',
  'REPLICAS <node-id>',
  '    Return <node-id> replicas.',
  'SLOTS',
  '    Return information about slots range mappings. Each range is made of:',
  '    start, end, master and replicas IP addresses, ports and ids',
  'SHARDS',
  '    Return information about slot range mappings and the nodes associated with them.',
  'LINKS',
  '    Return information about all network links between this node and its peers.',
  '    Output format is an array where each array element is a map containing attributes of a link',
];

const cluster: ServerCommandSpec = {
  ...container('cluster', 'A container for cluster commands', '3.0.0', [
    clusterInfo,
    clusterMyId,
    clusterKeySlot,
    clusterCountKeys,
    clusterGetKeys,
    clusterNodes,
    clusterSlots,
    clusterShards,
    clusterReplicas,
    clusterSlaves,
    clusterLinks,
    clusterFailureReports,
    ...elsewhereCommands,
    { ...helpRow('cluster', '5.0.0', HELP), group: 'cluster' },
  ]),
  group: 'cluster',
};

/** CLUSTER, for clients that send a command to the node that coordinates its key: any node takes any command all the same. */
export const clusterCommands: readonly ServerCommandSpec[] = [cluster];
