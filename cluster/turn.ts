import type { Clock } from './environment.js';

/**
 * The end of a turn of the event loop: everything that gathered in it leaves together, in one fixed order: the disk's
 * batch (whose records also go into the peers' frames), then one frame per peer, then one write per client.
 */
export class Turn {
  private readonly stages: (() => void)[] = [];
  private planned = false;

  constructor(private readonly clock: Clock) {}

  /** Stages run in the order they were added. */
  addStage(stage: () => void): void {
    this.stages.push(stage);
  }

  /** Something gathered: the stages run once at the end of this turn. */
  plan(): void {
    if (this.planned) return;
    this.planned = true;
    this.clock.defer(this.run);
  }

  private readonly run = (): void => {
    this.planned = false;
    for (const stage of this.stages) stage();
  };
}
