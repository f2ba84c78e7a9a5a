/** Numbers below `count`, the one moved to the front last first: what a walk from there would meet, in its order. */
export class FrontList {
  private readonly next: Uint16Array;
  private readonly previous: Uint16Array;

  constructor(private readonly count: number) {
    // The number `count` is both ends.
    this.next = Uint16Array.from({ length: count + 1 }, (_, one) => (one === count ? 0 : one + 1));
    this.previous = Uint16Array.from({ length: count + 1 }, (_, one) => (one === 0 ? count : one - 1));
  }

  get first(): number {
    return this.next[this.count];
  }

  /** `count` after the last. */
  after(one: number): number {
    return this.next[one];
  }

  toFront(one: number): void {
    const { next, previous, count } = this;
    if (next[count] === one) return;
    next[previous[one]] = next[one];
    previous[next[one]] = previous[one];
    next[one] = next[count];
    previous[one] = count;
    previous[next[count]] = one;
    next[count] = one;
  }
}
