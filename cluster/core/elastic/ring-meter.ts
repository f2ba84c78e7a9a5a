import type { MemberView } from '../member-view.js';
import type { Topology } from '../topology.js';
import { changeText, type PhaseProgress, progressOf } from './ring-progress.js';
import type { Phase } from './ring-state.js';

/** The rate is that of the last so many ms, */
const WINDOW_MS = 10_000;
/** once so much of them is known. */
const ENOUGH_MS = 2000;
const MAX_SAMPLES = 64;

/** A change of the ring as operators see it. */
export interface RingFigures extends PhaseProgress {
  readonly epoch: number;
  readonly phase: Phase;
  /** In words; empty: no change is under way. */
  readonly change: string;
  /** Lately. */
  readonly bytesPerSecond: number;
  /** Until this phase is over, if it goes on as lately; null: nobody can say. */
  readonly secondsLeft: number | null;
  /** Names of the members that the next phase waits for. */
  readonly waitingFor: readonly string[];
}

interface Sample {
  readonly elapsedMs: number;
  readonly left: number;
  readonly bytes: number;
}

/** Measures how fast a change of the ring gets on. Bytes are of the whole change, slots of its present phase. */
export class RingMeter {
  private epoch = 0;
  private samples: Sample[] = [];
  /** Of the phases before this one. */
  private bytesBefore = 0;
  private bytesNow = 0;

  /** To be called about once a second. */
  sample(elapsedMs: number, topology: Topology, views: readonly MemberView[]): void {
    const { ring } = topology;
    if (ring.epoch !== this.epoch) {
      this.bytesBefore = ring.phase === 'stable' ? 0 : this.bytesBefore + this.bytesNow;
      this.bytesNow = 0;
      this.samples = [];
      this.epoch = ring.epoch;
    }
    if (ring.phase === 'stable') return;
    const { left, bytes } = progressOf(topology, views);
    this.bytesNow = Math.max(this.bytesNow, bytes);
    this.samples.push({ elapsedMs, left, bytes: this.bytesNow });
    while (this.samples.length > MAX_SAMPLES || elapsedMs - this.samples[0].elapsedMs > WINDOW_MS)
      this.samples.shift();
  }

  /** `holding`: the members that the phase waits for (`ring-driver.ts`). */
  figures(topology: Topology, views: readonly MemberView[], holding: readonly number[]): RingFigures {
    const { ring } = topology;
    const progress = progressOf(topology, views);
    const { epoch, phase } = ring;
    const waitingFor = holding.map((member) => topology.members[member].name).sort();
    const isSampled = epoch === this.epoch && this.samples.length > 0;
    const bytes = isSampled ? this.bytesBefore + Math.max(this.bytesNow, progress.bytes) : progress.bytes;
    return {
      ...progress,
      bytes,
      epoch,
      phase,
      change: changeText(ring),
      waitingFor,
      ...this.rates(isSampled, progress.left),
    };
  }

  private rates(isSampled: boolean, left: number): Pick<RingFigures, 'bytesPerSecond' | 'secondsLeft'> {
    const [first] = this.samples;
    const last = this.samples.at(-1);
    if (!isSampled || last === undefined || last.elapsedMs - first.elapsedMs < ENOUGH_MS)
      return { bytesPerSecond: 0, secondsLeft: null };
    const seconds = (last.elapsedMs - first.elapsedMs) / 1000;
    const slotsPerSecond = (first.left - last.left) / seconds;
    return {
      bytesPerSecond: Math.round((last.bytes - first.bytes) / seconds),
      secondsLeft: slotsPerSecond > 0 ? Math.ceil(left / slotsPerSecond) : null,
    };
  }
}
