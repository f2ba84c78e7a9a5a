import type { KeyRecord } from '../../storage/record.js';
import type { RecordEntry } from '../../storage/record-cache.js';
import type { LoadWaiter } from '../../storage/record-store.js';
import type { WriterTable } from '../../storage/writers.js';
import { DEFAULT, type Level } from './levels.js';
import { digestA, digestB, merge, sameRecord } from './version.js';

/** Who asked for the read, told once. `failure` is a whole error line. */
export interface ReadOwner {
  readDone(read: KeyRead, record: KeyRecord | null, failure: string | null): void;
}

/** What a read does to the world: carried out by `quorum-reads.ts`. */
export interface ReadEffects {
  readonly writers: WriterTable;
  /** Asks a peer for its digest or its record; false when it cannot be reached. */
  ask(read: KeyRead, peer: number, full: boolean): boolean;
  /** Fetches the record of this node's own entry. */
  loadOwn(read: KeyRead, entry: RecordEntry): void;
  /** That fetch has ended. */
  ownLoaded(read: KeyRead): void;
  /** Gives a stale replica (this node included) the merged record. */
  repair(read: KeyRead, replica: number, record: KeyRecord): void;
  /** Gives a stale replica the merged record and tells by `confirmed` whether its log has it. False: it cannot be sent. */
  confirm(read: KeyRead, replica: number, record: KeyRecord): boolean;
  /** Whether there are others to ask by now than there were when it began. */
  mayBegin(read: KeyRead): boolean;
  /** Reads the key once more, for the same owner. */
  beginAgain(read: KeyRead): void;
  /** Nothing is expected any more, not even late answers. */
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
 *
 * Where a later read must never see less (`mustHold`), a difference does delay the reply: until so many home replicas have what is
 * told that every later quorum meets one of them (Attiya, Bar-Noy, Dolev 1995: the write-back of a reader).
 *
 * A replica that is late gets a stand-by: one more home replica is asked, and whoever completes the quorum first counts. What
 * comes after the reply still repairs.
 */
export class KeyRead implements LoadWaiter {
  /** By `Clock.elapsed`, as all times here. */
  startedMs: number;
  /** The topology's epoch of trust when it began; -1: the owner itself sees to another try. */
  epoch = -1;
  /** How many replicas another try needs. */
  level: Level = DEFAULT;
  /** When it last went on: what it asks is timed from here. */
  elapsedMs: number;
  /** The number by which its owner knows the fetch of its own copy. */
  ownRequest = 0;
  /** Why this node's own copy could not be read, though it may be sound: a whole error line. It must not be written over. */
  loadFailure: string | null = null;
  /** The group commit that carries what this node's own copy said. */
  ownSeq = 0;
  /** A replica that is up could not be asked: too much is queued for it. */
  crowded = false;
  private readonly answers: Answer[] = [];
  private spare: readonly number[] = [];
  private nextSpare = 0;
  /** So many of the first spares are home replicas. */
  private homes = 0;
  /** One spare was asked besides those the quorum needs. */
  private doubled = false;
  private finished = false;
  /** What the owner was told; kept as long as late answers may have to be held against it. */
  private told: KeyRecord | null = null;
  /** What the owner will be told once enough replicas have it. */
  private reply: KeyRecord | null = null;
  /** Confirmations to come before that. */
  private unconfirmed = 0;
  /** Who was sent what will be told, and has not confirmed it. */
  private readonly confirming: number[] = [];
  /** The owner was told. */
  private concluded = false;
  private damagedCopies = 0;
  private over = false;

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
    /** Replicas it was to have an answer from. */
    private needed: number,
    /** Home replicas of the key, dead or alive. */
    private readonly replicas: number,
    /** This node's own copy has to be among the answers, however long it takes. */
    private readonly ownIsNeeded: boolean,
    /** Home replicas that must have what is told before it is told; 0: whoever lacks it gets it without delaying the reply. */
    private mustHold: number,
    private readonly effects: ReadEffects,
    elapsedMs: number,
    /** The state of the ring that it was begun under. */
    readonly ringEpoch: number,
  ) {
    this.startedMs = elapsedMs;
    this.elapsedMs = elapsedMs;
  }

  /** `candidates`: others to ask, best first, of which the first `homes` are home replicas. */
  start(candidates: readonly number[], homes: number): void {
    this.spare = candidates;
    this.homes = homes;
    const { entry } = this;
    if (entry !== undefined) {
      this.answers.push(this.blank(this.self, true));
      this.answers[0].answered = entry.record !== undefined && !entry.unsettled;
    }
    while (this.answers.length < this.needed) {
      if (!this.askNext(entry === undefined && this.answers.length === 0)) break;
    }
    if (this.answers.length < this.needed) this.fail();
    // Not before the others are asked: it may be there before this returns.
    else if (entry !== undefined && !this.answers[0].answered) this.effects.loadOwn(this, entry);
    else this.check();
  }

