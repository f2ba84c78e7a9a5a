import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type KeyRecord, makeRecord, STRING } from '../../storage/record.js';
import { WriterTable, writerId } from '../../storage/writers.js';
import {
  contextDominates,
  digestA,
  digestB,
  highestHlc,
  merge,
  sameRecord,
  supersede,
  supersedeSeen,
} from './version.js';
import {
  type History,
  mergeTwins,
  play,
  put,
  REPLICAS,
  receive,
  type Step,
  twinOf,
} from './version.test-support.js';

const replica = fc.nat(REPLICAS - 1);

/** What may happen to one key on its replicas. */
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('write' as const),
        replica,
        ahead: fc.nat(3),
        dead: fc.boolean(),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('receive' as const), replica, from: fc.nat() }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('put' as const),
        replica,
        from: fc.nat(),
        ahead: fc.nat(3),
        dead: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const), replica }) },
  ),
  { minLength: 1, maxLength: 40, size: 'max' },
);

/** Holds `promise` against every history and any three moments of it. */
function always(
  promise: (history: History, a: number, b: number, c: number) => void,
  options: { runs: number } = { runs: 500 },
): void {
  fc.assert(
    fc.property(steps, fc.nat(), fc.nat(), fc.nat(), (script, a, b, c) => {
      const history = play(script);
      const n = history.moments.length;
      if (n > 0) promise(history, a % n, b % n, c % n);
    }),
    { numRuns: options.runs },
  );
}

const issued = ({ moments }: History) => new Set(moments.flatMap(({ twin }) => [...twin.seen]));

describe('a record against its twin, a set of dots seen and a set of dots alive', () => {
  it('holds and has seen the same dots, whatever was written, received or lost before', () => {
    always((history) => {
      const dots = issued(history);
      for (const { record, twin } of history.moments)
        expect(twinOf(record, dots, history.writers)).toEqual(twin);
    });
  });

  it('merges to the same dots, for any two records that ever were', () => {
    always((history, a, b) => {
      const { moments, writers } = history;
      const merged = merge(moments[a].record, moments[b].record, writers);
      expect(twinOf(merged, issued(history), writers)).toEqual(mergeTwins(moments[a].twin, moments[b].twin));
    });
  });

  it('keeps the newest version first, and the context in the order of the writers, on every way to it', () => {
    always(({ moments, writers }) => {
      for (const { siblings, context } of moments.map(({ record }) => record)) {
        for (let i = 1; i < siblings.length; i++) {
          const [x, y] = [siblings[i - 1], siblings[i]];
          expect(x.hlc > y.hlc || (x.hlc === y.hlc && writers.compare(x.writer, y.writer) < 0)).toBe(true);
        }
        for (let i = 2; i < context.length; i += 2)
          expect(writers.compare(context[i - 2], context[i])).toBe(-1);
      }
    });
  });
});

