import murmurhash from 'murmurhash';

/** What places a member on the ring. */
export interface RingMember {
  /** Unique among the members, and the same as long as it is one. */
  readonly name: string;
  /** What its tokens are made from: its name, or that of the member whose place it took. */
  readonly tokens: string;
  /** '': a rack of its own. */
  readonly rack: string;
  /** Share of the vnodes, 1 = normal. */
  readonly weight: number;
}

/** One node may have a thousand times the capacity of another. */
export const LEAST_WEIGHT = 0.1;
export const MOST_WEIGHT = 100;

export function isWeight(weight: unknown): weight is number {
  return typeof weight === 'number' && weight >= LEAST_WEIGHT && weight <= MOST_WEIGHT;
}

/** All tokens of the ring, ascending, and whose each is: an index into the members. */
export interface Tokens {
  readonly tokens: Uint32Array;
  readonly owners: Uint16Array;
}

type TokenSource = Pick<RingMember, 'tokens' | 'weight'>;

/** So many members' tokens are remembered: a KB each at 256 vnodes. Beyond it the oldest are worked out again when needed. */
const REMEMBERED = 4096;
/** A token and the rank of its owner are one number of 48 bits, so that they are sorted together. */
const RANKS = 2 ** 16;

/** The package takes up to a microsecond for a token: a change of the ring must cost only the tokens that are new. */
const remembered = new Map<string, Uint32Array>();

/** A member's tokens, not sorted: more weight adds some and moves none. */
export function tokensOf({ tokens, weight }: TokenSource, vnodes: number): Uint32Array {
  const count = tokenCount(weight, vnodes);
  const known = remembered.get(tokens);
  if (known !== undefined && known.length >= count) return known.subarray(0, count);
  const made = makeTokens(tokens, count);
  if (known === undefined && remembered.size >= REMEMBERED)
    remembered.delete(remembered.keys().next().value!);
  remembered.set(tokens, made);
  return made;
}

/** The same, of tokens that may never be used: not remembered. */
export function trialTokens({ tokens, weight }: TokenSource, vnodes: number): Uint32Array {
  return makeTokens(tokens, tokenCount(weight, vnodes));
}

function tokenCount(weight: number, vnodes: number): number {
  return Math.max(1, Math.round(vnodes * weight));
}

function makeTokens(source: string, count: number): Uint32Array {
  const made = new Uint32Array(count);
  for (let i = 0; i < count; i++) made[i] = murmurhash.v3(`${source}#${i}`, 0);
  return made;
}

/** Where two members have the same token, the lesser name comes first: the members' order is each node's own. */
export function sortTokens(members: readonly RingMember[], vnodes: number): Tokens {
  const byName = [...members.keys()].sort((a, b) => (members[a].name < members[b].name ? -1 : 1));
  const lists = byName.map((index) => tokensOf(members[index], vnodes));
  const ranked = new Float64Array(lists.reduce((sum, list) => sum + list.length, 0));
  let at = 0;
  lists.forEach((list, rank) => {
    for (const token of list) ranked[at++] = token * RANKS + rank;
  });
  ranked.sort();
  const tokens = new Uint32Array(ranked.length);
  const owners = new Uint16Array(ranked.length);
  for (let i = 0; i < ranked.length; i++) {
    const token = Math.floor(ranked[i] / RANKS);
    tokens[i] = token;
    owners[i] = byName[ranked[i] - token * RANKS];
  }
  return { tokens, owners };
}
