import type { MemberView } from '../../../cluster/core/member-view.js';
import type { Topology } from '../../../cluster/core/topology.js';
import { beforeNul } from '../../errors.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import { NO_KEYS } from '../spec.js';
import { type ClusterNode, clusterNode } from './slot-map.js';

const FORMING = 'CLUSTERDOWN The cluster is forming';

type RowParts = Pick<ServerCommandSpec, 'name' | 'since' | 'summary' | 'complexity'> &
  Partial<Pick<ServerCommandSpec, 'arity' | 'flags' | 'syntax'>>;

/** A subcommand of CLUSTER. */
export function clusterRow(parts: RowParts, run: (call: ServerCall) => void): ServerCommandSpec {
  const syntax = parts.name.replace('|', ' ').toUpperCase();
  return { arity: 2, flags: ['stale'], syntax, ...parts, keys: NO_KEYS, group: 'cluster', run };
}

/** The members of the ring, as cluster clients are told of them. */
export interface Cluster {
  readonly topology: Topology;
  /** Their numbers. */
  readonly members: readonly number[];
  /** By number, also of those that are no members. */
  readonly nodes: readonly ClusterNode[];
  readonly views: readonly MemberView[];
}

/** A subcommand that shows something of the cluster once it has formed. */
export function topologyRow(
  parts: RowParts,
  show: (call: ServerCall, cluster: Cluster) => void,
): ServerCommandSpec {
  return clusterRow(parts, (call) => {
    const topology = call.server.topology();
    if (topology === null) return call.reply.error(FORMING);
    const views = call.server.memberViews();
    const members = [...topology.members.keys()].filter((member) => topology.inRing[member] === 1);
    const nodes = topology.members.map((member, i) => clusterNode(member, views[i]));
    show(call, { topology, members, views, nodes });
  });
}

/** One that tells who serves which slots: who asks for that can be sent elsewhere by -MOVED (`server/redirects.ts`). */
export function slotsRow(
  parts: RowParts,
  show: (call: ServerCall, cluster: Cluster) => void,
): ServerCommandSpec {
  return topologyRow(parts, (call, cluster) => {
    call.client.knowsSlots = true;
    show(call, cluster);
  });
}

/** One about the node whose id is its argument. */
export function nodeRow(
  parts: RowParts,
  show: (call: ServerCall, cluster: Cluster, node: number) => void,
): ServerCommandSpec {
  const flags = ['admin', 'stale'] as const;
  const syntax = `${parts.name.replace('|', ' ').toUpperCase()} node-id`;
  return topologyRow({ arity: 3, flags, syntax, ...parts }, (call, cluster) => {
    const node = cluster.members.find((member) => cluster.nodes[member].id === call.argv[2]);
    if (node === undefined) call.reply.error(`ERR Unknown node ${beforeNul(call.argv[2])}`);
    else show(call, cluster, node);
  });
}
