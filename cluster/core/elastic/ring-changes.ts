import type { RingShape } from '../ring-homes.js';
import { planChange, type RingChange } from '../ring-plan.js';
import type { Member } from '../topology.js';
import { changed, everybody, type RingState, rolledBack } from './ring-state.js';

/** What is to become of a ring: the next one; null: it is so already, or is on the way there; a text: why it cannot be. */
type Outcome = RingState | string | null;

export const WAIT =
  'another change of the ring has gone too far to be added to: wait until it is done, or roll it back';

/** Whose the slots are to be when the change that is under way is done; null: it is too late to change that. */
export function targetOf(ring: RingState): readonly Member[] | null {
  if (ring.phase === 'stable') return ring.current;
  return ring.phase === 'copying' ? ring.other : null;
}

/** One step towards what is wanted: a change begins, or one that is still copying gets another target. */
export function stepTowards(ring: RingState, change: RingChange<Member>, shape: RingShape): Outcome {
  const all = everybody(ring);
  const target = targetOf(ring);
  const members = target ?? all;
  if (change.kind === 'join' && isIn(members, change.member.name)) return null;
  if (change.kind === 'replace' && isIn(members, change.by.name)) return null;
  if (change.kind !== 'join' && !isIn(all, change.name)) return `unknown node ${change.name}`;
  if (change.kind !== 'join' && !isIn(members, change.name)) {
    // It was to leave, and has died over it.
    if (change.kind === 'remove' && target !== null && !ring.gone.includes(change.name))
      return changed(ring, target, goneBy(ring, change));
    return change.kind === 'weight' || change.kind === 'replace' ? `${change.name} is leaving` : null;
  }
  if (target === null) return WAIT;
  const plan = planChange(target, change, shape);
  if ('refused' in plan) return plan.refused;
  if (isSame(plan.members, target)) return null;
  // Who comes back to where it began takes it back.
  return ring.other !== null && isSame(plan.members, ring.current)
    ? rolledBack(ring)
    : changed(ring, plan.members, goneBy(ring, change));
}

/** Back to where it was before the change that is under way. */
export function undone(ring: RingState): Outcome {
  if (ring.phase === 'stable') return 'no change of the ring is under way';
  if (ring.phase === 'clearing')
    return 'the change of the ring is decided already: it can only be followed by another';
  return rolledBack(ring);
}

/** Who is lost for good once the change has begun. */
function goneBy({ gone }: RingState, change: RingChange<Member>): readonly string[] {
  return change.kind === 'remove' || change.kind === 'replace' ? [...gone, change.name].sort() : gone;
}

/** The same members in the same places. */
function isSame(a: readonly Member[], b: readonly Member[]): boolean {
  const text = (members: readonly Member[]) =>
    members
      .map(({ name, tokens, rack, weight }) => JSON.stringify([name, tokens, rack, weight]))
      .sort()
      .join();
  return text(a) === text(b);
}

function isIn(members: readonly Member[], name: string): boolean {
  return members.some((member) => member.name === name);
}
