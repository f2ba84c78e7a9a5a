import type { HomeList, Placement } from './placement.js';
import type { ReplicaSet, StandIn } from './topology.js';

/**
 * The replica set of each slot, made anew when somebody comes or goes: the live home replicas, and for each dead one the next
 * live node of the preference list (Dynamo 4.6). Slots with the same homes and the same stand-ins share one set, so their
 * writes travel together.
 */
export class ReplicaSets {
  private sets: ReplicaSet[] = [];

  constructor(
    private readonly placement: Placement,
    private readonly self: number,
    private readonly sloppy: boolean,
  ) {}

  of(slot: number): ReplicaSet {
    return this.sets[this.placement.listOf[slot]];
  }

  /** `alive[member]` is 1 for who is up. */
  refresh(alive: Uint8Array): void {
    const byName = new Map<string, ReplicaSet>();
    this.sets = this.placement.lists.map((list) => {
      const set = this.make(list, alive);
      const name = nameOf(set);
      const same = byName.get(name);
      if (same !== undefined) return same;
      byName.set(name, set);
      return set;
    });
  }

  private make({ order, homes }: HomeList, alive: Uint8Array): ReplicaSet {
    const peers: number[] = [];
    const standIns: StandIn[] = [];
    const missing: number[] = [];
    let next = homes.length;
    let includesSelf = false;
    let standsFor = -1;
    for (const home of homes) {
      if (home === this.self) includesSelf = true;
      if (alive[home] === 1) {
        if (home !== this.self) peers.push(home);
        continue;
      }
      while (this.sloppy && next < order.length && alive[order[next]] === 0) next++;
      if (!this.sloppy || next === order.length) {
        missing.push(home);
        continue;
      }
      const member = order[next++];
      standIns.push({ member, home });
      if (member === this.self) standsFor = home;
    }
    const reachable = peers.length + (includesSelf ? 1 : 0) + standIns.length;
    peers.sort((a, b) => a - b);
    return { peers, includesSelf, standIns, standsFor, missing, reachable };
  }
}

function nameOf({ peers, includesSelf, standIns, missing }: ReplicaSet): string {
  const places = standIns.map(({ member, home }) => `${member}>${home}`);
  return `${includesSelf ? 'self,' : ''}${peers.join()};${places.join()};${[...missing].sort((a, b) => a - b).join()}`;
}
