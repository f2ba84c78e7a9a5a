import type { KeyRecord } from '../../../storage/record.js';
import type { RecordEntry } from '../../../storage/record-cache.js';
import type { Operation } from '../operation.js';
import type { Topology } from '../topology.js';
import type { Vote } from './acceptor.js';
import type { Ballot } from './ballot.js';
import type { Task } from './batch.js';
import { sameUnit, type Unit } from './unit.js';

/** What an acceptor says to a question: its vote, the units it holds, and of each key asked for its record if it is not ours. */
export interface AskAnswer extends Vote {
  readonly units: readonly Unit[];
  /** undefined: the same as ours. */
  readonly records: readonly (KeyRecord | null | undefined)[];
}

/**
 * What was asked or proposed longer ago is void, ms: answers to it count no more. So after a little more than that nobody counts on votes
 * that were given in a life before (`memory.ts`).
 */
export const ROUND_LIFE_MS = 10_000;

/** Operations of one round at most. */
const MAX_BATCH = 1024;
/** Keys of theirs that are enough. */
const MAX_KEYS = 10_000;
/** A question or a proposal that was not answered is sent again after so long, ms. */
const RESEND_MS = 300;

/** When to send again: at longer and longer intervals, for what is large takes its time, and copies of it would take more. */
export class Resending {
  private intervalMs = RESEND_MS;
  private dueMs: number;

  constructor(now: number) {
    this.dueMs = now + RESEND_MS;
  }

  /** It is counted as sent again. */
  isDue(now: number): boolean {
    if (now < this.dueMs) return false;
    this.intervalMs *= 2;
    this.dueMs = now + this.intervalMs;
    return true;
  }
}

/** Who has lost its lease some times in a row leaves the others a while, ms. */
const BACKOFF_MS = 40;
const BACKOFF_MAX_MS = 10 * BACKOFF_MS;
/** After so long with one lease earlier losses do not count, ms. */
const STEADY_MS = 1000;

/** How leaders that disturb each other leave each other time: who is disturbed once tries again at once. */
export class Backoff {
  /** Nothing is tried before, by `Clock.elapsed`. */
  untilMs = 0;
  private inRow = 0;
  private sinceMs = Number.POSITIVE_INFINITY;

  /** The lease was got. */
  won(now: number): void {
    this.sinceMs = now;
  }

  /** `chance` is uniform in [0, 1). */
  lost(now: number, chance: number): void {
    if (now - this.sinceMs > STEADY_MS) this.inRow = 0;
    this.sinceMs = Number.POSITIVE_INFINITY;
    this.inRow++;
    if (this.inRow > 1) this.untilMs = now + chance * Math.min(this.inRow * BACKOFF_MS, BACKOFF_MAX_MS);
  }

  /** There is nobody to disturb, and nobody to help either. */
  wait(now: number): void {
    this.untilMs = now + BACKOFF_MS;
  }
}

/** A question to all home replicas. */
export interface Ask {
  readonly id: number;
  readonly ballot: Ballot;
  readonly entries: readonly RecordEntry[];
  /** Our own records when it was asked. */
  readonly own: readonly (KeyRecord | null)[];
  /** Who waited when it was asked. */
  readonly tasks: readonly Task[];
  readonly answers: Map<number, AskAnswer>;
  readonly failed: Set<number>;
  readonly startedMs: number;
  readonly sending: Resending;
}

/** A proposal to all home replicas. */
export interface Round {
  readonly id: number;
  readonly unit: Unit;
  tasks: Task[];
  readonly yes: Set<number>;
  readonly failed: Set<number>;
  readonly startedMs: number;
  readonly sending: Resending;
}

/** The other home replicas of the slot that can be asked. */
export function otherHomes(topology: Topology, slot: number): number[] {
  const { alive, self } = topology;
  return [...topology.homes(slot)].filter((home) => home !== self && alive[home] === 1);
}

/** Whether those that have failed leave no majority with this node in it. */
export function isHopeless(topology: Topology, slot: number, failed: ReadonlySet<number>): boolean {
  if (failed.has(topology.self)) return true;
  const possible = otherHomes(topology, slot).filter((peer) => !failed.has(peer)).length + 1;
  return possible < topology.majorityOf(slot);
}

const LOST = 'NOQUORUM it is not known in time whether the round of the register was completed';

export function notApplied(reason: string, { isWrite }: Operation): string {
  return `${reason}; ${isWrite ? 'the write was not applied' : 'nothing was read or written'}`;
}

/** For one whose turn has not come. */
export function tooLate({ operation }: Task): string {
  return notApplied(LOST, operation);
}

/** For one of a round that was proposed. */
export function inDoubt({ operation }: Task): string {
  return `${LOST}; ${operation.isWrite ? 'the write may have been applied' : 'nothing was read'}`;
}

/** Those of the list whose turn it is: no more than one question should ask for. */
export function firstOf(tasks: readonly Task[]): Task[] {
  let keys = 0;
  let count = 0;
  while (count < tasks.length && count < MAX_BATCH && keys < MAX_KEYS) keys += tasks[count++].entries.length;
  return tasks.slice(0, count);
}

/** Each once. */
export function entriesOf(tasks: readonly Task[]): RecordEntry[] {
  return [...new Set(tasks.flatMap(({ entries }) => entries))];
}

/** Takes out of the list who waits no longer. */
export function takeLate(tasks: Task[], now: number): Task[] {
  const late = tasks.filter(({ operation }) => operation.deadline <= now);
  for (const task of late) tasks.splice(tasks.indexOf(task), 1);
  return late;
}

/** Operations of rounds that were neither won nor certainly lost. */
export class Doubts {
  private rounds: { readonly unit: Unit; readonly tasks: Task[] }[] = [];

  get waiting(): number {
    return this.rounds.reduce((sum, { tasks }) => sum + tasks.length, 0);
  }

  add({ unit, tasks }: Round): void {
    if (tasks.length > 0) this.rounds.push({ unit, tasks });
  }

  /** Who waited for what would come of the unit. */
  take(unit: Unit): readonly Task[] {
    const found = this.rounds.filter((round) => sameUnit(round.unit, unit));
    if (found.length === 0) return NOBODY;
    this.rounds = this.rounds.filter((round) => !found.includes(round));
    return found.flatMap(({ tasks }) => tasks);
  }

  takeLate(now: number): Task[] {
    const late = this.rounds.flatMap(({ tasks }) => takeLate(tasks, now));
    if (late.length > 0) this.rounds = this.rounds.filter(({ tasks }) => tasks.length > 0);
    return late;
  }
}

const NOBODY: readonly Task[] = [];
