import type { KeyRecord } from '../../storage/record.js';
import type { RecordEntry } from '../../storage/record-cache.js';
import type { LoadWaiter } from '../../storage/record-store.js';
import type { WriterTable } from '../../storage/writers.js';
import { digestA, digestB, merge, sameRecord } from './version.js';

/** Who asked for the read, told once. `failure` is a whole error line. */
export interface ReadOwner {
  readDone(read: KeyRead, record: KeyRecord | null, failure: string | null): void;
}

/** What a read does to the world: carried out by the coordinator. */
export interface ReadEffects {
  readonly writers: WriterTable;
  /** Asks a peer for its digest or its record; false when it cannot be reached. */
  ask(read: KeyRead, peer: number, full: boolean): boolean;
  /** Gives a stale replica (this node included) the merged record. */
  repair(read: KeyRead, replica: number, record: KeyRecord): void;
  done(read: KeyRead): void;
}

interface Answer {
  readonly replica: number;
  full: boolean;
  answered: boolean;
  a: number;
  b: number;
  record: KeyRecord | null;
}

/**
 * One key read from R replicas (Dynamo 4.5): the full record from one, digests from the others; where a digest differs the
 * full record is fetched as well, all are merged, and whoever lacked something is repaired without delaying the reply.
 */
export class KeyRead implements LoadWaiter {
  readonly startedMs: number;
  /** Why this node's own copy could not be read, though it may be sound: a whole error line. It must not be written over. */
  loadFailure: string | null = null;
  /** The group commit that carries what this node's own copy said. */
  ownSeq = 0;
  private readonly answers: Answer[] = [];
  private spare: number[] = [];
  private finished = false;

  constructor(
    readonly owner: ReadOwner,
    /** The owner's: which of its keys this is. */
    readonly index: number,
    readonly db: number,
    readonly slot: number,
    readonly key: string,
    /** This node's own entry, pinned, when it is a home replica. */
    readonly entry: RecordEntry | undefined,
    private readonly self: number,
    private needed: number,
    /** Home replicas of the key, dead or alive. */
    private readonly replicas: number,
    private readonly effects: ReadEffects,
    /** Fetches the entry's record. */
    private readonly loadLocal: (entry: RecordEntry, waiter: LoadWaiter) => void,
    /** By `Clock.elapsed`. */
    elapsedMs: number,
  ) {
    this.startedMs = elapsedMs;
  }

  /** `candidates`: live home replicas, best first, this node among them when it is one. */
  start(candidates: readonly number[]): void {
    this.spare = candidates.filter((replica) => replica !== this.self);
    if (this.entry !== undefined) {
      this.answers.push(this.blank(this.self, true));
      if (this.entry.record === undefined) this.loadLocal(this.entry, this);
      else this.answers[0].answered = true;
    }
    while (this.answers.length < this.needed) {
      if (!this.askNext(this.entry === undefined && this.answers.length === 0)) break;
    }
    if (this.answers.length < this.needed) this.fail();
    else this.check();
  }

  loaded(entry: RecordEntry): void {
    if (this.finished) return;
    if (entry.record !== undefined) this.answers[0].answered = true;
    else if (!this.goWithoutOwn(entry)) return this.fail();
    this.check();
  }

  digest(replica: number, a: number, b: number): void {
    const answer = this.find(replica);
    if (answer === undefined || answer.answered || answer.full) return;
    answer.answered = true;
    answer.a = a;
    answer.b = b;
    this.check();
  }

  full(replica: number, record: KeyRecord | null): void {
    const answer = this.find(replica);
    if (answer === undefined || !answer.full) return;
    answer.answered = true;
    answer.record = record;
    this.check();
  }

  /** The replica will not answer: another one is asked, if there is one. */
  lost(replica: number): void {
    const at = this.answers.findIndex((answer) => answer.replica === replica && !answer.answered);
    if (this.finished || at < 0) return;
    const [gone] = this.answers.splice(at, 1);
    while (this.answers.length < this.needed) {
      if (this.askNext(gone.full)) continue;
      this.fail();
      return;
    }
    this.check();
  }

  expire(): void {
    if (!this.finished) this.fail();
  }

  private check(): void {
    if (this.finished) return;
    for (const answer of this.answers) if (!answer.answered) return;
    const own = this.answers[0];
    if (own.replica === this.self && this.entry?.record === undefined) {
      // Taken out of the cache again by a group commit that failed.
      own.answered = false;
      this.loadLocal(this.entry!, this);
      return;
    }
    const { writers } = this.effects;
    let merged: KeyRecord | null = null;
    for (const answer of this.answers) if (answer.full) merged = join(merged, this.recordOf(answer), writers);
    let differs = false;
    const a = digestA(merged, writers);
    const b = digestB(merged, writers);
    for (const answer of this.answers) {
      if (answer.full || (answer.a === a && answer.b === b)) continue;
      differs = true;
      this.askFull(answer);
      if (this.finished) return;
    }
    if (differs) return;
    this.finish(merged);
  }

  private finish(merged: KeyRecord | null): void {
    this.finished = true;
    // Before a repair of ours: what came from others is not our log's to confirm.
    if (this.answers[0].replica === this.self) this.ownSeq = this.entry?.dirtySeq ?? 0;
    if (merged !== null) {
      for (const answer of this.answers) {
        if (answer.full && !sameRecord(this.recordOf(answer), merged)) {
          this.effects.repair(this, answer.replica, merged);
        }
      }
    }
    this.effects.done(this);
    this.owner.readDone(this, merged, null);
  }

  private fail(): void {
    this.finished = true;
    const answered = this.answers.filter((answer) => answer.answered).length;
    this.effects.done(this);
    const text = `NOQUORUM ${answered} of ${this.needed} needed replicas answered; nothing was read or written`;
    this.owner.readDone(this, null, text);
  }

  /** Our own copy cannot be read and so is no answer: another replica is asked in its place. False: there is none. */
  private goWithoutOwn(entry: RecordEntry): boolean {
    this.answers.shift();
    // A damaged copy is replaced elsewhere (`damaged-records.ts`). More than all the others have, nobody will ever have again.
    if (entry.loadError === null) this.needed = Math.min(this.needed, this.replicas - 1);
    else this.loadFailure = entry.loadFailure;
    // One of them has to send the record itself.
    if (this.answers.length >= this.needed) this.askFull(this.answers[0]);
    while (!this.finished && this.answers.length < this.needed) if (!this.askNext(true)) return false;
    return true;
  }

  private askNext(full: boolean): boolean {
    for (;;) {
      const replica = this.spare.shift();
      if (replica === undefined) return false;
      const answer = this.blank(replica, full);
      this.answers.push(answer);
      if (this.effects.ask(this, replica, full)) return true;
      this.answers.pop();
    }
  }

  private askFull(answer: Answer): void {
    answer.full = true;
    answer.answered = false;
    if (!this.effects.ask(this, answer.replica, true)) this.lost(answer.replica);
  }

  private recordOf(answer: Answer): KeyRecord | null {
    return answer.replica === this.self ? (this.entry?.record ?? null) : answer.record;
  }

  private find(replica: number): Answer | undefined {
    if (this.finished) return undefined;
    for (const answer of this.answers) if (answer.replica === replica) return answer;
    return undefined;
  }

  private blank(replica: number, full: boolean): Answer {
    return { replica, full, answered: false, a: 0, b: 0, record: null };
  }
}

function join(a: KeyRecord | null, b: KeyRecord | null, writers: WriterTable): KeyRecord | null {
  if (a === null) return b;
  return b === null ? a : merge(a, b, writers);
}
