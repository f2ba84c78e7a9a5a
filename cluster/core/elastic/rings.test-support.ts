import { Topology } from '../topology.js';
import { membersOf } from '../topology.test-support.js';
import type { Phase, RingState } from './ring-state.js';

const EPOCHS: Readonly<Record<Phase, number>> = { stable: 1, copying: 2, joint: 3, sealed: 4, clearing: 5 };

/** A change from members `a` to members `b` (numbers of `membersOf`) that has come to this phase. */
export function ringOf(phase: Phase, a: readonly number[], b: readonly number[]): RingState {
  const members = membersOf(Math.max(...a, ...b) + 1);
  const from = a.map((number) => members[number]);
  const to = b.map((number) => members[number]);
  const epoch = EPOCHS[phase];
  if (phase === 'stable') return { epoch, phase, current: from, other: null, gone: [] };
  return phase === 'clearing'
    ? { epoch, phase, current: to, other: from, gone: [] }
    : { epoch, phase, current: from, other: to, gone: [] };
}

/** One node's view of it, who hears all others. */
export function topologyIn(
  ring: RingState,
  self: number,
  known: number,
  replicas = 3,
  before?: Topology,
): Topology {
  const topology = new Topology(membersOf(known), self, replicas, 8, true, ring, before);
  for (let member = 0; member < known; member++) topology.setAlive(member, true);
  return topology;
}
