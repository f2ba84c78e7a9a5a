import { SLOTS } from '../../storage/key-layout.js';
import type { ReplicaSet, StandIn } from './topology.js';

/**
 * The replica set of each slot, made anew when somebody comes or goes: the live home replicas, and for each dead one the next
 * live node of the preference list (Dynamo 4.6). Slots with the same homes and the same stand-ins share one set, so their
 * writes travel together.
 */
export class ReplicaSets {
  /** Slots that begin their walk of the ring at the same token share its list. */
  readonly lists: Uint16Array[] = [];
  /** By slot: which of them is its. */
  readonly listOf = new Uint16Array(SLOTS);
  private sets: ReplicaSet[] = [];

  constructor(
    preference: readonly Uint16Array[],
    private readonly n: number,
    private readonly self: number,
    private readonly sloppy: boolean,
  ) {
    const known = new Map<Uint16Array, number>();
    for (let slot = 0; slot < SLOTS; slot++) {
      const list = preference[slot];
      let index = known.get(list);
      if (index === undefined) {
        index = this.lists.push(list) - 1;
        known.set(list, index);
      }
      this.listOf[slot] = index;
    }
  }

  of(slot: number): ReplicaSet {
    return this.sets[this.listOf[slot]];
  }

  /** `alive[member]` is 1 for who is up. */
  refresh(alive: Uint8Array): void {
    const byName = new Map<string, ReplicaSet>();
    this.sets = this.lists.map((list) => {
      const set = this.make(list, alive);
      const name = nameOf(set);
      const same = byName.get(name);
      if (same !== undefined) return same;
      byName.set(name, set);
      return set;
    });
  }

  private make(list: Uint16Array, alive: Uint8Array): ReplicaSet {
    const peers: number[] = [];
    const standIns: StandIn[] = [];
    const missing: number[] = [];
    let next = this.n;
    let includesSelf = false;
    let standsFor = -1;
    for (let rank = 0; rank < this.n; rank++) {
      const home = list[rank];
      if (home === this.self) includesSelf = true;
      if (alive[home] === 1) {
        if (home !== this.self) peers.push(home);
        continue;
      }
      while (this.sloppy && next < list.length && alive[list[next]] === 0) next++;
      if (!this.sloppy || next === list.length) {
        missing.push(home);
        continue;
      }
      const member = list[next++];
      standIns.push({ member, home, rank });
      if (member === this.self) standsFor = home;
    }
    const reachable = peers.length + (includesSelf ? 1 : 0) + standIns.length;
    peers.sort((a, b) => a - b);
    return { peers, includesSelf, standIns, standsFor, missing, reachable };
  }
}

function nameOf({ peers, includesSelf, standIns, missing }: ReplicaSet): string {
  const places = standIns.map(({ member, home, rank }) => `${member}>${home}#${rank}`);
  return `${includesSelf ? 'self,' : ''}${peers.join()};${places.join()};${[...missing].sort((a, b) => a - b).join()}`;
}
