/** Dice that fall the same way for the same seed (mulberry32), so that a failure can be played again. */
export class Random {
  constructor(private state: number) {}

  /** 0 <= n < below. */
  int(below: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  }

  between(low: number, high: number): number {
    return low + this.int(high - low + 1);
  }

  chance(percent: number): boolean {
    return this.int(100) < percent;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.int(from.length)];
  }

  /** Between `low` and `high` times whatever `make` gives. */
  list<T>(low: number, high: number, make: () => T): T[] {
    return Array.from({ length: this.between(low, high) }, make);
  }

  /** Each of these, or not. */
  some<T>(percent: number, from: readonly T[]): T[] {
    return from.filter(() => this.chance(percent));
  }
}
