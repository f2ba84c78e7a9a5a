import { type KeyRecord, NEVER_WRITTEN, payloadBytes, TOMBSTONE } from '../../../storage/record.js';
import type { RecordEntry } from '../../../storage/record-cache.js';
import type { Operation } from '../operation.js';
import { highestHlc, seenOf, supersede, witnessed } from '../version.js';
import type { LeaderWorld } from './leader-world.js';
import type { UnitKey } from './unit.js';

/** An operation on its way through a register. */
export interface Task {
  readonly operation: Operation;
  /** Of its places, in their order, pinned. */
  readonly entries: readonly RecordEntry[];
  /** When it came, by `Clock.elapsed`. */
  readonly sinceMs: number;
  /** It is known not to write. */
  readsOnly: boolean;
  /** A majority has confirmed the lease since it came. */
  confirmed: boolean;
}

const TOO_FAR_AHEAD = "the key's newest version is further ahead of this node's clock than max-clock-drift";
/** What one unit carries, about, in bytes: operations behind it go in the next round. */
const UNIT_BYTES = 1 << 20;
/** A key of a unit beside its name and its payloads, about: dots, context, lengths. */
const UNIT_KEY_BYTES = 100;
/** A frame between nodes is a little longer: a value of the largest size still fits. */
const MAX_UNIT_BYTES = 516 * (1 << 20);
/** Numbers in the context of a record that is written once more: half of what the format has room for, and too many by far. */
const MAX_CONTEXT = 1 << 16;

/**
 * Operations that run one after the other on the records a leader holds, each on what those before it have made. Nothing they write is seen
 * by anybody else before the round that proposes it is over.
 */
export class Batch {
  /** What the round has to propose. */
  readonly written = new Map<RecordEntry, UnitKey>();
  /** Whose outcome is that of the round; with nothing written they can be told at once. */
  readonly waiting: Task[] = [];
  /** They changed nothing and are to run again on what a majority has confirmed, or have not had their turn. */
  readonly again: Task[] = [];
  private bytes = 0;
  private running: { task: Task; wrote: boolean } | undefined;

  constructor(
    private readonly world: LeaderWorld,
    private readonly tasks: readonly Task[],
  ) {}

  /** It cannot be proposed: no message carries so much. */
  get isTooLarge(): boolean {
    return this.bytes > MAX_UNIT_BYTES;
  }

  /** `unstable`: what of it is told must be held by a majority first. */
  run(unstable: ReadonlySet<RecordEntry>): void {
    const idle: Task[] = [];
    const { tasks } = this;
    let next = 0;
    while (next < tasks.length && this.bytes < UNIT_BYTES) {
      const task = tasks[next++];
      const refusal = this.refusal(task);
      if (refusal !== null) this.world.end(task, refusal);
      else if (this.runOne(task)) {
        this.waiting.push(task);
        for (const entry of task.entries) if (!this.written.has(entry)) this.touch(entry);
      } else idle.push(task);
    }
    for (const task of idle) this.place(task, unstable);
    this.again.push(...tasks.slice(next));
  }

  /** The operation that runs has made a new record, of one version of its own above all others. */
  write(index: number, record: KeyRecord): void {
    const { task } = this.running!;
    const { db, key } = task.entries[index];
    const writer = this.world.names.of(db, key);
    const hlc = seenOf(record.context, writer);
    this.propose(task.entries[index], { db, key, record, writer, hlc });
    task.operation.places[index].found = record;
    this.running!.wrote = true;
  }

  private runOne(task: Task): boolean {
    const { operation, entries } = task;
    for (let i = 0; i < entries.length; i++) {
      operation.places[i].entry = undefined;
      operation.places[i].found = this.view(entries[i]);
    }
    operation.wrote = false;
    this.running = { task, wrote: false };
    this.world.runs(this, operation);
    const { wrote } = this.running;
    this.running = undefined;
    return wrote;
  }

  private place(task: Task, unstable: ReadonlySet<RecordEntry>): void {
    const { confirmed, entries } = task;
    // What it has seen is proposed here, or is what the proposed takes the place of.
    if (entries.every((entry) => this.written.has(entry))) this.waiting.push(task);
    else if (!confirmed) {
      task.readsOnly = true;
      this.again.push(task);
    } else {
      // Whoever reads next must not miss what is told.
      for (const entry of entries)
        if (unstable.has(entry) && entry.record !== null && !this.written.has(entry)) this.touch(entry);
      this.waiting.push(task);
    }
  }

  /**
   * What an operation has read goes with what it has written, as if written anew: a version of nothing in its context. So nobody changes
   * it later without having seen this unit, and an orphan that rests on what is long gone is known for one.
   */
  private touch(entry: RecordEntry): void {
    const { names, hlc, now, store } = this.world;
    const { db, key } = entry;
    const writer = names.of(db, key);
    const record = entry.record ?? null;
    const reading = hlc.next(now(), highestHlc(record));
    const touched =
      record === null
        ? supersede(null, writer, reading, TOMBSTONE, NEVER_WRITTEN, 0, store.writers)
        : witnessed(record, writer, reading, store.writers);
    this.propose(entry, { db, key, record: touched, writer, hlc: reading });
  }

  private propose(entry: RecordEntry, unitKey: UnitKey): void {
    this.written.set(entry, unitKey);
    this.bytes += UNIT_KEY_BYTES + unitKey.key.length + payloadBytes(unitKey.record);
  }

  private refusal({ operation, entries }: Task): string | null {
    const reason = this.hindrance(operation, entries);
    if (reason === null) return null;
    return `NOQUORUM ${reason}; ${operation.isWrite ? 'the write was not applied' : 'nothing was read'}`;
  }

  private hindrance({ deadline }: Operation, entries: readonly RecordEntry[]): string | null {
    const { world } = this;
    if (deadline <= world.elapsedMs()) return 'its turn did not come in time';
    const now = world.now();
    for (const { record } of entries) {
      if (record == null) continue;
      if (record.context.length >= MAX_CONTEXT) return 'the key has been written under too many names';
      if (!world.hlc.observe(highestHlc(record), now)) return TOO_FAR_AHEAD;
    }
    return null;
  }

  private view(entry: RecordEntry): KeyRecord | null {
    return this.written.get(entry)?.record ?? entry.record ?? null;
  }
}
