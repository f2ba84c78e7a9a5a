import type { SimNode } from './sim-node.js';
import type { SimWorld } from './sim-world.js';

/** What all simulated clients have in common. */

/** A client whose request has failed tries another one so much later. */
export const RETRY_MS = 100;
/** Longer than any timeout of ours, a pause of a process and a jump of a clock together. */
export const ANSWER_WITHIN_MS = 90_000;
/** Failures that say for certain that nothing was written. */
export const SURELY_NOT = /was not applied|nothing was|connection refused|CLUSTERDOWN/;

/** A client that asks, waits for the answer, thinks, and asks again. */
export abstract class BusyClient {
  /** Failed requests, by the first words of the error and what was asked. */
  readonly failures = new Map<string, number>();
  protected node: SimNode;
  /** What it waits for an answer to. */
  protected open: { readonly what: () => string; readonly node: string; readonly at: number } | undefined;
  private stopped = true;
  private busy = false;

  constructor(
    protected readonly world: SimWorld,
    protected readonly name: string,
  ) {
    this.node = world.random.pick(world.nodes);
  }

  start(): void {
    this.stopped = false;
    if (!this.busy) this.next(0);
  }

  stop(): void {
    this.stopped = true;
  }

  /** It waits for no answer. */
  get idle(): boolean {
    return !this.busy;
  }

  /** What it waits for, in words. */
  get waitsFor(): string {
    const { what, node, at } = this.open!;
    return `${this.name} has waited since ${at.toFixed(0)} for ${node}: ${what()}`;
  }

  /** Asks again in about so long. */
  protected next(afterMs: number): void {
    const { queue, random } = this.world;
    this.busy = true;
    queue.after(afterMs * random.between(0.2, 1.8), () => {
      if (this.stopped) this.busy = false;
      else this.ask();
    });
  }

  protected abstract ask(): void;
}

export function count(times: Map<string, number>, what: string): void {
  times.set(what, (times.get(what) ?? 0) + 1);
}
