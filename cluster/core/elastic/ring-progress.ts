import type { MemberView } from '../member-view.js';
import type { Member, Topology } from '../topology.js';
import { everybody, type RingState } from './ring-state.js';

/** What the present change of the ring makes of a member. */
export type Role = 'member' | 'joining' | 'leaving' | 'replacing' | 'replaced' | 'reweighted';

/** How far the present phase of a change is, all members together. */
export interface PhaseProgress {
  /** Slots that members still have to see to, of so many; a slot counts once for each member that has to. */
  readonly left: number;
  readonly total: number;
  /** Of records that were received. */
  readonly bytes: number;
}

const NOTHING: PhaseProgress = { left: 0, total: 0, bytes: 0 };

/** Where the slots are going: from the first to the second. In `clearing` they have gone. */
function directionOf({ phase, current, other }: RingState): readonly [readonly Member[], readonly Member[]] {
  if (other === null) return [current, current];
  return phase === 'clearing' ? [other, current] : [current, other];
}

/** What the present change makes of each member of either side, by name. */
export function rolesIn(ring: RingState): ReadonlyMap<string, Role> {
  const [from, to] = directionOf(ring);
  const before = new Map(from.map((member) => [member.name, member]));
  const after = new Map(to.map((member) => [member.name, member]));
  const replaced = new Set(to.filter(({ name }) => !before.has(name)).map(({ tokens }) => tokens));
  const role = (name: string): Role => {
    const [old, now] = [before.get(name), after.get(name)];
    if (now === undefined) return replaced.has(old!.tokens) ? 'replaced' : 'leaving';
    if (old === undefined) return from.some(({ tokens }) => tokens === now.tokens) ? 'replacing' : 'joining';
    return old.weight === now.weight ? 'member' : 'reweighted';
  };
  return new Map(everybody(ring).map(({ name }) => [name, role(name)]));
}

/** The present change in words, such as `b:1 joining, c:1 leaving`; empty when there is none. */
export function changeText(ring: RingState): string {
  return [...rolesIn(ring)]
    .filter(([, role]) => role !== 'member')
    .map(([name, role]) => `${name} ${role}`)
    .join(', ');
}

/** How far the present phase is, by what the members say of themselves. */
export function progressOf(topology: Topology, views: readonly MemberView[]): PhaseProgress {
  const { ring, self, peers } = topology;
  if (ring.phase === 'stable') return NOTHING;
  let [left, total, bytes] = [0, 0, 0];
  for (const member of [self, ...peers]) {
    const said = views[member]?.facts?.ring;
    if (said?.epoch === ring.epoch) {
      left += said.left;
      total += said.total;
      bytes += said.bytes;
    } else {
      const slots = dutyOf(topology, member);
      left += slots;
      total += slots;
    }
  }
  return { left, total, bytes };
}

/** So many slots a member has to see to in this phase. */
function dutyOf(topology: Topology, member: number): number {
  const { phase } = topology.ring;
  if (phase === 'joint') return 0;
  if (phase !== 'clearing') return sum(topology.gainedBy(member));
  return topology.alive[member] === 1 ? sum(topology.lostBy(member)) : 0;
}

export function sum(flags: Uint8Array): number {
  let all = 0;
  for (const flag of flags) all += flag;
  return all;
}
