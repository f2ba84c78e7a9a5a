import { isWeight } from '../ring-tokens.js';
import type { Member } from '../topology.js';
import type { Phase, RingState } from './ring-state.js';

const PHASES: readonly string[] = ['stable', 'copying', 'joint', 'sealed', 'clearing'] satisfies Phase[];
/** Members on one side of a change at most: their numbers and those of everybody met must fit into 16 bits. */
export const MAX_MEMBERS = 4096;
/** Chars of a name, an address or a rack at most. */
const MAX_TEXT = 512;

/** The ring as it goes over the wire: JSON in UTF-8, a byte per char. */
export function ringText(ring: RingState): string {
  return Buffer.from(JSON.stringify(canonical(ring))).latin1Slice();
}

/** undefined: it is none. */
export function parseRing(text: string): RingState | undefined {
  try {
    return ringOf(JSON.parse(Buffer.from(text, 'latin1').toString()));
  } catch {
    return undefined;
  }
}

/** A ring out of what was parsed from JSON; undefined when it is none. */
export function ringOf(value: unknown): RingState | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { epoch, phase, current, other, gone = [] } = value as Partial<RingState>;
  if (!Number.isSafeInteger(epoch) || epoch! < 1 || epoch! > 0xffffffff) return undefined;
  if (phase === undefined || !PHASES.includes(phase) || !areMembers(current)) return undefined;
  if (phase === 'stable' ? other !== null : !areMembers(other)) return undefined;
  if (!Array.isArray(gone) || gone.some((name) => !current.some((one) => one.name === name)))
    return undefined;
  return canonical({ epoch: epoch!, phase, current, other: other!, gone });
}

/** Whether two rings are the same in everything. */
export function sameRing(a: RingState, b: RingState): boolean {
  return a.epoch === b.epoch && ringText(a) === ringText(b);
}

function areMembers(value: unknown): value is readonly Member[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_MEMBERS) return false;
  return value.every(isMember) && new Set(value.map(({ name }) => name)).size === value.length;
}

function isMember(value: unknown): value is Member {
  if (typeof value !== 'object' || value === null) return false;
  const { name, tokens, rack, weight, nodeId, busAddress, clientAddress } = value as Partial<Member>;
  const texts = [name, tokens, rack, nodeId, busAddress, clientAddress];
  if (texts.some((text) => typeof text !== 'string' || text.length > MAX_TEXT)) return false;
  return isWeight(weight);
}

/** The same fields in the same order, whoever made it. */
function canonical({ epoch, phase, current, other, gone }: RingState): RingState {
  return { epoch, phase, current: current.map(plain), other: other?.map(plain) ?? null, gone };
}

function plain({ name, tokens, rack, weight, nodeId, busAddress, clientAddress }: Member): Member {
  return { name, tokens, rack, weight, nodeId, busAddress, clientAddress };
}
