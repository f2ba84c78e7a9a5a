import type { Clock } from './environment.js';

/** What leaves at the end of a turn, in this order: each stage feeds the ones behind it. */
const STAGES = ['commands', 'disk', 'peers', 'clients'] as const;
export type Stage = (typeof STAGES)[number];

/**
 * The end of a turn of the event loop: everything that gathered in it leaves together, in one fixed order: commands that may
 * start now, the disk's batch (whose records also go into the peers' frames), one frame per peer, one write per client.
 */
export class Turn {
  private readonly stages: Readonly<Record<Stage, (() => void)[]>> = {
    commands: [],
    disk: [],
    peers: [],
    clients: [],
  };
  private planned = false;

  constructor(private readonly clock: Clock) {}

  addStage(stage: Stage, run: () => void): void {
    this.stages[stage].push(run);
  }

  /** Something gathered: the stages run once at the end of this turn. */
  plan(): void {
    if (this.planned) return;
    this.planned = true;
    this.clock.defer(this.run);
  }

  private readonly run = (): void => {
    // What gathers behind its own stage plans the next turn.
    this.planned = false;
    for (const stage of STAGES) for (const run of this.stages[stage]) run();
  };
}
