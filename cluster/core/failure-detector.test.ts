import { beforeEach, describe, expect, it } from 'vitest';
import { SimRandom } from '../sim/sim-random.js';
import { FailureDetector } from './failure-detector.js';

const TICK_MS = 50;
const HEARTBEAT_MS = 200;
const PEER = 1;
const OTHERS = [2, 3, 4];

/** A node with four peers that beat, unless they are silenced. */
class Bench {
  readonly said: string[] = [];
  readonly down = new Set<number>();
  readonly silenced = new Set<number>();
  readonly detector: FailureDetector;
  /** Of the questions about a peer, in order. */
  readonly numbers: number[] = [];
  private readonly signs = new Map<number, number>();
  private ticks = 0;

  constructor(peers = 5) {
    this.detector = new FailureDetector(
      { tickMs: TICK_MS, heartbeatMs: HEARTBEAT_MS, threshold: () => 8, random: new SimRandom(1) },
      {
        signs: (peer) => this.signs.get(peer) ?? 0,
        usable: (peer, is) => this.said.push(`${peer} ${is ? 'up' : 'lost'}`),
        hearing: (peer) => this.said.push(`tell ${peer}`),
        probe: (peer) => this.said.push(`probe ${peer}`),
        askFor: (helper, target, number) => {
          this.said.push(`ask ${helper} for ${target}`);
          this.numbers.push(number);
        },
        down: (peer) => {
          this.down.add(peer);
          this.said.push(`${peer} down`);
        },
        isDown: (peer) => this.down.has(peer),
      },
    );
    for (let peer = 1; peer < peers; peer++) {
      this.detector.watch(peer);
      this.detector.linkUp(peer);
    }
    this.run(5000);
    this.said.length = 0;
  }

  run(ms: number): this {
    for (let i = 0; i < ms / TICK_MS; i++) this.tick();
    return this;
  }

  /** ms until it is said; fails when it is not within a minute. */
  until(what: string): number {
    for (let waited = 0; waited < 60_000; waited += TICK_MS) {
      if (this.said.includes(what)) return waited;
      this.tick();
    }
    throw new Error(`never: ${what}; only ${this.said.join(', ')}`);
  }

  /** All open questions get this answer. */
  answer(heard: boolean): void {
    for (const number of this.numbers.splice(0)) this.detector.answered(number, heard);
  }

  private tick(): void {
    if (++this.ticks % (HEARTBEAT_MS / TICK_MS) === 0) {
      for (const peer of [PEER, ...OTHERS])
        if (!this.silenced.has(peer)) this.signs.set(peer, (this.signs.get(peer) ?? 0) + 1);
    }
    this.detector.tick();
  }
}

