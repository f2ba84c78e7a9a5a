import type { Member, Topology } from '../../../cluster/core/topology.js';
import { type ReplyBytes, ReplyWriter, type RespVersion } from '../../resp/reply.js';
import { topologyRow } from './cluster-row.js';
import { clientEndpoint, type SlotRange, slotRanges } from './slot-map.js';

/** Replicas that are down are left out, as Redis does; a range with none alive keeps its first, so that all slots are told. */
function shownHomes({ homes }: SlotRange, { alive }: Topology): readonly number[] {
  const up = homes.filter((member) => alive[member] === 1);
  return up.length > 0 ? up : homes.slice(0, 1);
}

export const clusterSlots = topologyRow(
  {
    name: 'cluster|slots',
    since: '3.0.0',
    summary: 'Get array of Cluster slot to node mappings',
    complexity: 'O(N) where N is the total number of Cluster nodes',
  },
  ({ reply }, topology) => {
    const ranges = slotRanges(topology);
    // There are thousands of ranges, and few nodes to be written over and over.
    const nodes = topology.members.map((member) => encodedNode(member, reply.resp));
    reply.array(ranges.length);
    for (const range of ranges) {
      const homes = shownHomes(range, topology);
      reply.array(2 + homes.length);
      reply.integer(range.start);
      reply.integer(range.end);
      for (const member of homes) reply.raw(nodes[member]);
    }
  },
);

function encodedNode(member: Member, resp: RespVersion): ReplyBytes {
  const { host, port } = clientEndpoint(member);
  const writer = new ReplyWriter(resp);
  writer.array(4);
  writer.bulk(host);
  writer.integer(port);
  writer.bulk(member.nodeId);
  // Further ways to reach the node: none.
  writer.map(0);
  return writer.take();
}

/** Ranges that share their homes in the same order make one shard: its first node is the master. */
export const clusterShards = topologyRow(
  {
    name: 'cluster|shards',
    since: '7.0.0',
    summary: 'Get array of cluster slots to node mappings',
    complexity: 'O(N) where N is the total number of cluster nodes',
  },
  ({ reply }, topology) => {
    const shards = new Map<string, SlotRange[]>();
    for (const range of slotRanges(topology)) {
      const name = range.homes.join();
      const ranges = shards.get(name);
      if (ranges === undefined) shards.set(name, [range]);
      else ranges.push(range);
    }
    reply.array(shards.size);
    for (const ranges of shards.values()) writeShard(reply, topology, ranges);
  },
);

function writeShard(reply: ReplyWriter, topology: Topology, ranges: readonly SlotRange[]): void {
  const { homes } = ranges[0];
  reply.map(2);
  reply.bulk('slots');
  reply.array(ranges.length * 2);
  for (const { start, end } of ranges) {
    reply.integer(start);
    reply.integer(end);
  }
  reply.bulk('nodes');
  reply.array(homes.length);
  homes.forEach((member, i) => {
    writeShardNode(reply, topology, member, i === 0 ? 'master' : 'replica');
  });
}

function writeShardNode(reply: ReplyWriter, topology: Topology, index: number, role: string): void {
  const member = topology.members[index];
  const { host, port } = clientEndpoint(member);
  reply.map(7);
  reply.bulk('id');
  reply.bulk(member.nodeId);
  reply.bulk('port');
  reply.integer(port);
  for (const text of ['ip', host, 'endpoint', host, 'role', role, 'replication-offset']) reply.bulk(text);
  // There is no replication stream with a place in it.
  reply.integer(0);
  reply.bulk('health');
  reply.bulk(topology.alive[index] === 1 ? 'online' : 'failed');
}
