import { slotOf } from '../cluster/core/slot.js';
import { NOBODY, type Topology } from '../cluster/core/topology.js';
import type { ClientState } from './client.js';
import { clusterNode } from './commands/cluster/slot-map.js';
import type { CommandRow } from './commands/table.js';
import { Errors } from './errors.js';
import type { ServerContext } from './server-context.js';

/**
 * Whether a command is for another node, for clients that know that there are several (Redis's `getNodeByQuery`,
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#moved-redirection).
 *
 * A MOVED leads to a live node that is nearer to the head of the slot's preference list than this one, as this one sees it. Each
 * node takes itself for alive, so following MOVED goes up the list and ends, also while nodes differ about who lives.
 */
export class Redirects {
  constructor(private readonly server: ServerContext) {}

  /** The error line that sends the client elsewhere; null: this node sees to the command. */
  objection(client: ClientState, row: CommandRow, argv: readonly string[]): string | null {
    if (!this.apply(client)) return null;
    const topology = this.server.topology();
    if (topology === null) return null;
    const slots = slotsOf(client, row, argv);
    if (slots === null) return null;
    if (slots === 'several') return Errors.crossSlot;
    const isWrite = row.spec.name === 'exec' ? client.transaction.writes : row.isWrite;
    return this.moved(client, topology, slots, isWrite);
  }

  private apply(client: ClientState): boolean {
    const { clusterRedirects } = this.server.settings.values;
    return clusterRedirects === 'yes' || (clusterRedirects === 'auto' && client.knowsSlots);
  }

  private moved(client: ClientState, topology: Topology, slot: number, isWrite: boolean): string | null {
    const owner = topology.firstLive[slot];
    if (owner === topology.self) return null;
    if (client.readonlyMode && !isWrite && topology.isSource(slot)) return null;
    if (owner === NOBODY) return 'CLUSTERDOWN Hash slot not served';
    const { host, port } = clusterNode(topology.members[owner], this.server.memberViews()[owner]);
    return `MOVED ${slot} ${host}:${port}`;
  }
}

/** The slot of a command's keys, an EXEC's being those of what was queued; null: it has none. */
function slotsOf(client: ClientState, row: CommandRow, argv: readonly string[]): number | 'several' | null {
  if (row.oneKey) return slotOf(argv[1]);
  let slot: number | null = null;
  const refs = row.spec.name === 'exec' ? client.transaction.keys : row.keysOf(argv, client.db);
  for (const { key } of refs) {
    const its = slotOf(key);
    if (slot !== null && slot !== its) return 'several';
    slot = its;
  }
  return slot;
}
