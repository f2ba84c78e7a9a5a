import type { KeyRecord } from '../../../storage/record.js';
import type { RecordEntry } from '../../../storage/record-cache.js';
import { majority } from '../levels.js';
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
  sentMs: number;
}

/** A proposal to all home replicas. */
export interface Round {
  readonly id: number;
  readonly unit: Unit;
  tasks: Task[];
  readonly yes: Set<number>;
  readonly failed: Set<number>;
  readonly startedMs: number;
  sentMs: number;
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
  return possible < majority(topology.n);
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