describe('merge', () => {
  it('is idempotent', () => {
    always(({ moments, writers }, a) => {
      const { record } = moments[a];
      const copy = makeRecord(
        [...record.context],
        record.siblings.map((v) => ({ ...v })),
      );
      expect(merge(record, record, writers)).toEqual(record);
      expect(merge(record, copy, writers)).toEqual(record);
    });
  });

  it('is commutative', () => {
    always(({ moments, writers }, a, b) => {
      const [x, y] = [moments[a].record, moments[b].record];
      expect(merge(x, y, writers)).toEqual(merge(y, x, writers));
    });
  });

  it('is associative', () => {
    always(({ moments, writers }, a, b, c) => {
      const [x, y, z] = [moments[a].record, moments[b].record, moments[c].record];
      expect(merge(merge(x, y, writers), z, writers)).toEqual(merge(x, merge(y, z, writers), writers));
    });
  });

  it('brings replicas that have received all from each other to the same record, in whatever order', () => {
    fc.assert(
      fc.property(
        steps.chain((script) => {
          const order = fc.shuffledSubarray(
            play(script).moments.map((_, i) => i),
            { minLength: play(script).moments.length },
          );
          return fc.tuple(fc.constant(script), order, order);
        }),
        ([script, one, other]) => {
          const { moments, writers } = play(script);
          const all = (order: number[]) =>
            order.map((i) => moments[i]).reduce((x, y) => receive(x, y, writers));
          if (moments.length > 0) expect(all(one).record).toEqual(all(other).record);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('a write', () => {
  it('supersedes what it saw and nothing else', () => {
    always((history, a, b) => {
      const { moments, writers } = history;
      const [own, other] = [moments[a], moments[b]];
      const writer = writers.index(writerId('f'.repeat(32), 0));
      const hlc = highestHlc(own.record) + 1;
      const dot = `${writers.id(writer)}@${hlc}`;
      const written = supersede(own.record, writer, hlc, STRING, 'new', 0, writers);
      expect(written.siblings.map((version) => version.payload)).toEqual(['new']);

      const unseen = [...other.twin.live].filter((one) => !own.twin.seen.has(one));
      const met = merge(other.record, written, writers);
      expect(twinOf(met, issued(history), writers).live).toEqual(new Set([...unseen, dot]));
    });
  });

  it('of who has read supersedes what was read and nothing else, wherever it is written', () => {
    always((history, a, b, c) => {
      const { moments, writers } = history;
      const [own, read, other] = [moments[a], moments[b], moments[c]];
      const writer = writers.index(writerId('f'.repeat(32), 0));
      const written = put(own, read, writer, 0, false, writers);
      const unread = [...own.twin.live].filter((dot) => !read.twin.seen.has(dot));
      const [newest, ...rest] = written.record.siblings;
      expect(newest.writer).toBe(writer);
      expect(new Set(rest.map((version) => `${writers.id(version.writer)}@${version.hlc}`))).toEqual(
        new Set(unread),
      );

      const met = merge(other.record, written.record, writers);
      const dots = new Set([...issued(history), ...written.twin.live]);
      expect(twinOf(met, dots, writers)).toEqual(mergeTwins(other.twin, written.twin));
    });
  });

  it('of who has read nothing supersedes nothing', () => {
    always(({ moments, writers }, a) => {
      const { record } = moments[a];
      const writer = writers.index(writerId('f'.repeat(32), 0));
      const written = supersedeSeen(record, [], writer, highestHlc(record) + 1, STRING, 'x', 0, writers);
      expect(written.siblings.slice(1)).toEqual(record.siblings);
    });
  });

  it('on a key without a record holds its own version only', () => {
    const writers = new WriterTable();
    const w = writers.index(writerId('a'.repeat(32), 1));
    expect(supersede(null, w, 7, STRING, 'x', 5, writers)).toEqual(
      makeRecord([w, 7], [{ writer: w, hlc: 7, type: STRING, expireAt: 5, payload: 'x' }]),
    );
  });
});

describe('digests', () => {
  it('are equal exactly when the records are', () => {
    always(({ moments, writers }) => {
      const names = new Map<string, string>();
      for (const { record, twin } of moments) {
        const digest = `${digestA(record, writers)} ${digestB(record, writers)}`;
        const truth = JSON.stringify([[...twin.seen].sort(), [...twin.live].sort()]);
        expect(names.get(digest) ?? truth).toBe(truth);
        names.set(digest, truth);
      }
      expect(names.size).toBe(new Set(names.values()).size);
    });
  });

  it('do not depend on how a node numbers the writers', () => {
    always(({ moments, writers }) => {
      const others = new WriterTable();
      const last = moments.reduce(
        (m, { record }) => Math.max(m, ...record.context.filter((_, i) => i % 2 === 0)),
        0,
      );
      for (let i = last; i >= 0; i--) others.index(writers.id(i));
      const renumber = (writer: number) => others.index(writers.id(writer));
      for (const { record } of moments) {
        const same: KeyRecord = {
          context: record.context.map((x, i) => (i % 2 === 0 ? renumber(x) : x)),
          siblings: record.siblings.map((v) => ({ ...v, writer: renumber(v.writer) })),
        };
        expect(digestA(same, others)).toBe(digestA(record, writers));
        expect(digestB(same, others)).toBe(digestB(record, writers));
      }
    });
  });

  it('tell apart clocks that differ in one bit, low or high', () => {
    const writers = new WriterTable();
    const w = writers.index(writerId('a'.repeat(32), 0));
    const digests = new Set<number>();
    for (let bit = 0; bit < 53; bit++)
      digests.add(digestA(supersede(null, w, 2 ** bit, STRING, '', 0, writers), writers));
    expect(digests.size).toBe(53);
    expect(digests.has(digestA(null, writers))).toBe(false);
  });
});

describe('sameRecord and contextDominates', () => {
  it('say what the twins say', () => {
    always(({ moments, writers }, a, b) => {
      const [x, y] = [moments[a], moments[b]];
      const subset = (p: ReadonlySet<string>, q: ReadonlySet<string>) => [...p].every((one) => q.has(one));
      const equal = (p: ReadonlySet<string>, q: ReadonlySet<string>) => subset(p, q) && subset(q, p);
      expect(sameRecord(x.record, y.record)).toBe(
        equal(x.twin.seen, y.twin.seen) && equal(x.twin.live, y.twin.live),
      );
      expect(contextDominates(x.record.context, y.record.context)).toBe(subset(y.twin.seen, x.twin.seen));
      expect(sameRecord(x.record, merge(x.record, y.record, writers))).toBe(
        equal(mergeTwins(x.twin, y.twin).live, x.twin.live) && subset(y.twin.seen, x.twin.seen),
      );
    });
  });
});
