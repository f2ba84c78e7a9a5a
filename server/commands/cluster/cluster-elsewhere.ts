import type { ServerCommandSpec } from '../../server-call.js';
import { clusterRow } from './cluster-row.js';

const ADMIN = ['admin', 'stale', 'no_async_loading'] as const;

/** A subcommand by which operators change a Redis Cluster, and by what one does that here. */
function elsewhere(
  name: string,
  arity: number,
  instead: string,
  since: string,
  summary: string,
  complexity = 'O(1)',
  flags: ServerCommandSpec['flags'] = ADMIN,
): ServerCommandSpec {
  const title = `CLUSTER ${name.toUpperCase()}`;
  return clusterRow({ name: `cluster|${name}`, arity, flags, since, summary, complexity }, ({ reply }) =>
    reply.error(`ERR ${title} is not how a RingKV cluster changes: ${instead}`),
  );
}

const RING = 'the ring gives every node its slots, in proportion to its weight: see KV.RING and KV.WEIGHT';
const NO_FOLLOWERS = 'every node is a master, and the next live home of a slot takes over by itself';
const EPOCH = 'the epochs follow from the members, and are agreed on by the nodes';

const PER_SLOT = 'O(N) where N is the total number of hash slot arguments';
const PER_RANGE =
  'O(N) where N is the total number of the slots between the start slot and end slot arguments.';

export const elsewhereCommands: readonly ServerCommandSpec[] = [
  elsewhere(
    'meet',
    -4,
    'start the new node with --seeds and it joins',
    '3.0.0',
    'Force a node cluster to handshake with another node',
  ),
  elsewhere(
    'forget',
    3,
    'KV.REMOVE takes out a node that is dead, KV.LEAVE, sent to it, one that lives',
    '3.0.0',
    'Remove a node from the nodes table',
  ),
  elsewhere(
    'reset',
    -2,
    'KV.LEAVE, then start the node on an empty folder',
    '3.0.0',
    'Reset a Redis Cluster node',
    'O(N) where N is the number of known nodes. The command may execute a FLUSHALL as a side effect.',
    ['admin', 'noscript', 'stale'],
  ),
  elsewhere(
    'failover',
    -2,
    NO_FOLLOWERS,
    '3.0.0',
    'Forces a replica to perform a manual failover of its master.',
  ),
  elsewhere(
    'replicate',
    3,
    NO_FOLLOWERS,
    '3.0.0',
    'Reconfigure a node as a replica of the specified master node',
  ),
  elsewhere('addslots', -3, RING, '3.0.0', 'Assign new hash slots to receiving node', PER_SLOT),
  elsewhere('addslotsrange', -4, RING, '7.0.0', 'Assign new hash slots to receiving node', PER_RANGE),
  elsewhere('delslots', -3, RING, '3.0.0', 'Set hash slots as unbound in receiving node', PER_SLOT),
  elsewhere('delslotsrange', -4, RING, '7.0.0', 'Set hash slots as unbound in receiving node', PER_RANGE),
  elsewhere('flushslots', 2, RING, '3.0.0', "Delete a node's own slots information"),
  elsewhere('setslot', -4, RING, '3.0.0', 'Bind a hash slot to a specific node'),
  elsewhere('bumpepoch', 2, EPOCH, '3.0.0', 'Advance the cluster config epoch'),
  elsewhere('set-config-epoch', 3, EPOCH, '3.0.0', 'Set the configuration epoch in a new node'),
  elsewhere(
    'saveconfig',
    2,
    'what a node knows of the cluster is on its disk already',
    '3.0.0',
    'Forces the node to save cluster state on disk',
  ),
];
