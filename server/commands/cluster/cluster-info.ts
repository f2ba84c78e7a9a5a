import { type Level, parseLevel, QUORUM } from '../../../cluster/core/levels.js';
import { SLOTS } from '../../../cluster/core/slot.js';
import { NOBODY, type Topology } from '../../../cluster/core/topology.js';
import { topologyRow } from './cluster-row.js';

interface SlotHealth {
  /** Slots that can be written. */
  ok: number;
  /** Slots with a live replica, but too few for a write. */
  short: number;
  /** Slots without any live replica. */
  lost: number;
}

function slotHealth(topology: Topology, level: Level): SlotHealth {
  const health: SlotHealth = { ok: 0, short: 0, lost: 0 };
  for (let slot = 0; slot < SLOTS; slot++) {
    const { reachable } = topology.setOf(slot);
    if (reachable === 0) health.lost++;
    else if (reachable < topology.needed(slot, level, QUORUM)) health.short++;
    else health.ok++;
  }
  return health;
}

/** Redis's fields, with what they mean here: pfail are slots that lack the replicas of a write, fail those that lack all. */
export const clusterInfo = topologyRow(
  {
    name: 'cluster|info',
    since: '3.0.0',
    summary: 'Provides info about Redis Cluster node state',
    complexity: 'O(1)',
  },
  ({ server, reply }, { topology, members }) => {
    const level = parseLevel(server.settings.values.writeQuorum) ?? QUORUM;
    const { ok, short, lost } = slotHealth(topology, level);
    const coordinators = new Set(topology.firstLive);
    coordinators.delete(NOBODY);
    const fields = {
      cluster_state: ok === SLOTS ? 'ok' : 'fail',
      cluster_slots_assigned: SLOTS,
      cluster_slots_ok: ok,
      cluster_slots_pfail: short,
      cluster_slots_fail: lost,
      cluster_known_nodes: members.length,
      cluster_size: coordinators.size,
      cluster_current_epoch: topology.epoch,
      cluster_my_epoch: topology.epoch,
    };
    const lines = Object.entries(fields).map(([name, value]) => `${name}:${value}\r\n`);
    reply.verbatim('txt', lines.join(''));
  },
);
