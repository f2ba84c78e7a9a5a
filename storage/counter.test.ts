import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addShare,
  type Counter,
  countable,
  counterText,
  decodeCounter,
  encodeCounter,
  FROM_NOTHING,
  joinCounters,
  textOfCounter,
} from './counter.js';
import { writerId } from './writers.js';

const WRITERS = ['a', 'b', 'c', 'd'].map((digit) => writerId(digit.repeat(32), 7));
const NOTHING: Counter = { value: 0, base: FROM_NOTHING, shares: [] };
const MAX = 2n ** 63n - 1n;
const MIN = -(2n ** 63n);

const amount = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.bigInt({ min: MIN, max: MAX }));
interface Change {
  readonly writer: string;
  readonly amount: number | bigint;
}
const change: fc.Arbitrary<Change> = fc.record({ writer: fc.constantFrom(...WRITERS), amount });
const changes = fc.array(change, { maxLength: 12 });

function counted(all: readonly Change[], start = NOTHING): Counter {
  return all.reduce(
    (counter, { writer, amount }, i) => addShare(counter, writer, i + 1, normal(amount)),
    start,
  );
}

/** As the program has them: a bigint only where a number would not do. */
function normal(n: number | bigint): number | bigint {
  return typeof n === 'bigint' && Number.isSafeInteger(Number(n)) ? Number(n) : n;
}

const sum = (all: readonly Change[]): bigint => all.reduce((total, { amount }) => total + BigInt(amount), 0n);

describe('a counter', () => {
  it('is the sum of all that was added, and of what each writer added', () => {
    fc.assert(
      fc.property(changes, (all) => {
        const counter = counted(all);
        expect(BigInt(counter.value)).toBe(sum(all));
        for (const { writer, total } of counter.shares)
          expect(BigInt(total)).toBe(sum(all.filter((one) => one.writer === writer)));
        expect(counter.shares.map(({ writer }) => writer)).toEqual(
          [...new Set(all.map(({ writer }) => writer))].sort(),
        );
      }),
    );
  });

  it('comes back as it was from what is stored, whose text is at its front', () => {
    fc.assert(
      fc.property(changes, fc.nat(), fc.nat(1), (all, hlc, expiredAt) => {
        const counter = counted(all, {
          ...NOTHING,
          base: hlc === 0 ? FROM_NOTHING : { hlc, writer: WRITERS[0], expiredAt },
        });
        expect(decodeCounter(encodeCounter(counter))).toEqual(counter);
        expect(counterText(encodeCounter(counter))).toBe(textOfCounter(counter));
      }),
    );
  });

  it('shows no more than 64 bits, and knows the rest', () => {
    const over = counted([
      { writer: WRITERS[0], amount: MAX },
      { writer: WRITERS[1], amount: 2 },
    ]);
    expect(textOfCounter(over)).toBe(String(MAX));
    expect(textOfCounter(addShare(over, WRITERS[0], 9, -3))).toBe(String(MAX - 1n));
    const under = counted([
      { writer: WRITERS[0], amount: MIN },
      { writer: WRITERS[1], amount: -1 },
    ]);
    expect(counterText(encodeCounter(under))).toBe(String(MIN));
  });

  it('is frozen: what is on disk today must be read for ever', () => {
    const writer = writerId('000102030405060708090a0b0c0d0e0f', 258);
    const dot = '40b0010000000000' + '000102030405060708090a0b0c0d0e0f0102';
    const hexOf = (counter: Counter) => Buffer.from(encodeCounter(counter), 'latin1').toString('hex');
    const base = { hlc: 4097, writer, expiredAt: 0 };
    expect(hexOf(NOTHING)).toBe('013000');
    expect(hexOf({ value: 40, base, shares: [] })).toBe(`02343001${dot}`);
    const after = { value: 0, base: { ...base, expiredAt: 1 }, shares: [] };
    expect(hexOf(addShare(after, writer, 4097, -2))).toBe(`022d3202${dot}3ff0000000000000${dot}022d32`);
  });
});

describe('two states of a counter together', () => {
  /** What the writers did, in the order they did it; a state knows some first steps of each. */
  const states = fc
    .tuple(changes, fc.array(fc.array(fc.nat(12), { minLength: 4, maxLength: 4 }), { minLength: 3 }))
    .map(([all, cuts]) => ({
      all,
      states: cuts.map((cut) => {
        const known = all.filter(
          (one, i) =>
            all.slice(0, i).filter(({ writer }) => writer === one.writer).length <
            cut[WRITERS.indexOf(one.writer)],
        );
        const counter = known.reduce(
          (so, one) => addShare(so, one.writer, all.indexOf(one) + 1, normal(one.amount)),
          NOTHING,
        );
        return { known: new Set(known), counter };
      }),
    }));

  it('are every step that either knows, once', () => {
    fc.assert(
      fc.property(states, ({ states: [a, b] }) => {
        const together = joinCounters(a.counter, b.counter);
        expect(BigInt(together.value)).toBe(sum([...new Set([...a.known, ...b.known])]));
      }),
    );
  });

  it('are the same in whatever order, however often', () => {
    fc.assert(
      fc.property(states, ({ states: [{ counter: a }, { counter: b }, { counter: c }] }) => {
        expect(joinCounters(a, a)).toEqual(a);
        expect(joinCounters(a, b)).toEqual(joinCounters(b, a));
        expect(joinCounters(joinCounters(a, b), c)).toEqual(joinCounters(a, joinCounters(b, c)));
        expect(joinCounters(joinCounters(a, b), b)).toEqual(joinCounters(a, b));
      }),
    );
  });
});

it.each([
  ['0', 0],
  ['-17', -17],
  ['9007199254740993', 9007199254740993n],
  ['9223372036854775807', MAX],
  ['-9223372036854775808', MIN],
  ['9223372036854775808', undefined],
  ['-9223372036854775809', undefined],
  ['-0', undefined],
  ['007', undefined],
  ['+1', undefined],
  ['1 ', undefined],
  ['1.5', undefined],
  ['', undefined],
])('increments start from %s as from %s', (text, expected) => {
  expect(countable(text)).toBe(expected);
});
