import type { Transport } from '../transport.js';
import type { Hints } from './hints.js';
import type { Operation } from './operation.js';
import type { ReplicaSet, Topology } from './topology.js';

const NOBODY_CROWDED: readonly number[] = [];

/** Whether writes can reach the replicas they need: said before anything is done of them. */
export class Reach {
  /** Peers that are up and take nothing more, as far as it was known at the last look. */
  private crowded = NOBODY_CROWDED;

  constructor(
    private readonly topology: () => Topology,
    private readonly transport: Transport,
    private readonly hints: Hints,
  ) {}

  /** To be called some times a second. */
  look(): void {
    const { members, alive } = this.topology();
    let crowded: number[] | undefined;
    for (let member = 0; member < members.length; member++) {
      if (alive[member] === 0 || !this.transport.isFull(member)) continue;
      crowded ??= [];
      crowded.push(member);
    }
    this.crowded = crowded ?? NOBODY_CROWDED;
  }

  /** Why the operation's writes cannot reach as many replicas as they need: a whole error line, or null. */
  refusal(operation: Operation): string | null {
    const topology = this.topology();
    if (!operation.isWrite || topology.n === 1) return null;
    for (let i = 0; i < operation.count; i++) {
      const set = topology.setOf(operation.places[i].slot);
      const { reachable, standsFor } = set;
      if (reachable < operation.needed)
        return `NOQUORUM ${reachable} of ${operation.needed} needed replicas are reachable; the write was not applied`;
      if (this.crowded.length > 0 && reachable - this.crowdedOf(set) < operation.needed)
        return 'OVERLOADED try again, too much is queued for the other replicas; the write was not applied';
      if (standsFor !== -1 && this.hints.full)
        return 'OVERLOADED no more hints can be kept for the home replicas; the write was not applied';
    }
    return null;
  }

  /** How many of the set take nothing more just now, though they are up. */
  private crowdedOf({ peers, standIns }: ReplicaSet): number {
    const takesPart = (member: number): boolean =>
      peers.includes(member) || standIns.some((standIn) => standIn.member === member);
    return this.crowded.filter(takesPart).length;
  }
}
