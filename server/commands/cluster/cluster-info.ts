import { parseLevel, QUORUM, replicasNeeded } from '../../../cluster/core/levels.js';
import type { MemberView, State } from '../../../cluster/core/member-view.js';
import { SLOTS } from '../../../cluster/core/slot.js';
import { NOBODY, type Topology } from '../../../cluster/core/topology.js';
import { topologyRow } from './cluster-row.js';
import { clientEndpoint, endpoint } from './slot-map.js';

interface SlotHealth {
  /** Slots that can be written. */
  ok: number;
  /** Slots with a live replica, but too few for a write. */
  short: number;
  /** Slots without any live replica. */
  lost: number;
}

function slotHealth(topology: Topology, needed: number): SlotHealth {
  const health: SlotHealth = { ok: 0, short: 0, lost: 0 };
  for (let slot = 0; slot < SLOTS; slot++) {
    const live = topology.liveHomes(slot);
    if (live === 0) health.lost++;
    else if (live < needed) health.short++;
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
  ({ server, reply }, topology) => {
    const level = parseLevel(server.settings.values.writeQuorum) ?? QUORUM;
    const { ok, short, lost } = slotHealth(topology, replicasNeeded(level, topology.n, QUORUM));
    const coordinators = new Set(topology.firstLive);
    coordinators.delete(NOBODY);
    const fields = {
      cluster_state: ok === SLOTS ? 'ok' : 'fail',
      cluster_slots_assigned: SLOTS,
      cluster_slots_ok: ok,
      cluster_slots_pfail: short,
      cluster_slots_fail: lost,
      cluster_known_nodes: topology.members.length,
      cluster_size: coordinators.size,
      cluster_current_epoch: topology.trustEpoch,
      cluster_my_epoch: topology.trustEpoch,
    };
    const lines = Object.entries(fields).map(([name, value]) => `${name}:${value}\r\n`);
    reply.verbatim('txt', lines.join(''));
  },
);

/** The slots each member coordinates, as CLUSTER NODES writes them: `0-5 7 9-10`. */
function coordinatedSlots({ firstLive, members }: Topology): string[][] {
  const spans: string[][] = members.map(() => []);
  let start = 0;
  for (let slot = 1; slot <= SLOTS; slot++) {
    if (slot < SLOTS && firstLive[slot] === firstLive[start]) continue;
    if (firstLive[start] !== NOBODY) {
      spans[firstLive[start]].push(start === slot - 1 ? String(start) : `${start}-${slot - 1}`);
    }
    start = slot;
  }
  return spans;
}

/** Redis's words: `fail?` is this node's own suspicion, `fail` what is agreed. */
const FLAGS: Readonly<Record<State, string>> = { up: '', suspect: ',fail?', down: ',fail' };

function nodeLines(topology: Topology, views: readonly MemberView[]): string {
  const spans = coordinatedSlots(topology);
  const lines = topology.members.map((member, i) => {
    const { host, port } = clientEndpoint(member);
    const flags = `${i === topology.self ? 'myself,' : ''}master${FLAGS[views[i].state]}`;
    const address = `${host}:${port}@${endpoint(member.busAddress).port}`;
    const link = topology.alive[i] === 1 ? 'connected' : 'disconnected';
    return `${[member.nodeId, address, flags, '-', 0, 0, topology.trustEpoch, link, ...spans[i]].join(' ')}\n`;
  });
  return lines.join('');
}

/** Every member is a master, of the slots whose writes it coordinates now. */
export const clusterNodes = topologyRow(
  {
    name: 'cluster|nodes',
    since: '3.0.0',
    summary: 'Get Cluster config for the node',
    complexity: 'O(N) where N is the total number of Cluster nodes',
  },
  ({ reply, server }, topology) => reply.verbatim('txt', nodeLines(topology, server.memberViews())),
);

export const clusterMyId = topologyRow(
  { name: 'cluster|myid', since: '3.0.0', summary: 'Return the node id', complexity: 'O(1)' },
  ({ reply }, { members, self }) => reply.bulk(members[self].nodeId),
);
