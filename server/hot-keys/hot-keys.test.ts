import { describe, expect, it } from 'vitest';
import { HotKeys, type HotReport } from './hot-keys.js';

/** Looked at are 16 reads of 16, so that what is counted is exact. */
const NO_CHANCE = { next: () => 0.5 };

function node(answers: readonly (string | null)[] = []): HotKeys {
  return new HotKeys(NO_CHANCE, {
    peers: () => answers.map((_, i) => i + 1),
    ask: (peer, done) => done(answers[peer - 1]),
  });
}

/** A second of reads. */
function read(hot: HotKeys, rates: Readonly<Record<string, number>>): HotKeys {
  hot.tick(1000);
  for (const [key, rate] of Object.entries(rates)) for (let i = 0; i < rate; i++) hot.counts.read(0, key);
  hot.tick(2000);
  return hot;
}

function report(hot: HotKeys, count = 10): HotReport {
  let found: HotReport | undefined;
  hot.report(count, (one) => {
    found = one;
  });
  return found!;
}

const namesOf = ({ keys }: HotReport): string[] => keys.map(({ key }) => key);

describe('hot keys', () => {
  it('are those read often, and a large part of all', () => {
    const few = read(node(), { a: 3200, b: 1600, c: 32 });
    expect(namesOf(report(few))).toEqual(['a', 'b']);
    expect(namesOf(report(few, 1))).toEqual(['a']);
    expect([few.isHot(0, 'a'), few.isHot(0, 'c'), few.isHot(1, 'a'), few.size]).toEqual([
      true,
      false,
      false,
      2,
    ]);
    const rates: Record<string, number> = { a: 480 };
    for (let i = 0; i < 300; i++) rates[`key:${i}`] = 320;
    expect(namesOf(report(read(node(), rates)))).toEqual([]);
  });

  it('are no longer hot when nobody reads them', () => {
    const hot = read(node(), { a: 3200 });
    hot.tick(60_000);
    expect(hot.isHot(0, 'a')).toBe(false);
  });

  it('of all nodes are those that all of them read together', () => {
    const other = read(node(), { a: 1600, b: 48 });
    const third = read(node(), { b: 48 });
    const all = report(read(node([other.tell(), third.tell()]), { a: 1600, b: 16 }));
    expect(namesOf(all)).toEqual(['a', 'b']);
    expect([all.nodes, all.members]).toEqual([3, 3]);
    expect(all.keys[0].perSecond / report(other).keys[0].perSecond).toBeCloseTo(2, 1);
  });

  it('are shown without nodes that do not answer, and that is said', () => {
    const all = report(read(node([null, 'garbage', '[1,[0]]', '{}']), { a: 1600 }));
    expect([all.nodes, all.members]).toEqual([1, 5]);
    expect(namesOf(all)).toEqual(['a']);
  });
});
