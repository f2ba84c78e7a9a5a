import type { RecordEntry } from '../../storage/record-cache.js';
import type { RecordStore } from '../../storage/record-store.js';
import { applyRecord } from './apply.js';
import type { ReadOwner } from './key-read.js';
import type { Operation } from './operation.js';
import { mayOverwrite } from './overwrite.js';
import type { QuorumReads } from './quorum-reads.js';
import type { Topology } from './topology.js';

const GAVE_UP = "NOQUORUM the key's newest version could not be found out in time; the write was not applied";

/** Operations that wait for one key's copy to be read and verified before they may write it, first come first served. */
interface Gate {
  readonly entry: RecordEntry;
  operations: Operation[];
}

/**
 * Keeps writes waiting until this node's copy of their key is known to be the newest: a quorum read at least as wide as it takes
 * to meet every acknowledged write. One read serves all that wait for the key.
 */
export class Gates {
  private readonly open = new Map<RecordEntry, Gate>();

  constructor(
    private readonly store: RecordStore,
    private readonly reads: QuorumReads,
    private readonly elapsedMs: () => number,
    private readonly topology: () => Topology,
    /** One of the fetches an operation waited for has ended. */
    private readonly fetched: (operation: Operation) => void,
    private readonly counters: { verified: number; timeouts: number },
  ) {}

  /** Keys with a gate. */
  get size(): number {
    return this.open.size;
  }

  /** The operation goes on when the entry may be written; perhaps before this returns. */
  wait(entry: RecordEntry, operation: Operation, topology: Topology): void {
    const gate = this.open.get(entry);
    if (gate === undefined) this.begin(entry, operation, topology);
    else gate.operations.push(operation);
  }

  /** Operations that nobody waits for any more give up; those behind them go on waiting. */
  expire(now: number): void {
    for (const gate of this.open.values()) {
      const late = gate.operations.filter((operation) => operation.deadline <= now);
      if (late.length === 0) continue;
      gate.operations = gate.operations.filter((operation) => operation.deadline > now);
      this.counters.timeouts += late.length;
      for (const operation of late) {
        operation.failure ??= GAVE_UP;
        this.fetched(operation);
      }
    }
  }

  private begin(entry: RecordEntry, operation: Operation, topology: Topology): void {
    const gate: Gate = { entry, operations: [operation] };
    entry.gated = true;
    this.open.set(entry, gate);
    entry.pins++;
    if (topology.sizeOf(entry.slot) === 1 && !entry.unsettled) {
      this.store.load(entry, { loaded: (own) => this.pass(gate, own.loadFailure) });
      return;
    }
    this.verify(gate, operation.needed, topology);
  }

  private verify(gate: Gate, writeNeeds: number, topology: Topology): void {
    const { entry } = gate;
    this.counters.verified++;
    // Enough replicas that one of them has every acknowledged write, as far as they are alive.
    const overlap = Math.max(topology.majorityOf(entry.slot), topology.meeting(entry.slot, writeNeeds));
    // A stand-in may know nothing of the key: whoever asks it asks one more. And this node's own copy, if it has no part in the slot any more.
    const { reachable, standIns } = topology.setOf(entry.slot);
    const own = topology.holds(entry.slot) ? 0 : 1;
    const needed = Math.min(reachable, overlap + standIns.length) + own;
    const epoch = topology.trustEpoch;
    const owner: ReadOwner = {
      readDone: (read, record, failed) => {
        const failure = failed ?? read.loadFailure;
        // Whom it asked has died meanwhile, and others are there now.
        const now = this.topology();
        if (failed !== null && now.trustEpoch !== epoch && gate.operations.length > 0)
          return this.verify(gate, writeNeeds, now);
        if (failure === null) {
          if (record !== null) applyRecord(this.store, entry, record);
          else if (entry.record === undefined) this.store.adoptAbsence(entry);
          entry.verifiedEpoch = epoch;
        }
        this.pass(gate, failure);
      },
    };
    this.reads.start(owner, 0, entry.db, entry.slot, entry.key, needed, topology, true);
  }

  private pass(gate: Gate, failure: string | null): void {
    this.open.delete(gate.entry);
    gate.entry.gated = false;
    const now = this.elapsedMs();
    const isAlone = this.topology().sizeOf(gate.entry.slot) === 1;
    for (const operation of gate.operations) {
      if (operation.deadline <= now) operation.failure ??= GAVE_UP;
      else if (failure !== null && !(isAlone && mayOverwrite(operation, gate.entry)))
        operation.failure ??= failure;
      this.fetched(operation);
    }
    this.store.unpin(gate.entry);
  }
}
