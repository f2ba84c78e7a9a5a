import { describe, expect, it } from 'vitest';
import { StreamPace } from './stream-pace.js';

const TICK_MS = 50;
const SECONDS = 1000 / TICK_MS;

/** A node whose ticks are as late as the test says, and that does so much for clients. */
class Bench {
  throttle = 1 << 30;
  share = 25;
  lateMs = 0;
  perSecond = 0;
  private served = 0;
  private elapsedMs = 0;
  readonly pace = new StreamPace({
    tickMs: TICK_MS,
    throttle: () => this.throttle,
    share: () => this.share,
    served: () => this.served,
  });

  /** So many seconds in which everything is streamed that may be; records a second. */
  streams(seconds: number, bytes = 100): number {
    let records = 0;
    const until = this.elapsedMs + seconds * 1000;
    while (this.elapsedMs < until) {
      const tookMs = TICK_MS + this.lateMs;
      this.elapsedMs += tookMs;
      this.served += (this.perSecond * tookMs) / 1000;
      this.pace.tick(0, this.elapsedMs);
      for (; records < 1e6 && this.pace.open(this.elapsedMs); records++) this.pace.take(bytes, 1);
    }
    return records / seconds;
  }
}

describe('the pace of slots that move', () => {
  it('is bounded by the throttle alone while the node keeps up, however much it does for clients', () => {
    const bench = new Bench();
    bench.perSecond = 50_000;
    bench.throttle = 200_000;
    expect(bench.streams(10)).toBeCloseTo(2000, -2);
    expect(bench.pace.bound).toBeUndefined();
  });

  it('falls to its share of all that is done when the node cannot keep up, and not below', () => {
    const bench = new Bench();
    Object.assign(bench, { perSecond: 3000, lateMs: 10 });
    bench.streams(10);
    expect(bench.streams(10) / 1000).toBeCloseTo(1, 1);
    bench.share = 50;
    bench.streams(5);
    expect(bench.streams(10) / 3000).toBeCloseTo(1, 1);
    bench.perSecond = 20;
    bench.streams(10);
    expect(bench.streams(10) / 200).toBeCloseTo(1, 1);
  });

  it('comes back when the node keeps up again', () => {
    const bench = new Bench();
    Object.assign(bench, { perSecond: 3000, lateMs: 10 });
    bench.streams(10);
    bench.lateMs = 0;
    bench.streams(10);
    expect(bench.pace.bound).toBeUndefined();
  });

  it('keeps nobody waiting where there are no clients, or where they are to wait', () => {
    const bench = new Bench();
    bench.lateMs = 30;
    bench.streams(10);
    expect(bench.pace.bound).toBeUndefined();
    Object.assign(bench, { perSecond: 3000, share: 100 });
    bench.streams(10);
    expect(bench.pace.bound).toBeUndefined();
  });

  it('is not held up by one late tick', () => {
    const bench = new Bench();
    bench.perSecond = 3000;
    bench.streams(1);
    bench.lateMs = 5000;
    bench.streams(1 / SECONDS);
    bench.lateMs = 0;
    bench.streams(1);
    expect(bench.pace.bound).toBeUndefined();
  });
});
