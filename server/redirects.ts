import { SLOTS, slotOf } from '../cluster/core/slot.js';
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
  /** Minus the binary logarithm of this node's share of the slots, in this epoch of the topology. */
  private bits = 0;
  private bitsAt = 0;

  constructor(private readonly server: ServerContext) {}

  /**
   * The error line that sends the client elsewhere; null: this node sees to the command. `isLone`: the client sent nothing else with it,
   * and waits for nothing else.
   */
  objection(client: ClientState, row: CommandRow, argv: readonly string[], isLone: boolean): string | null {
    const { clusterRedirects } = this.server.settings.values;
    if (clusterRedirects === 'no') return null;
    const mustKnow = clusterRedirects === 'yes' || client.knowsSlots;
    if (!mustKnow && client.habit.judged && !client.habit.bySlot) return null;
    const topology = this.server.topology();
    if (topology === null) return null;
    // Nothing can be seen of a habit where every slot is here.
    if (!mustKnow && topology.alone) return null;
    const slots = slotsOf(client, row, argv);
    if (slots === null) return null;
    if (!mustKnow) return slots === 'several' ? null : this.hint(client, topology, slots, isLone);
    if (slots === 'several') return Errors.crossSlot;
    const isWrite = row.spec.name === 'exec' ? client.transaction.writes : row.isWrite;
    return this.moved(client, topology, slots, isWrite);
  }

  /**
   * For a client that has not said that it knows the slots, but behaves so. It could do without: it is told where a slot is now where
   * that costs its application nothing. A single command every cluster client sends again by itself; a transaction or a pipeline
   * not all do (ioredis gives the errors of a pipeline on several slots to its caller).
   */
  private hint(client: ClientState, topology: Topology, slot: number, isLone: boolean): string | null {
    const { habit, transaction } = client;
    habit.sees(slot, topology.firstLive[slot] === topology.self, this.bitsOf(topology));
    if (!habit.bySlot || !isLone || transaction.active || client.watching > 0) return null;
    return topology.firstLive[slot] === NOBODY ? null : this.moved(client, topology, slot, true);
  }

  private bitsOf(topology: Topology): number {
    if (this.bitsAt !== topology.trustEpoch) {
      this.bitsAt = topology.trustEpoch;
      const own = topology.firstLive.reduce((sum, owner) => sum + (owner === topology.self ? 1 : 0), 0);
      this.bits = -Math.log2(own / SLOTS);
    }
    return this.bits;
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
