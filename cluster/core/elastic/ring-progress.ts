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
  /** Names of the members that the next phase waits for. */
  readonly waitingFor: readonly string[];
}

const NOTHING: PhaseProgress = { left: 0, total: 0, bytes: 0, waitingFor: [] };

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
  const { ring, members, self } = topology;
  if (ring.phase === 'stable') return NOTHING;
  let [left, total, bytes] = [0, 0, 0];
  const waitingFor: string[] = [];
  for (const member of [self, ...topology.peers]) {
    const slots = dutyOf(topology, member);
    if (slots === null) continue;
    const said = views[member]?.facts?.ring;
    const isSaid = said?.epoch === ring.epoch;
    left += isSaid ? said.left : slots;
    total += isSaid ? said.total : slots;
    bytes += isSaid ? said.bytes : 0;
    if (!isSaid || !said.done) waitingFor.push(members[member].name);
  }
  return { left, total, bytes, waitingFor: waitingFor.sort() };
}

/** So many slots a member has to see to in this phase; null: the phase does not wait for it. */
function dutyOf(topology: Topology, member: number): number | null {
  const { phase } = topology.ring;
  if (phase === 'joint') return topology.alive[member] === 1 ? 0 : null;
  if (phase === 'clearing') {
    const lost = topology.alive[member] === 1 ? sum(topology.lostBy(member)) : 0;
    return lost === 0 ? null : lost;
  }
  const gained = sum(topology.gainedBy(member));
  return gained === 0 ? null : gained;
}

export function sum(flags: Uint8Array): number {
  let all = 0;
  for (const flag of flags) all += flag;
  return all;
}
