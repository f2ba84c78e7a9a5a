import type { RingView } from '../../server/operator/ring-view.js';
import { progressLine } from '../../server/operator/tables.js';
import type { Load } from './load.js';

const SAY_EVERY_MS = 5000;

/** Says now and then how far a change of the ring is. */
export class Progress {
  bytes = 0;
  private saidMs = 0;

  constructor(private readonly load: Load) {}

  saw(view: RingView): void {
    this.bytes = Math.max(this.bytes, view.bytes);
    if (performance.now() < this.saidMs + SAY_EVERY_MS) return;
    this.saidMs = performance.now();
    process.stdout.write(`${progressLine(view)}, ${this.load.failures} commands failed\n`);
  }
}
