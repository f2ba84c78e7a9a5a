import murmurhash from 'murmurhash';
import { SLOTS } from '../../storage/key-layout.js';

/**
 * The consistent-hash ring (Dynamo, 4.2 and 6.2, strategy 1 with slots as the unit): every member has `vnodes * weight` tokens,
 * a slot's place is the murmurhash3 of its number, and walking clockwise from there gives its preference list.
 */
export interface RingMember {
  /** What its tokens are made from. It outlives the node's identity: a replacement takes the place of the lost. */
  readonly name: string;
  readonly rack: string;
  /** Share of the vnodes, 1 = normal. */
  readonly weight: number;
}

export interface Ring {
  /** For each slot the indexes of all members, best first: the first N are its home replicas, the rest fallbacks. */
  readonly preference: readonly Uint16Array[];
}

/** Computed once per ring epoch, never per request. */
export function buildRing(members: readonly RingMember[], vnodes: number): Ring {
  const { tokens, owners } = placeTokens(members, vnodes);
  const preference: Uint16Array[] = [];
  const racks = numberRacks(members);
  // Slots that begin their walk at the same token share its list.
  const walks: Uint16Array[] = [];
  for (let slot = 0; slot < SLOTS; slot++) {
    const start = firstAtOrAfter(tokens, slotPlace(slot));
    walks[start] ??= walk(start, owners, members.length, racks);
    preference.push(walks[start]);
  }
  return { preference };
}

/** The slot's place on the ring: frozen, all nodes must agree. */
export function slotPlace(slot: number): number {
  slotPlaces ??= Uint32Array.from({ length: SLOTS }, (_, one) => murmurhash.v3(String(one), 0));
  return slotPlaces[slot];
}

/** Worked out once: the package takes a microsecond for each. */
let slotPlaces: Uint32Array | undefined;

function placeTokens(
  members: readonly RingMember[],
  vnodes: number,
): { tokens: Uint32Array; owners: Uint16Array } {
  const all: { token: number; owner: number }[] = [];
  members.forEach((member, owner) => {
    const count = Math.max(1, Math.round(vnodes * member.weight));
    for (let i = 0; i < count; i++) all.push({ token: murmurhash.v3(`${member.name}#${i}`, 0), owner });
  });
  // Equal tokens: the member's name decides, since indexes are each node's own.
  all.sort((a, b) => a.token - b.token || (members[a.owner].name < members[b.owner].name ? -1 : 1));
  return { tokens: Uint32Array.from(all, (t) => t.token), owners: Uint16Array.from(all, (t) => t.owner) };
}

function numberRacks(members: readonly RingMember[]): Uint16Array {
  const names = new Map<string, number>();
  return Uint16Array.from(members, (member) => {
    // A member without a rack is a rack of its own.
    const rack = member.rack === '' ? `\0${member.name}` : member.rack;
    if (!names.has(rack)) names.set(rack, names.size);
    return names.get(rack)!;
  });
}

function firstAtOrAfter(tokens: Uint32Array, place: number): number {
  let low = 0;
  let high = tokens.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (tokens[middle] < place) low = middle + 1;
    else high = middle;
  }
  return low === tokens.length ? 0 : low;
}

/** Distinct members clockwise from `start`, members of racks not yet seen before the others. */
function walk(start: number, owners: Uint16Array, memberCount: number, racks: Uint16Array): Uint16Array {
  const seenMembers = new Uint8Array(memberCount);
  const seenRacks = new Set<number>();
  const list: number[] = [];
  const sameRack: number[] = [];
  for (let i = 0; i < owners.length && list.length + sameRack.length < memberCount; i++) {
    const owner = owners[(start + i) % owners.length];
    if (seenMembers[owner]) continue;
    seenMembers[owner] = 1;
    if (seenRacks.has(racks[owner])) {
      sameRack.push(owner);
    } else {
      seenRacks.add(racks[owner]);
      list.push(owner);
    }
  }
  return Uint16Array.from([...list, ...sameRack]);
}
