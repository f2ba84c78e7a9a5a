import type { Random } from '../../cluster/environment.js';

/** Reads a second of one key. */
export interface ReadRate {
  readonly db: number;
  readonly key: string;
  readonly perSecond: number;
}

/** One read in so many is looked at, by chance: what comes in rows, pipelines say, must not fall in step with it. */
export const SAMPLE_EVERY = 16;
/** Keys counted at once. */
export const COUNTERS = 512;
/** A newcomer takes the place of the least of so many, in turn: looking for the least of all would cost each read 0.2 µs. */
const LOOKED_AT = 8;
/** Reads count for about so long, ms. */
const WINDOW_MS = 5000;
/** Of a key that has just been met it is not known yet how often it is read. */
const MIN_AGE_MS = 1000;

class Counter {
  /** Samples of it, those of before with less weight. */
  weight = 0;
  /** So many of these may have been other keys': those of whom it took the place. */
  error = 0;

  constructor(
    readonly db: number,
    readonly key: string,
    /** By the clock of `tick`. */
    readonly sinceMs: number,
  ) {}
}

/**
 * How often keys are read: Space-Saving (Metwally, Agrawal, El Abbadi 2005) on a sample of the reads, with weights that fade. Memory
 * is `COUNTERS` keys, and a read costs 0.01 to 0.05 µs (`bench/micro/hot-keys.ts`). A rate told is what is certain of it, so a key among many
 * equals does not look hot.
 */
export class ReadCounts {
  /** Samples of all keys, fading as the others. */
  private total = 0;
  private readonly counters: Map<string, Counter>[] = [];
  private readonly all: Counter[] = [];
  private hand = 0;
  /** Reads until the next sample. */
  private gap: number;
  private nowMs = 0;
  private startedMs = -1;

  constructor(private readonly random: Random) {
    this.gap = this.nextGap();
  }

  read(db: number, key: string): void {
    if (--this.gap > 0) return;
    this.gap = this.nextGap();
    this.sample(db, key);
  }

  /** Several times a second. */
  tick(elapsedMs: number): void {
    if (this.startedMs < 0) this.startedMs = elapsedMs;
    const fading = Math.exp((this.nowMs - elapsedMs) / WINDOW_MS);
    this.nowMs = elapsedMs;
    this.total *= fading;
    for (let i = this.all.length - 1; i >= 0; i--) {
      const counter = this.all[i];
      counter.weight *= fading;
      counter.error *= fading;
      if (counter.weight < FORGOTTEN) this.forget(i);
    }
  }

  /** Reads a second of all keys. */
  get perSecond(): number {
    return this.rateOf(this.total, this.startedMs);
  }

  /** At least so many reads a second; 0 when it is not counted. */
  of(db: number, key: string): number {
    const counter = this.counters[db]?.get(key);
    return counter === undefined ? 0 : this.rateOf(counter.weight - counter.error, counter.sinceMs);
  }

  /** The most read ones, most first. */
  top(count: number): ReadRate[] {
    const rates: ReadRate[] = [];
    for (const { db, key, weight, error, sinceMs } of this.all)
      if (weight > error) rates.push({ db, key, perSecond: this.rateOf(weight - error, sinceMs) });
    return rates.sort((a, b) => b.perSecond - a.perSecond).slice(0, count);
  }

  private sample(db: number, key: string): void {
    this.total++;
    this.counters[db] ??= new Map();
    let counter = this.counters[db].get(key);
    if (counter === undefined) {
      counter = new Counter(db, key, this.nowMs);
      if (this.all.length >= COUNTERS) this.takePlaceOfLeast(counter);
      this.counters[db].set(key, counter);
      this.all.push(counter);
    }
    counter.weight++;
  }

  private takePlaceOfLeast(newcomer: Counter): void {
    const { all } = this;
    let least = this.hand;
    for (let i = 0; i < LOOKED_AT; i++) {
      this.hand = (this.hand + 1) % COUNTERS;
      if (all[this.hand].weight < all[least].weight) least = this.hand;
    }
    const { weight } = all[least];
    newcomer.weight = weight;
    newcomer.error = weight;
    this.forget(least);
  }

  private forget(place: number): void {
    const { db, key } = this.all[place];
    this.counters[db].delete(key);
    const last = this.all.pop()!;
    if (place < this.all.length) this.all[place] = last;
  }

  /** A steady rate has this weight after that time. */
  private rateOf(weight: number, sinceMs: number): number {
    const age = Math.max(MIN_AGE_MS, this.nowMs - sinceMs);
    const seconds = (WINDOW_MS / 1000) * (1 - Math.exp(-age / WINDOW_MS));
    return (weight * SAMPLE_EVERY) / seconds;
  }

  private nextGap(): number {
    return 1 + Math.floor(this.random.next() * (2 * SAMPLE_EVERY - 1));
  }
}

/** A weight that is as good as none. */
const FORGOTTEN = 0.05;
