/** Redis keeps as many samples of an event (`LATENCY_TS_LEN`). */
const MAX_SAMPLES = 160;

export interface LatencySample {
  /** Unix seconds. */
  readonly at: number;
  ms: number;
}

/** The latency monitor (https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/latency-monitor/). */
export class LatencyEvents {
  readonly events = new Map<string, { samples: LatencySample[]; max: number }>();

  constructor(private readonly nowMs: () => number) {}

  add(event: string, ms: number): void {
    const at = Math.floor(this.nowMs() / 1000);
    let known = this.events.get(event);
    if (known === undefined) {
      known = { samples: [], max: 0 };
      this.events.set(event, known);
    }
    known.max = Math.max(known.max, ms);
    const last = known.samples.at(-1);
    if (last?.at === at) {
      last.ms = Math.max(last.ms, ms);
      return;
    }
    known.samples.push({ at, ms });
    if (known.samples.length > MAX_SAMPLES) known.samples.shift();
  }

  /** Forgets the named events, or all of them. Returns how many there were. */
  reset(names: readonly string[]): number {
    const gone = names.length === 0 ? [...this.events.keys()] : names;
    return gone.filter((name) => this.events.delete(name)).length;
  }
}
