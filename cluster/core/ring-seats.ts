import { SLOTS } from '../../storage/key-layout.js';
import { RingHomes, type RingShape } from './ring-homes.js';
import { dueFirsts, dueHomes } from './ring-share.js';
import { type RingMember, trialTokens } from './ring-tokens.js';

/**
 * From so many sets of tokens a newcomer's are chosen. Tokens by chance alone give a node 6 % more or less than its due at 256 vnodes,
 * and in a large cluster, where a node is home of few slots, 15 %.
 */
const TRIALS = 32;
/** A newcomer whose own share is as near to its due as this is judged by what it does to everybody's. */
const NEAR_ENOUGH = 0.04;
/** Beyond so many members at once tokens are not chosen: the first start of a cluster is not the time to think for minutes. */
const SEATED_AT_ONCE = 64;

/**
 * The first members of a cluster with their tokens, in the order of their names. Every node works it out for itself, from what all agree
 * on: the answer is frozen.
 */
export function seatAll<M extends RingMember>(members: readonly M[], shape: RingShape): M[] {
  const ordered = [...members].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (ordered.length > SEATED_AT_ONCE) return ordered;
  const homes = new RingHomes(shape);
  return ordered.map((member) => seat(homes, member));
}

/**
 * A newcomer with the tokens that suit the members best. They are kept with the member: nobody works them out again, and
 * whoever comes or goes later changes nothing in them.
 */
export function seatNewcomer<M extends RingMember>(
  members: readonly RingMember[],
  newcomer: M,
  shape: RingShape,
): M {
  const homes = new RingHomes(shape);
  for (const member of members) homes.add(member);
  return seat(homes, newcomer);
}

/** The same, beside those in `homes`; it is added to them. */
export function seat<M extends RingMember>(homes: RingHomes, newcomer: M): M {
  const { replicas, vnodes } = homes.shape;
  const all = [...homes.members, newcomer];
  const due = { homes: dueHomes(all, replicas), firsts: dueFirsts(all) };
  const offer = homes.offerTo(newcomer);
  const inUse = new Set(homes.members.map(({ tokens }) => tokens));
  let best = newcomer;
  let least = Number.POSITIVE_INFINITY;
  for (let tried = 0, name = 0; tried < TRIALS; name++) {
    const tokens = name === 0 ? newcomer.name : `${newcomer.name}~${name}`;
    // Of a member that took the place of an earlier one of this name.
    if (inUse.has(tokens)) continue;
    tried++;
    const seated = { ...newcomer, tokens };
    const taken = homes.take(trialTokens(seated, vnodes), offer);
    const badness = unevenness(
      [...homes.homeCounts.map((count, i) => count - taken.homesFrom[i]), taken.homes],
      [...homes.firstCounts.map((count, i) => count - taken.firstsFrom[i]), taken.firsts],
      due,
    );
    if (badness >= least) continue;
    least = badness;
    best = seated;
  }
  homes.add(best);
  return best;
}

/** The squares of how far all members are from their due; that of the newcomer, the last, goes before all others while it is not near. */
function unevenness(
  homes: readonly number[],
  firsts: readonly number[],
  due: { readonly homes: readonly number[]; readonly firsts: readonly number[] },
): number {
  let sum = 0;
  let own = 0;
  for (let i = 0; i < homes.length; i++) {
    own = homes[i] / (due.homes[i] * SLOTS) - 1;
    const first = firsts[i] / (due.firsts[i] * SLOTS) - 1;
    sum += own ** 2 + first ** 2;
  }
  return Math.abs(own) > NEAR_ENOUGH ? sum + Math.abs(own) * UNLIKELY : sum;
}

/** More than any sum of squares that is met. */
const UNLIKELY = 1e9;
