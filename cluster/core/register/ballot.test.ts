import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameReader } from '../../transport/frame-reader.js';
import { FrameWriter } from '../../transport/frame-writer.js';
import {
  type Ballot,
  compareBallots,
  NO_BALLOT,
  nextBallot,
  proposerName,
  readBallot,
  writeBallot,
} from './ballot.js';

const nodeId = (digit: string): string => digit.repeat(32);
const ballot: fc.Arbitrary<Ballot> = fc.record({
  round: fc.oneof(fc.nat(3), fc.nat(2 ** 52 - 1)),
  proposer: fc
    .tuple(fc.constantFrom('a', 'b', 'f'), fc.constantFrom(0, 1, 255, 256, 0xffffffff))
    .map(([digit, life]) => proposerName(nodeId(digit), life)),
});

function written(one: Ballot): Buffer {
  const out = new FrameWriter(1000);
  out.begin();
  writeBallot(out, one);
  out.end();
  return out.take().subarray(4);
}

const read = (bytes: Buffer): Ballot | undefined =>
  readBallot(new FrameReader().reset(bytes, 0, bytes.length));

describe('ballots', () => {
  it('have one order, in which two are equal only when they are the same', () => {
    fc.assert(
      fc.property(ballot, ballot, ballot, (a, b, c) => {
        expect(Math.sign(compareBallots(a, b)) + Math.sign(compareBallots(b, a))).toBe(0);
        expect(compareBallots(a, b) === 0).toBe(a.round === b.round && a.proposer === b.proposer);
        if (compareBallots(a, b) <= 0 && compareBallots(b, c) <= 0)
          expect(compareBallots(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it('are ordered by their rounds before their proposers', () => {
    const low = { round: 2, proposer: proposerName(nodeId('f'), 9) };
    const high = { round: 3, proposer: proposerName(nodeId('a'), 1) };
    expect(compareBallots(low, high)).toBeLessThan(0);
    expect(compareBallots({ ...low, round: 3 }, high)).toBeGreaterThan(0);
  });

  it('are all above that of nobody', () => {
    fc.assert(
      fc.property(ballot, (one) => {
        expect(compareBallots(NO_BALLOT, one)).toBeLessThan(0);
      }),
    );
  });

  it('are followed by one of the same proposer, above all others of their round', () => {
    fc.assert(
      fc.property(ballot, ballot, (one, other) => {
        const next = nextBallot(one);
        expect(next.proposer).toBe(one.proposer);
        expect(compareBallots(one, next)).toBeLessThan(0);
        expect(compareBallots({ ...other, round: one.round }, next)).toBeLessThan(0);
      }),
    );
  });
});

describe('the name of a proposer', () => {
  it('is another in each life of each node', () => {
    const lives = [0, 1, 2, 255, 256, 65535, 65536, 0xffffffff];
    const names = ['a', 'b'].flatMap((digit) => lives.map((life) => proposerName(nodeId(digit), life)));
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toHaveLength(20);
  });

  it('puts later lives of a node above earlier ones', () => {
    const of = (life: number): Ballot => ({ round: 1, proposer: proposerName(nodeId('a'), life) });
    expect(compareBallots(of(255), of(256))).toBeLessThan(0);
    expect(compareBallots(of(65535), of(65536))).toBeLessThan(0);
  });
});

describe('a ballot in a message', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(ballot, (one) => {
        expect(read(written(one))).toEqual(one);
      }),
    );
    expect(read(written(NO_BALLOT))).toEqual(NO_BALLOT);
  });

  it('is none when it was cut off', () => {
    const whole = written({ round: 7, proposer: proposerName(nodeId('a'), 1) });
    for (let length = 0; length < whole.length; length++)
      expect(read(whole.subarray(0, length))).toBeUndefined();
  });

  it('is none when its round is no number that rounds can have', () => {
    for (const round of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])
      expect(read(written({ round, proposer: 'x' }))).toBeUndefined();
  });
});