  loaded(entry: RecordEntry): void {
    this.effects.ownLoaded(this);
    const own = this.find(this.self);
    if (own === undefined) return;
    if (entry.record === undefined) return this.goWithoutOwn(entry);
    own.answered = true;
    this.proceed(own);
  }

  digest(replica: number, a: number, b: number): void {
    const answer = this.find(replica);
    if (answer === undefined || answer.answered || answer.full) return;
    answer.answered = true;
    answer.a = a;
    answer.b = b;
    this.proceed(answer);
  }

  full(replica: number, record: KeyRecord | null): void {
    const answer = this.find(replica);
    if (answer === undefined || answer.answered || !answer.full) return;
    answer.answered = true;
    answer.record = record;
    this.proceed(answer);
  }

  /** The replica will not answer: another one is asked, if the quorum needs it. */
  lost(replica: number): void {
    if (this.confirming.includes(replica)) return this.confirmed(replica, false);
    const at = this.answers.findIndex((answer) => answer.replica === replica && !answer.answered);
    if (at < 0) return;
    const [gone] = this.answers.splice(at, 1);
    if (this.finished) return this.closeIfComplete();
    while (this.answers.length < this.needed) {
      if (this.askNext(gone.full)) continue;
      this.giveUp();
      return;
    }
    this.check();
  }

  /** The replica's copy is damaged: it counts as if there were one replica less. */
  damaged(replica: number): void {
    this.countDamaged();
    this.lost(replica);
  }

  /** Whether a spare may be asked in addition to this replica, which has not answered yet. */
  mayDouble(replica: number): boolean {
    if (this.finished || this.doubled || this.nextSpare >= this.homes) return false;
    if (replica === this.self && this.ownIsNeeded) return false;
    const late = this.find(replica);
    return late !== undefined && !late.answered;
  }

  /** Asks the next home replica for what the late one was asked. False: it cannot be asked. */
  double(late: number): boolean {
    this.doubled = true;
    return this.askNext(this.find(late)!.full);
  }

  /** No more waiting. */
  expire(): void {
    if (this.concluded) this.close();
    else if (this.finished) this.failUnconfirmed();
    else this.fail();
  }

  private proceed(answer: Answer): void {
    if (this.finished) this.takeLate(answer);
    else this.check();
  }

  private check(): void {
    if (this.finished) return;
    let answered = 0;
    let full = false;
    for (const answer of this.answers) {
      if (!answer.answered) continue;
      answered++;
      if (answer.full) full = true;
    }
    if (answered < this.needed) return;
    const [first] = this.answers;
    if (first.replica === this.self) {
      if (!first.answered && this.ownIsNeeded) return;
      if (first.answered && this.entry!.record === undefined) {
        // Taken out of the cache again by a group commit that failed.
        first.answered = false;
        this.effects.loadOwn(this, this.entry!);
        return;
      }
    }
    // The one that was to send the record is late, the others have outrun it.
    if (!full) return this.askFull(this.answers.find((answer) => answer.answered)!);
    const merged = this.merged();
    if (!this.askDiffering(merged)) this.finish(merged);
  }

  /** What all records that are there make together. */
  private merged(): KeyRecord | null {
    let merged: KeyRecord | null = null;
    for (const answer of this.answers)
      if (answer.answered && answer.full) merged = join(merged, this.recordOf(answer), this.effects.writers);
    return merged;
  }

  /** Fetches the record of whoever said that it has another one. False: nobody did. */
  private askDiffering(merged: KeyRecord | null): boolean {
    const { writers } = this.effects;
    const a = digestA(merged, writers);
    const b = digestB(merged, writers);
    let differs = false;
    for (const answer of this.answers) {
      if (!answer.answered || answer.full || (answer.a === a && answer.b === b)) continue;
      differs = true;
      this.askFull(answer);
      if (this.finished) break;
    }
    return differs;
  }

  private finish(merged: KeyRecord | null): void {
    this.finished = true;
    const own = this.find(this.self);
    // Before a repair of ours: what came from others is not our log's to confirm.
    if (own?.answered === true) this.ownSeq = this.entry?.dirtySeq ?? 0;
    this.told = merged;
    this.reply = merged;
    if (merged !== null) this.spread(merged);
    if (this.unconfirmed === 0) this.conclude();
  }

  /** Gives the merged record to those that lack it. */
  private spread(merged: KeyRecord): void {
    const stale: number[] = [];
    let holders = 0;
    for (const answer of this.answers) {
      if (!answer.answered) continue;
      if (answer.full && !sameRecord(this.recordOf(answer), merged)) stale.push(answer.replica);
      else holders++;
    }
    this.unconfirmed = Math.max(0, this.mustHold - holders);
    for (const replica of stale) {
      if (this.unconfirmed === 0 || replica === this.self) this.effects.repair(this, replica, merged);
      if (this.unconfirmed === 0) continue;
      if (replica === this.self) {
        this.unconfirmed--;
        this.ownSeq = this.entry?.dirtySeq ?? 0;
      } else this.askToConfirm(replica);
    }
    while (this.unconfirmed > this.confirming.length)
      if (!this.confirmBySpare()) return this.failUnconfirmed();
  }

