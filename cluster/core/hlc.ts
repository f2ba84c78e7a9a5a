/**
 * A hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014) in one safe integer: milliseconds since 2020 times
 * 4096 plus a counter; safe until 2089.
 *
 * A dot (writer, reading) is never issued twice: within a process readings only rise; a clean stop leaves the last one
 * on disk for the next start; and after any other stop the node writes under a new incarnation, so even a clock set back
 * behind synced and forgotten writes alike cannot name one of them again.
 */
const EPOCH_MS = Date.UTC(2020, 0, 1);
const TICKS = 4096;

export function hlcFromMs(unixMs: number): number {
  return (unixMs - EPOCH_MS) * TICKS;
}

/** Unix ms of a reading, rounded down. */
export function hlcToMs(hlc: number): number {
  return Math.floor(hlc / TICKS) + EPOCH_MS;
}

export class HybridClock {
  /** `last`: the last reading of a clean stop, 0 on a new disk. */
  constructor(
    private last: number,
    private readonly maxDriftMs: () => number,
  ) {}

  get latest(): number {
    return this.last;
  }

  /** All readings from now on are above `reading`, one that this node's own disk remembers. */
  startAbove(reading: number): void {
    if (reading > this.last) this.last = reading;
  }

  /** A new reading, above every earlier one and above `floor`. */
  next(nowMs: number, floor: number): number {
    const physical = hlcFromMs(nowMs);
    let reading = this.last + 1;
    if (physical > reading) reading = physical;
    if (floor >= reading) reading = floor + 1;
    this.last = reading;
    return reading;
  }

  /**
   * Takes note of another node's reading. False, and nothing is taken, when it is further ahead of this node's clock than
   * the allowed drift: one broken clock must not drag the others along.
   */
  observe(reading: number, nowMs: number): boolean {
    if (reading <= this.last) return true;
    if (reading > hlcFromMs(nowMs + this.maxDriftMs())) return false;
    this.last = reading;
    return true;
  }

  /** The same for all readings of a record's context, which is of pairs `writer, reading`; false at the first that is too far ahead. */
  observeAll(context: readonly number[], nowMs: number): boolean {
    for (let i = 1; i < context.length; i += 2) if (!this.observe(context[i], nowMs)) return false;
    return true;
  }
}
