import type { State } from '../../../cluster/core/member-view.js';
import { type Cluster, nodeRow, slotsRow, topologyRow } from './cluster-row.js';
import { slotMapOf } from './slot-map.js';

/** Redis's words: `fail?` is this node's own suspicion, `fail` what is agreed. */
const FLAGS: Readonly<Record<State, string>> = { up: '', suspect: ',fail?', down: ',fail' };

function nodeLines({ topology, members, views, nodes }: Cluster): string {
  const { spanTexts } = slotMapOf(topology);
  const lines = members.map((i) => {
    const { id, host, port, busPort } = nodes[i];
    const flags = `${i === topology.self ? 'myself,' : ''}master${FLAGS[views[i].state]}`;
    const link = topology.alive[i] === 1 ? 'connected' : 'disconnected';
    const slots = spanTexts[i] === '' ? '' : ` ${spanTexts[i]}`;
    return `${id} ${host}:${port}@${busPort} ${flags} - 0 0 ${topology.epoch} ${link}${slots}\n`;
  });
  return lines.join('');
}

/** Every member is a master, of the slots whose writes it coordinates now. */
export const clusterNodes = slotsRow(
  {
    name: 'cluster|nodes',
    since: '3.0.0',
    summary: 'Get Cluster config for the node',
    complexity: 'O(N) where N is the total number of Cluster nodes',
  },
  ({ reply }, cluster) => reply.verbatim('txt', nodeLines(cluster)),
);

export const clusterMyId = topologyRow(
  { name: 'cluster|myid', since: '3.0.0', summary: 'Return the node id', complexity: 'O(1)' },
  ({ reply }, { nodes, topology }) => reply.bulk(nodes[topology.self].id),
);

const REPLICAS = { summary: 'List replica nodes of the specified master node', complexity: 'O(1)' };

/** No node follows another as a whole: the replicas of a node's slots are other masters (CLUSTER SLOTS tells them). */
export const clusterReplicas = nodeRow(
  { name: 'cluster|replicas', since: '5.0.0', ...REPLICAS },
  ({ reply }) => reply.array(0),
);

export const clusterSlaves = nodeRow({ name: 'cluster|slaves', since: '3.0.0', ...REPLICAS }, ({ reply }) =>
  reply.array(0),
);

/** That a node is down is said once, by gossip, however many have found it out. */
export const clusterFailureReports = nodeRow(
  {
    name: 'cluster|count-failure-reports',
    since: '3.0.0',
    summary: 'Return the number of failure reports active for a given node',
    complexity: 'O(N) where N is the number of failure reports',
  },
  ({ reply }, { views }, node) => reply.integer(views[node].state === 'down' ? 1 : 0),
);
