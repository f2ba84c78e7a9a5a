import type { Topology } from '../../../cluster/core/topology.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import { NO_KEYS } from '../spec.js';

const FORMING = 'CLUSTERDOWN The cluster is forming';

type RowParts = Pick<ServerCommandSpec, 'name' | 'since' | 'summary' | 'complexity'>;

/** A subcommand of CLUSTER without arguments that shows something of the topology. */
export function topologyRow(
  parts: RowParts,
  show: (call: ServerCall, topology: Topology) => void,
): ServerCommandSpec {
  return {
    ...parts,
    arity: 2,
    flags: ['stale'],
    keys: NO_KEYS,
    group: 'cluster',
    syntax: parts.name.replace('|', ' ').toUpperCase(),
    run(call) {
      const topology = call.server.topology();
      if (topology === null) call.reply.error(FORMING);
      else show(call, topology);
    },
  };
}
