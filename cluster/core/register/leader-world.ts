import type { RecordEntry } from '../../../storage/record-cache.js';
import type { RecordStore } from '../../../storage/record-store.js';
import type { HybridClock } from '../hlc.js';
import type { Operation } from '../operation.js';
import type { Topology } from '../topology.js';
import type { Acceptor } from './acceptor.js';
import type { Ballot } from './ballot.js';
import type { Batch, Task } from './batch.js';
import type { Leader } from './leader.js';
import type { SerialNames } from './serial-names.js';
import type { Unit } from './unit.js';

/** What the leaders of one node share, and what they do to the world (`registers.ts`). */
export interface LeaderWorld {
  readonly store: RecordStore;
  readonly acceptor: Acceptor;
  readonly hlc: HybridClock;
  readonly names: SerialNames;
  /** In this node's ballots. */
  readonly proposer: string;
  topology(): Topology;
  self(): number;
  /** Unix ms. */
  now(): number;
  elapsedMs(): number;
  /** Uniform in [0, 1). */
  chance(): number;
  /** ms */
  requestTimeout(): number;
  /** A number for a question or a proposal; its answers come to the leader until `over`. */
  takeId(leader: Leader): number;
  over(id: number): void;
  takeLease(): number;
  /** `advance` is to be called at the end of this turn. */
  plan(leader: Leader): void;
  /** Fetches the records of these entries; `failure` is a reason without its outcome, or null. */
  load(entries: readonly RecordEntry[], done: (failure: string | null) => void): void;
  /** The entries of all keys of the units, in their order, pinned. */
  pinAll(units: readonly Unit[]): RecordEntry[];
  encode(unit: Unit): Buffer;
  /** False: it cannot be sent. */
  sendPrepare(
    peer: number,
    id: number,
    slot: number,
    ballot: Ballot,
    entries: readonly RecordEntry[],
  ): boolean;
  sendAccept(peer: number, id: number, unit: Unit, bytes: Buffer): boolean;
  /** Runs the operation; its writes go to the batch. */
  runs(batch: Batch, operation: Operation): void;
  end(task: Task, failure: string | null): void;
  /** It has to be led elsewhere; nothing has been done of it. */
  move(task: Task): void;
}
