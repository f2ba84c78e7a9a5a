import { setTimeout as pause } from 'node:timers/promises';
import { type Actor, outcome } from './shared-object.js';

const AGAIN_MS = 50;

/** So long somebody may have believed to be alone, ms by a clock that all clients share. */
export interface Hold {
  readonly client: string;
  readonly from: number;
  readonly until: number;
  /** The reading of the cluster's clock in its version, where it could be read: what is shown to whom the lock protects. */
  readonly fence?: number;
}

/**
 * Clients that fight for one lock: `SET lock id NX PX ttl`. One that has it counts from when it asked, as a careful client does, until its time is
 * over or it asks to be rid of it (`DELIFEQ`).
 */
export class LockFight {
  readonly holds: Hold[] = [];
  private stopped = false;

  constructor(
    private readonly key: string,
    private readonly ttlMs: number,
  ) {}

  /** One client's tries, until `stop`. */
  async fight(actor: Actor): Promise<void> {
    while (!this.stopped) {
      const { caller, random } = actor;
      caller.moveOn();
      await caller.connected();
      const id = actor.unique();
      const asked = performance.now();
      const [taken] = await outcome(actor, [['SET', this.key, id, 'NX', 'PX', String(this.ttlMs)]]);
      const from = performance.now();
      actor.tally.note(taken);
      if (taken === 'OK') await this.hold(actor, id, { from, until: asked + this.ttlMs });
      await pause(random.below(AGAIN_MS));
    }
  }

  stop(): void {
    this.stopped = true;
  }

  /** Some give the lock back after a while, some let its time pass. */
  private async hold(
    actor: Actor,
    id: string,
    { from, until }: { from: number; until: number },
  ): Promise<void> {
    const { caller, name: client, random } = actor;
    const fence = await this.fenceOf(actor, id);
    const patience = random.below(2) === 0 ? random.below(this.ttlMs / 4) : this.ttlMs;
    await pause(Math.max(0, Math.min(patience, until - performance.now())));
    await caller.connected();
    // From the moment it is asked for, it may be somebody else's.
    this.holds.push({ client, from, until: Math.min(until, performance.now()), fence });
    const [released] = await outcome(actor, [['DELIFEQ', this.key, id]]);
    actor.tally.note(released);
  }

  private async fenceOf(actor: Actor, id: string): Promise<number | undefined> {
    const [found] = await outcome(actor, [['KV.AT', 'SERIAL', 'KV.GET', this.key]]);
    if (actor.tally.note(found) !== 'answered') return undefined;
    const [holder, , version] = found as readonly string[];
    return holder === id ? Number(version.split(':').at(-1)) : undefined;
  }
}

/** Every holder whose fence is not above those of all holders before. */
export function fencesBackwards(holds: readonly Hold[]): string[] {
  const found: string[] = [];
  let highest = 0;
  for (const { client, fence } of [...holds].sort((a, b) => a.from - b.from)) {
    if (fence === undefined) continue;
    if (fence <= highest) found.push(`${client} has fence ${fence} after somebody had ${highest}`);
    highest = Math.max(highest, fence);
  }
  return found;
}

/** Every two who believed to be alone at the same time. */
export function overlaps(holds: readonly Hold[]): string[] {
  const found: string[] = [];
  let latest: Hold | undefined;
  for (const hold of holds.filter(({ from, until }) => from < until).sort((a, b) => a.from - b.from)) {
    if (latest !== undefined && hold.from < latest.until) {
      const both = Math.min(hold.until, latest.until) - hold.from;
      found.push(`${latest.client} and ${hold.client} both held the lock for ${both.toFixed(1)} ms`);
    }
    if (latest === undefined || hold.until > latest.until) latest = hold;
  }
  return found;
}