describe('a peer', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });

  it('that is heard is used, and nobody is asked about it', () => {
    expect(bench.run(60_000).said).toEqual([]);
    expect(bench.detector.usablePeers()).toEqual([PEER, ...OTHERS]);
  });

  it('that falls silent is not used after about a second, though connected, and is told', () => {
    bench.silenced.add(PEER);
    const waited = bench.until(`${PEER} lost`);
    expect(waited).toBeGreaterThan(750);
    expect(waited).toBeLessThan(1150);
    expect(bench.said).toContain(`tell ${PEER}`);
    expect(bench.detector.missesSigns(PEER)).toBe(true);
    expect(bench.detector.unusablePeers()).toEqual([PEER]);
  });

  it('that falls silent is asked after, itself and by three others, before it is suspected', () => {
    bench.silenced.add(PEER);
    bench.until(`${PEER} lost`);
    const asked = bench.said.slice(0, bench.said.indexOf(`${PEER} lost`)).sort();
    expect(asked).toEqual([
      ...OTHERS.map((helper) => `ask ${helper} for ${PEER}`),
      `probe ${PEER}`,
      `tell ${PEER}`,
    ]);
  });

  it('is held down when those who were asked do not hear it either, and asked after no more', () => {
    bench.silenced.add(PEER);
    bench.until(`ask ${OTHERS[0]} for ${PEER}`);
    bench.answer(false);
    expect(bench.until(`${PEER} down`)).toBeLessThan(1000);
    bench.said.length = 0;
    expect(bench.run(20_000).said).toEqual([]);
  });

  it('is not held down, only not used, as long as anybody hears it: our wire is cut', () => {
    bench.silenced.add(PEER);
    bench.until(`${PEER} lost`);
    for (let i = 0; i < 600; i++) {
      // Two have lost it as well, the third brings its answer.
      const numbers = bench.numbers.splice(0);
      for (const heard of [false, false, true])
        for (const number of numbers) bench.detector.answered(number, heard);
      bench.run(100);
    }
    expect(bench.down.size).toBe(0);
    expect(bench.detector.isUsable(PEER)).toBe(false);
  });

  it('is not held down by us when nobody answers: perhaps we are cut off', () => {
    for (const peer of [PEER, ...OTHERS]) bench.silenced.add(peer);
    bench.until(`${PEER} lost`);
    bench.run(5000);
    expect(bench.down.size).toBe(0);
    expect(bench.detector.usablePeers()).toEqual([]);
  });

  it('is held down in the end when there is nobody to ask', () => {
    const two = new Bench(2);
    two.silenced.add(PEER);
    two.until(`${PEER} lost`);
    expect(two.until(`${PEER} down`)).toBeGreaterThan(9000);
  });

  it('is used again after two signs of life', () => {
    bench.silenced.add(PEER);
    bench.until(`${PEER} lost`);
    bench.run(3000);
    bench.said.length = 0;
    bench.silenced.delete(PEER);
    expect(bench.until(`${PEER} up`)).toBeLessThanOrEqual(2 * HEARTBEAT_MS);
    expect(bench.said).toContain(`tell ${PEER}`);
    expect(bench.detector.missesSigns(PEER)).toBe(false);
  });

  it('whose connection is lost is not used at once', () => {
    bench.detector.linkDown(PEER);
    expect(bench.said[0]).toBe(`${PEER} lost`);
    bench.answer(false);
    expect(bench.until(`${PEER} down`)).toBeLessThan(1000);
    bench.detector.linkUp(PEER);
    expect(bench.detector.isUsable(PEER)).toBe(true);
  });

  it('that does not hear us is not used, though we hear it, and is not dead', () => {
    bench.detector.heardBy(PEER, false);
    expect(bench.said).toEqual([`${PEER} lost`]);
    bench.run(30_000);
    expect(bench.said).toEqual([`${PEER} lost`]);
    expect(bench.detector.vouchesFor(PEER)).toBe(true);
    bench.detector.heardBy(PEER, true);
    expect(bench.detector.isUsable(PEER)).toBe(true);
  });

  it('that does not hear us and connects anew has shown that it does', () => {
    bench.detector.heardBy(PEER, false);
    bench.detector.linkDown(PEER);
    bench.detector.linkUp(PEER);
    expect(bench.detector.isUsable(PEER)).toBe(true);
  });

  it('is not vouched for as soon as its silence is odd', () => {
    expect(bench.detector.vouchesFor(PEER)).toBe(true);
    bench.silenced.add(PEER);
    bench.run(700);
    expect(bench.detector.isUsable(PEER)).toBe(true);
    expect(bench.detector.vouchesFor(PEER)).toBe(false);
  });

  it('gets no answer counted that was given to an older question', () => {
    bench.silenced.add(PEER);
    bench.until(`${PEER} lost`);
    const old = bench.numbers.splice(0);
    bench.run(1500);
    for (const number of old) bench.detector.answered(number, false);
    bench.run(300);
    expect(bench.down.size).toBe(0);
  });
});

describe('a peer that is no member', () => {
  const STRANGER = 9;
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });

  it('is never used, nor asked after', () => {
    bench.detector.linkDown(STRANGER);
    expect(bench.run(20_000).said).toEqual([]);
    expect(bench.detector.usablePeers()).toEqual([PEER, ...OTHERS]);
    expect(bench.detector.unusablePeers()).toEqual([]);
  });

  it('and becomes one is used when its link is noted, and until it is met is given time', () => {
    bench.detector.watch(STRANGER);
    expect(bench.run(2500).said).toEqual([]);
    expect(bench.detector.unusablePeers()).toEqual([STRANGER]);
    bench.detector.linkUp(STRANGER);
    expect(bench.said).toEqual([`${STRANGER} up`]);
  });

  it('and becomes one but never shows is asked after in the end', () => {
    bench.detector.watch(STRANGER);
    expect(bench.until(`ask ${PEER} for ${STRANGER}`)).toBeGreaterThanOrEqual(2950);
    bench.answer(false);
    expect(bench.until(`${STRANGER} down`)).toBeLessThan(1000);
  });
});

describe('a member that leaves', () => {
  it('is not asked after any more, and the others are neither lost nor suspected', () => {
    const bench = new Bench();
    bench.detector.unwatch(PEER);
    bench.silenced.add(PEER);
    expect(bench.run(20_000).said).toEqual([]);
    bench.detector.linkDown(PEER);
    expect(bench.run(20_000).said).toEqual([]);
    expect(bench.detector.usablePeers()).toEqual(OTHERS);
    expect(bench.detector.phiOf(PEER)).toBe(0);
  });

  it('is forgotten with the question about it, whatever is answered later', () => {
    const bench = new Bench();
    bench.silenced.add(PEER);
    bench.until(`${PEER} lost`);
    bench.detector.unwatch(PEER);
    bench.answer(false);
    bench.run(20_000);
    expect(bench.down.size).toBe(0);
  });

  it('and comes again is met as a new one', () => {
    const bench = new Bench();
    bench.detector.unwatch(PEER);
    bench.detector.linkDown(PEER);
    bench.detector.watch(PEER);
    bench.detector.linkUp(PEER);
    expect(bench.said).toEqual([`${PEER} up`]);
    expect(bench.detector.isUsable(PEER)).toBe(true);
  });
});
