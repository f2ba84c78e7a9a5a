import type { HintStore } from '../../../storage/hint-store.js';
import type { KeyRecord } from '../../../storage/record.js';
import type { RecordStore } from '../../../storage/record-store.js';
import type { SlotTrees } from '../../../storage/slot-trees.js';
import type { Log } from '../../environment.js';
import type { AntiEntropy, StreamEnd } from '../anti-entropy/anti-entropy.js';
import type { Throttle } from '../anti-entropy/worker.js';
import type { Level } from '../levels.js';
import type { RegisterMemory } from '../register/memory.js';
import type { Registers } from '../register/registers.js';
import type { Topology } from '../topology.js';

/** Slots of one stream at most, so that peers take turns. */
export const SLOTS_PER_STREAM = 256;
/** A peer is left alone so long after a stream with it that failed, ms. */
const RETRY_MS = 1000;

/** What one phase of a change of the ring asks of this node. It is made when the phase begins, and dropped when the ring changes. */
export interface Duty {
  readonly done: boolean;
  /** Slots that are still to be seen to, of so many in all. */
  readonly left: number;
  readonly total: number;
  tick(elapsedMs: number): void;
}

export interface DutyWorld {
  readonly topology: () => Topology;
  readonly streams: Pick<AntiEntropy, 'streamWith' | 'streamed'>;
  readonly memory: Pick<RegisterMemory, 'takeOver' | 'complete'>;
  readonly registers: Pick<Registers, 'remembers' | 'forget'>;
  readonly store: RecordStore;
  readonly trees: SlotTrees;
  /** The trees tell of everything. */
  readonly known: () => boolean;
  readonly hints: Pick<HintStore, 'isHinted' | 'loaded' | 'count'>;
  /** The state of the ring that the peer is known to have come to. */
  readonly epochOf: (peer: number) => number;
  /** Another after each start of the peer behind which its disk may have forgotten something. */
  readonly identityOf: (peer: number) => string;
  readonly writeQuorum: () => Level;
  /** ms */
  readonly requestTimeout: () => number;
  readonly pace: Throttle;
  /** A record of which this node is no home is about to be removed here; null: it is damaged. */
  readonly forgot: (record: KeyRecord | null) => void;
  readonly log: Log;
}

/** Peers that are not to be asked for a while, since it came to nothing. */
export class Patience {
  private readonly until = new Map<number, number>();
  private readonly failures = new Map<number, number>();

  ended(peer: number, { failure }: StreamEnd, elapsedMs: number): void {
    if (failure === null) return void this.failures.delete(peer);
    this.failures.set(peer, this.failuresOf(peer) + 1);
    this.until.set(peer, elapsedMs + RETRY_MS);
  }

  isOver(peer: number, elapsedMs: number): boolean {
    return elapsedMs >= (this.until.get(peer) ?? 0);
  }

  /** In a row. */
  failuresOf(peer: number): number {
    return this.failures.get(peer) ?? 0;
  }
}

/** The numbers of the slots that are marked. */
export function slotsIn(marks: Uint8Array): number[] {
  const slots: number[] = [];
  for (let slot = 0; slot < marks.length; slot++) if (marks[slot] === 1) slots.push(slot);
  return slots;
}

/** Who of these has to do with most of the slots; undefined: nobody with any. */
export function fullest(
  slots: Iterable<number>,
  peersOf: (slot: number) => Iterable<number>,
  may: (peer: number) => boolean,
): number | undefined {
  const counts = new Map<number, number>();
  for (const slot of slots) for (const peer of peersOf(slot)) counts.set(peer, (counts.get(peer) ?? 0) + 1);
  let best: number | undefined;
  for (const [peer, count] of counts)
    if (may(peer) && (best === undefined || count > counts.get(best)!)) best = peer;
  return best;
}

/** The first of them that are so, as many as go in a stream. */
export function firstOf(slots: Iterable<number>, is: (slot: number) => boolean): number[] {
  const some: number[] = [];
  for (const slot of slots) {
    if (some.length === SLOTS_PER_STREAM) break;
    if (is(slot)) some.push(slot);
  }
  return some;
}
