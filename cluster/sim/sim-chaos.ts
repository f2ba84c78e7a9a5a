import { FAULTS, RACK_FAULTS, RING_CHANGES, RING_STEP_FAULTS, ROUND_FAULTS } from './faults/all.js';
import type { Fault } from './faults/fault.js';
import type { SimWorld } from './sim-world.js';

/** Names of faults (`faults/all.ts`) and how often one of them strikes. */
export interface Troubles {
  readonly faults: readonly string[];
  /** From one to the next, ms, on the average. */
  readonly everyMs: number;
}

/** Makes trouble at random until it is stopped. */
export class SimChaos {
  /** Counts the starts: what was planned before a stop does not happen after it. */
  private run = 0;
  private readonly faults: readonly Fault[];

  constructor(
    private readonly world: SimWorld,
    private readonly troubles: Troubles,
  ) {
    this.faults = troubles.faults.map((name) => {
      const fault = [FAULTS, ROUND_FAULTS, RING_CHANGES, RING_STEP_FAULTS, RACK_FAULTS]
        .map((faults) => faults.get(name))
        .find((one) => one !== undefined);
      if (fault === undefined) throw new Error(`there is no fault called ${name}`);
      return fault;
    });
  }

  start(): void {
    this.run++;
    if (this.faults.length > 0) this.next(this.run);
  }

  stop(): void {
    this.run++;
  }

  private next(run: number): void {
    const { world } = this;
    const { everyMs } = this.troubles;
    world.queue.after(world.random.between(0, 2 * everyMs), () => {
      if (this.run !== run) return;
      const fault = world.random.pick(this.faults);
      if (fault.strike(world)) world.struck.set(fault.name, (world.struck.get(fault.name) ?? 0) + 1);
      this.next(run);
    });
  }
}
