import { fnv1a } from '../../storage/writers.js';
import { ringOf } from './elastic/ring-json.js';
import { everybody, firstRing, type RingState } from './elastic/ring-state.js';
import type { RingShape } from './ring-homes.js';
import type { Member } from './topology.js';

/** Settings of all nodes by which data is found again. */
export interface LastingShape extends RingShape {
  readonly databases: number;
}

/** What is kept on disk of the cluster: a restart needs nobody to know it. */
export interface SavedRing {
  readonly ring: RingState;
  /** See `Greeting`. */
  readonly cluster: string;
  /** Everybody in the ring as last met: a disk may have been lost since it was decided. */
  readonly members: readonly Member[];
  /** undefined on a disk from before it was kept. */
  readonly shape: LastingShape | undefined;
}

/** What was kept on the disk; a list of members from before there were rings is the first ring. undefined: it makes no sense. */
export function parseSavedRing(value: unknown): SavedRing | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { members, ring: kept, cluster, shape } = value as Partial<SavedRing>;
  if (!Array.isArray(members)) return undefined;
  const named = members.map((member) => ({ ...member, tokens: member.tokens ?? member.name }));
  if (kept === undefined) {
    const ring = firstRing(named);
    return { ring, cluster: nameOfCluster(ring), members: named, shape };
  }
  const ring = ringOf(kept);
  return ring && { ring, cluster: cluster!, members: named, shape };
}

/**
 * Why a node must not go on with that shape; null: it may. With other `replicas` or `vnodes` the slots would be elsewhere than their data, and
 * nothing would move it there; a node alone has all of them under any. What is in a database that there is no more would pass for flushed.
 */
export function shapeObjection({ ring, shape }: SavedRing, given: LastingShape): string | null {
  if (shape === undefined) return null;
  const { replicas, vnodes, databases } = shape;
  if (given.databases < databases)
    return `databases is ${given.databases}, but there are ${databases} on the disk: there may be more of them later, not fewer`;
  if (everybody(ring).length === 1) return null;
  if (replicas !== given.replicas) return fixed('replicas', given.replicas, replicas);
  return vnodes === given.vnodes ? null : fixed('vnodes', given.vnodes, vnodes);
}

function fixed(name: string, given: number, kept: number): string {
  return `${name} is ${given}, but the data was placed by ${name} ${kept}, which is fixed for the life of a cluster`;
}

/** The same on all who form it, other than that of any cluster of other nodes. */
export function nameOfCluster(first: RingState): string {
  const names = namesOf(first).join();
  return [fnv1a(names), fnv1a(`${names}#`)].map((half) => half.toString(16).padStart(8, '0')).join('');
}

export function namesOf(ring: RingState): string[] {
  return everybody(ring).map(({ name }) => name);
}
