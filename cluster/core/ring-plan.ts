import { SLOTS } from '../../storage/key-layout.js';
import { buildRing } from './ring.js';
import type { RingShape } from './ring-homes.js';
import { seatNewcomer } from './ring-seats.js';
import { isWeight, LEAST_WEIGHT, MOST_WEIGHT, type RingMember } from './ring-tokens.js';

/** What an operator wants of the ring. `leave` and `remove` differ in where the data comes from, not in what the ring becomes. */
export type RingChange<M extends RingMember> =
  | { readonly kind: 'join'; readonly member: M }
  | { readonly kind: 'leave' | 'remove'; readonly name: string }
  /** The newcomer takes exactly the places of the lost: its tokens and weight, and its rack unless it names another, which moves slots. */
  | { readonly kind: 'replace'; readonly name: string; readonly by: M }
  | { readonly kind: 'weight'; readonly name: string; readonly weight: number };

export type Planned<M> = { readonly members: readonly M[] } | { readonly refused: string };

/** The members as they are to be, or why not. The choice of a newcomer's tokens takes up to a second for a thousand members. */
export function planChange<M extends RingMember>(
  members: readonly M[],
  change: RingChange<M>,
  shape: RingShape,
): Planned<M> {
  if (change.kind === 'join') {
    if (isNamed(members, change.member.name)) return refuse(`${change.member.name} is a member already`);
    if (!isWeight(change.member.weight)) return refuse(WRONG_WEIGHT);
    return { members: [...members, seatNewcomer(members, change.member, shape)] };
  }
  const { name } = change;
  const old = members.find((member) => member.name === name);
  if (old === undefined) return refuse(`${name} is not a member`);
  const others = members.filter((member) => member !== old);
  if (change.kind === 'weight') {
    if (!isWeight(change.weight)) return refuse(WRONG_WEIGHT);
    return { members: members.map((one) => (one === old ? { ...one, weight: change.weight } : one)) };
  }
  if (change.kind === 'replace') {
    if (isNamed(others, change.by.name)) return refuse(`${change.by.name} is a member already`);
    const { tokens, weight } = old;
    return { members: [...others, { ...change.by, rack: change.by.rack || old.rack, tokens, weight }] };
  }
  if (others.length === 0) return refuse(`${name} is the only member`);
  return { members: others };
}

/** What a change of the ring means for one member, in slots of which it is a home replica. */
export interface SlotShift {
  readonly name: string;
  /** After the change. */
  readonly homes: number;
  readonly gains: number;
  readonly loses: number;
}

/** For everybody who is a member before or after, by name. */
export function slotShifts(
  before: readonly RingMember[],
  after: readonly RingMember[],
  { replicas, vnodes }: RingShape,
): SlotShift[] {
  const was = buildRing(before, vnodes, replicas).preference;
  const is = buildRing(after, vnodes, replicas).preference;
  const names = [...new Set([...before, ...after].map(({ name }) => name))].sort();
  const numbers = new Map(names.map((name, number) => [name, number]));
  const oldNumbers = before.map(({ name }) => numbers.get(name)!);
  const newNumbers = after.map(({ name }) => numbers.get(name)!);
  const shifts = names.map((name) => ({ name, homes: 0, gains: 0, loses: 0 }));
  for (let slot = 0; slot < SLOTS; slot++) {
    const old = [...was[slot]].map((member) => oldNumbers[member]);
    const now = [...is[slot]].map((member) => newNumbers[member]);
    for (const member of old) if (!now.includes(member)) shifts[member].loses++;
    for (const member of now) {
      shifts[member].homes++;
      if (!old.includes(member)) shifts[member].gains++;
    }
  }
  return shifts;
}

const WRONG_WEIGHT = `a weight is from ${LEAST_WEIGHT} to ${MOST_WEIGHT}`;

function isNamed(members: readonly RingMember[], name: string): boolean {
  return members.some((member) => member.name === name);
}

function refuse(refused: string): { refused: string } {
  return { refused };
}