  private askToConfirm(replica: number): boolean {
    this.confirming.push(replica);
    if (this.effects.confirm(this, replica, this.reply!)) return true;
    this.confirming.pop();
    return false;
  }

  /** A home replica that was not asked may have it as well. False: there is none. */
  private confirmBySpare(): boolean {
    while (this.nextSpare < this.homes) if (this.askToConfirm(this.spare[this.nextSpare++])) return true;
    return false;
  }

  /** A replica has, or has not, what will be told in its log. */
  confirmed(replica: number, ok: boolean): void {
    const at = this.confirming.indexOf(replica);
    if (at < 0 || this.concluded) return;
    this.confirming.splice(at, 1);
    if (ok) this.unconfirmed--;
    if (this.unconfirmed === 0) this.conclude();
    else if (this.unconfirmed > this.confirming.length && !this.confirmBySpare()) this.failUnconfirmed();
  }

  private conclude(): void {
    if (this.concluded) return;
    this.concluded = true;
    const { reply } = this;
    this.closeIfComplete();
    this.owner.readDone(this, reply, null);
  }

  private failUnconfirmed(): void {
    if (this.concluded) return;
    this.confirming.length = 0;
    if (this.effects.mayBegin(this)) return this.again();
    this.concluded = true;
    this.close();
    this.owner.readDone(this, null, UNCONFIRMED);
  }

  /** An answer behind the reply: who lacks something is repaired, it or those who were quicker. */
  private takeLate(answer: Answer): void {
    const { told, effects } = this;
    const { writers } = effects;
    if (!answer.full) {
      if (answer.a === digestA(told, writers) && answer.b === digestB(told, writers)) this.closeIfComplete();
      else this.askFull(answer);
      return;
    }
    const all = join(told, this.recordOf(answer), writers);
    if (all !== null) {
      const toldAll = sameRecord(told, all);
      for (const { replica, answered } of this.answers) {
        const lacks = replica === answer.replica ? !sameRecord(this.recordOf(answer), all) : !toldAll;
        if (answered && lacks) effects.repair(this, replica, all);
      }
      this.told = all;
    }
    this.closeIfComplete();
  }

  /** There is nobody left to ask. */
  private giveUp(): void {
    return this.effects.mayBegin(this) ? this.again() : this.fail();
  }

  private again(): void {
    this.finished = true;
    this.concluded = true;
    this.close();
    this.effects.beginAgain(this);
  }

  private fail(): void {
    this.finished = true;
    this.concluded = true;
    const answered = this.answers.filter((answer) => answer.answered).length;
    this.close();
    const text = this.crowded
      ? `OVERLOADED try again, too much is queued for the other replicas; ${answered} of ${this.needed} needed answered, nothing was read or written`
      : `NOQUORUM ${answered} of ${this.needed} needed replicas answered; nothing was read or written`;
    this.owner.readDone(this, null, text);
  }

  private closeIfComplete(): void {
    if (!this.concluded) return;
    for (const answer of this.answers) if (!answer.answered) return;
    this.close();
  }

  private close(): void {
    if (this.over) return;
    this.over = true;
    this.answers.length = 0;
    this.told = null;
    this.reply = null;
    this.effects.done(this);
  }

  /** Our own copy cannot be read and so is no answer: another replica is asked in its place. */
  private goWithoutOwn(entry: RecordEntry): void {
    this.answers.shift();
    if (this.finished) return this.closeIfComplete();
    // A damaged copy is replaced elsewhere (`damaged-records.ts`).
    if (entry.loadError === null) this.countDamaged();
    else this.loadFailure = entry.loadFailure;
    // One of them has to send the record itself.
    const { answers } = this;
    if (answers.length >= this.needed && !answers.some(({ full }) => full)) this.askFull(answers[0]);
    while (!this.finished && this.answers.length < this.needed) {
      if (!this.askNext(true)) return this.fail();
    }
    this.check();
  }

  /** More than all the others have, nobody will ever have again. */
  private countDamaged(): void {
    const left = this.replicas - ++this.damagedCopies;
    this.needed = Math.max(1, Math.min(this.needed, left));
    if (this.mustHold > 0) this.mustHold = Math.max(1, this.mustHold - 1);
  }

  private askNext(full: boolean): boolean {
    while (this.nextSpare < this.spare.length) {
      const replica = this.spare[this.nextSpare++];
      this.answers.push(this.blank(replica, full));
      if (this.effects.ask(this, replica, full)) return true;
      this.answers.pop();
    }
    return false;
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
    for (const answer of this.answers) if (answer.replica === replica) return answer;
    return undefined;
  }

  private blank(replica: number, full: boolean): Answer {
    return { replica, full, answered: false, a: 0, b: 0, record: null };
  }
}

const UNCONFIRMED =
  'NOQUORUM the newest version could not be confirmed by enough replicas; nothing was read or written';

function join(a: KeyRecord | null, b: KeyRecord | null, writers: WriterTable): KeyRecord | null {
  if (a === null) return b;
  return b === null ? a : merge(a, b, writers);
}
