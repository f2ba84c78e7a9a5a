import { SLOTS } from '../../storage/key-layout.js';
import { FrontList } from './ring-order.js';
import { slotPlace, slotsByPlace } from './ring-places.js';
import { type RingMember, sortTokens } from './ring-tokens.js';

export type { RingMember };

/**
 * The consistent-hash ring (Dynamo, 4.2 and 6.2, strategy 1 with slots as the unit): every member has `vnodes * weight` tokens,
 * a slot's place is the murmurhash3 of its number, and walking clockwise from there gives its preference list: distinct members,
 * those of racks not met yet before all others.
 *
 * Promise: when one member comes, goes, or changes its weight, then in each slot's home replicas at most one goes and one comes, and
 * one of the two is that member (adding it to the walk can only put it in, and then the last one goes that the racks can spare). A
 * replacement under the tokens of the lost takes exactly its places. It does not hold for a change of `replicas` or `vnodes`, for two
 * changes at once, and for members with one name; a member that moves to another rack changes one home for one too, but then
 * neither of them need be the member.
 */
export interface Ring {
  /**
   * For each slot the indexes of members, best first: the first N are its home replicas, the rest fallbacks. Slots that begin their
   * walk at the same token share a list.
   */
  readonly preference: readonly Uint16Array[];
}

/**
 * So many members a preference list names: all of a small cluster. In a large one it is enough that of the fallbacks one is always
 * left, also when a network parts the members in halves (2^-49 at the most replicas there are), while lists of a thousand would be 32 MB.
 */
export const LISTED = 64;

/** Computed once per ring epoch, never per request. */
export function buildRing(members: readonly RingMember[], vnodes: number, listed = LISTED): Ring {
  const { tokens, owners } = sortTokens(members, vnodes);
  const walk = new Walk(members, Math.min(listed, members.length));
  // Once around, then again: at each token the walk knows whom it would meet from there on.
  for (let i = owners.length - 1; i >= 0; i--) walk.meet(owners[i]);
  const preference: Uint16Array[] = Array(SLOTS);
  const slots = slotsByPlace();
  let last = SLOTS - 1;
  for (let i = owners.length - 1; i >= 0; i--) {
    for (; last >= 0 && slotPlace(slots[last]) > tokens[i]; last--) preference[slots[last]] = walk.list();
    walk.meet(owners[i]);
  }
  for (; last >= 0; last--) preference[slots[last]] = walk.list();
  return { preference };
}

/**
 * Walks around the ring from all tokens at once: seen anticlockwise, whoever was met last comes first in the list, and so does its
 * rack. So a list costs only its own length, however far away the members are that it names.
 */
class Walk {
  private readonly members: FrontList;
  private readonly racks: FrontList;
  private readonly rackOf: Uint16Array;
  private readonly rackCount: number;
  /** By rack: whom a walk meets first of it. */
  private readonly firstOf: Uint16Array;
  private current: Uint16Array | undefined;

  constructor(
    members: readonly RingMember[],
    private readonly listed: number,
  ) {
    this.rackOf = numberRacks(members);
    this.rackCount = new Set(this.rackOf).size;
    this.members = new FrontList(members.length);
    this.racks = new FrontList(this.rackCount);
    this.firstOf = new Uint16Array(this.rackCount);
  }

  meet(member: number): void {
    const rack = this.rackOf[member];
    this.members.toFront(member);
    this.racks.toFront(rack);
    this.firstOf[rack] = member;
    this.current = undefined;
  }

  /** The preference list of slots that begin at the token met last. */
  list(): Uint16Array {
    this.current ??= this.make();
    return this.current;
  }

  private make(): Uint16Array {
    const { members, racks, rackOf, rackCount, firstOf, listed } = this;
    const list = new Uint16Array(listed);
    let length = 0;
    for (let rack = racks.first; rack !== rackCount && length < listed; rack = racks.after(rack))
      list[length++] = firstOf[rack];
    for (let member = members.first; length < listed; member = members.after(member))
      if (firstOf[rackOf[member]] !== member) list[length++] = member;
    return list;
  }
}

function numberRacks(members: readonly RingMember[]): Uint16Array {
  const names = new Map<string, number>();
  return Uint16Array.from(members, (member) => {
    const rack = member.rack === '' ? `\0${member.name}` : member.rack;
    if (!names.has(rack)) names.set(rack, names.size);
    return names.get(rack)!;
  });
}
