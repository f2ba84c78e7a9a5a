import { type ReplyBytes, ReplyWriter, type RespVersion } from '../../resp/reply.js';
import { type Cluster, slotsRow } from './cluster-row.js';
import { type ClusterNode, slotMapOf } from './slot-map.js';

export const clusterSlots = slotsRow(
  {
    name: 'cluster|slots',
    since: '3.0.0',
    summary: 'Get array of Cluster slot to node mappings',
    complexity: 'O(N) where N is the total number of Cluster nodes',
  },
  ({ reply }, cluster) => {
    const { resp } = reply;
    const map = slotMapOf(cluster.topology);
    reply.raw(map.reply(`slots ${resp}`, cluster.nodes, () => slotsReply(cluster, resp)));
  },
);

function slotsReply({ topology, nodes }: Cluster, resp: RespVersion): ReplyBytes {
  const { ranges } = slotMapOf(topology);
  // Few nodes, to be written over and over.
  const encoded = nodes.map((node) => encodedNode(node, resp));
  const writer = new ReplyWriter(resp);
  writer.array(ranges.length);
  for (const range of ranges) {
    writer.array(2 + range.nodes.length);
    writer.integer(range.start);
    writer.integer(range.end);
    for (const node of range.nodes) writer.raw(encoded[node]);
  }
  return flat(writer.take());
}

function encodedNode({ id, host, port }: ClusterNode, resp: RespVersion): ReplyBytes {
  const writer = new ReplyWriter(resp);
  writer.array(4);
  writer.bulk(host);
  writer.integer(port);
  writer.bulk(id);
  // Further ways to reach the node: none.
  writer.map(0);
  return flat(writer.take());
}

/** Every node is a shard of its own, the master of the slots it coordinates. */
export const clusterShards = slotsRow(
  {
    name: 'cluster|shards',
    since: '7.0.0',
    summary: 'Get array of cluster slots to node mappings',
    complexity: 'O(N) where N is the total number of cluster nodes',
  },
  ({ reply }, cluster) => {
    const { resp } = reply;
    const map = slotMapOf(cluster.topology);
    reply.raw(map.reply(`shards ${resp}`, cluster.nodes, () => shardsReply(cluster, resp)));
  },
);

function shardsReply({ topology, members, nodes }: Cluster, resp: RespVersion): ReplyBytes {
  const { spans } = slotMapOf(topology);
  const writer = new ReplyWriter(resp);
  writer.array(members.length);
  for (const i of members) {
    writer.map(2);
    writer.bulk('slots');
    writer.array(spans[i].length);
    for (const slot of spans[i]) writer.integer(slot);
    writer.bulk('nodes');
    writer.array(1);
    writeShardNode(writer, nodes[i], topology.alive[i] === 1);
  }
  return flat(writer.take());
}

function writeShardNode(writer: ReplyWriter, { id, host, port }: ClusterNode, alive: boolean): void {
  writer.map(7);
  writer.bulk('id');
  writer.bulk(id);
  writer.bulk('port');
  writer.integer(port);
  for (const text of ['ip', host, 'endpoint', host, 'role', 'master', 'replication-offset'])
    writer.bulk(text);
  // There is no replication stream with a place in it.
  writer.integer(0);
  for (const text of ['health', alive ? 'online' : 'fail']) writer.bulk(text);
}

/** Made of many small pieces it would be put together anew each time it is sent. */
function flat(bytes: ReplyBytes): ReplyBytes {
  return typeof bytes === 'string' ? flattened(bytes) : bytes.map(flattened);
}

function flattened(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
