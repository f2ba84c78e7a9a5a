import { SLOTS } from '../../../cluster/core/slot.js';
import type { Member, Topology } from '../../../cluster/core/topology.js';

/** Adjacent slots with the same homes in the same order. */
export interface SlotRange {
  readonly start: number;
  /** Inclusive. */
  end: number;
  /** Members' indexes: the one that coordinates the slots' writes, then the other replicas, best first. */
  readonly homes: readonly number[];
}

/**
 * The home replicas as a cluster client should try them. The first live one plays the master, for it coordinates the
 * writes; where all are down their order stays.
 */
export function orderedHomes(topology: Topology, slot: number): number[] {
  const up: number[] = [];
  const down: number[] = [];
  for (const member of topology.homes(slot)) (topology.alive[member] === 1 ? up : down).push(member);
  return down.length === 0 ? up : up.concat(down);
}

/** All slots in order. On a ring neighbours seldom share their homes: expect thousands of ranges. */
export function slotRanges(topology: Topology): SlotRange[] {
  const ranges: SlotRange[] = [];
  let last: SlotRange | undefined;
  for (let slot = 0; slot < SLOTS; slot++) {
    const homes = orderedHomes(topology, slot);
    if (last !== undefined && sameHomes(last.homes, homes)) {
      last.end = slot;
    } else {
      last = { start: slot, end: slot, homes };
      ranges.push(last);
    }
  }
  return ranges;
}

function sameHomes(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((member, i) => member === b[i]);
}

export interface Endpoint {
  /** Without the brackets of IPv6. */
  readonly host: string;
  readonly port: number;
}

/** Of `host:port`, where the host may be an IPv6 address. */
export function endpoint(address: string): Endpoint {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

/** Where clients reach a member. */
export function clientEndpoint(member: Member): Endpoint {
  return endpoint(member.clientAddress);
}
