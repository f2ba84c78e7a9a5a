import type { Member } from '../topology.js';

/**
 * Where a change of the ring is. Between `stable` and the next `stable` slots move from the members A to the members B:
 *
 * - `copying`: homes are A's; who gains slots copies them ahead;
 * - `joint`: homes are A's and B's together, and every quorum holds one of A's and one of B's (Raft's joint consensus);
 * - `sealed`: the same; nothing is taken any more that was begun in `copying`, so who gains slots can make sure that it has everything;
 * - `clearing`: homes are B's; who lost slots lets go of them, once B's homes are seen to have all of it.
 *
 * Quorums of neighbouring phases always meet. What comes from two or more epochs ago is refused.
 */
export type Phase = 'stable' | 'copying' | 'joint' | 'sealed' | 'clearing';

/** Who is the cluster, and where the slots are: one value, changed only by a linearizable step to the next epoch. */
export interface RingState {
  /** Goes up by one with each step. */
  readonly epoch: number;
  readonly phase: Phase;
  /** Whose the slots are; they also vote on the next step. */
  readonly current: readonly Member[];
  /** `copying`, `joint`, `sealed`: whose they are to be. `clearing`: whose they were. `stable`: null. */
  readonly other: readonly Member[] | null;
  /** Names of `current` that are lost for good. While slots move nobody waits for them: the quorums of the old side are found without them. */
  readonly gone: readonly string[];
}

/** The first ring of a cluster. */
export function firstRing(members: readonly Member[]): RingState {
  return { epoch: 1, phase: 'stable', current: inOrder(members), other: null, gone: [] };
}

/** Slots begin to move to other members; from `copying` on the way there may still be changed. null: it is too late for that. */
export function changed(
  ring: RingState,
  members: readonly Member[],
  gone: readonly string[] = ring.gone,
): RingState | null {
  if (ring.phase !== 'stable' && ring.phase !== 'copying') return null;
  return { ...ring, epoch: ring.epoch + 1, phase: 'copying', other: inOrder(members), gone };
}

/** The next phase of the change that is under way; null: there is none. */
export function advanced(ring: RingState): RingState | null {
  const { phase, current, other } = ring;
  const epoch = ring.epoch + 1;
  if (phase === 'copying') return { ...ring, epoch, phase: 'joint' };
  if (phase === 'joint') return { ...ring, epoch, phase: 'sealed' };
  if (phase === 'sealed') return { epoch, phase: 'clearing', current: other!, other: current, gone: [] };
  return phase === 'clearing' ? { epoch, phase: 'stable', current, other: null, gone: [] } : null;
}

/** Takes the change back; null: there is none, or it is done already. */
export function rolledBack(ring: RingState): RingState | null {
  if (ring.phase === 'stable' || ring.phase === 'clearing') return null;
  return { ...ring, epoch: ring.epoch + 1, phase: 'clearing', gone: [] };
}

/** Whether slots have homes of both sides. */
export function isJoint({ phase }: RingState): boolean {
  return phase === 'joint' || phase === 'sealed';
}

/** All who are members on either side, each once. */
export function everybody({ current, other }: RingState): readonly Member[] {
  const names = new Set(current.map(({ name }) => name));
  return [...current, ...(other ?? []).filter(({ name }) => !names.has(name))];
}

function inOrder(members: readonly Member[]): readonly Member[] {
  return [...members].sort((a, b) => (a.name < b.name ? -1 : 1));
}
