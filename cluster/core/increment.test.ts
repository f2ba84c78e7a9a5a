import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type KeyRecord, STRING, TOMBSTONE, visible } from '../../storage/record.js';
import { standing } from '../../storage/visible.js';
import { WriterTable, writerId } from '../../storage/writers.js';
import { hlcFromMs } from './hlc.js';
import { type Content, incremented, unchanged } from './increment.js';
import { digestA, highestHlc, merge, sameRecord, supersede } from './version.js';

const REPLICAS = 3;
const BEGIN = Date.UTC(2026, 0, 1);

type Step =
  | { readonly kind: 'add'; readonly replica: number; readonly amount: number; readonly ahead: number }
  | { readonly kind: 'set'; readonly replica: number; readonly value: number; readonly ahead: number }
  | { readonly kind: 'delete'; readonly replica: number; readonly ahead: number }
  /** A new expiry, far away or none. */
  | { readonly kind: 'keep'; readonly replica: number; readonly ahead: number; readonly forMs: number }
  | { readonly kind: 'receive'; readonly replica: number; readonly from: number }
  /** An unclean stop: back to what was on disk, under a new name. */
  | { readonly kind: 'crash'; readonly replica: number }
  | { readonly kind: 'wait'; readonly ms: number };

/** What was done under a dot. */
interface Deed {
  readonly dot: string;
  /** The reading and the writer of the newest SET or DEL it knew of: what it counts from. */
  readonly base: readonly [hlc: number, writer: string];
  readonly amount: number;
}

/** A record that some replica held, and, as its deliberately dumb twin, everything that was ever done as far as it knows. */
interface Moment {
  readonly record: KeyRecord;
  readonly deeds: ReadonlyMap<string, Deed>;
}

const replica = fc.nat(REPLICAS - 1);
const ahead = fc.nat(1);
const add = fc.record({ kind: fc.constant('add' as const), replica, amount: fc.integer(), ahead });
const receive = fc.record({ kind: fc.constant('receive' as const), replica, from: fc.nat() });
const crash = fc.record({ kind: fc.constant('crash' as const), replica });
const set = fc.record({ kind: fc.constant('set' as const), replica, value: fc.integer(), ahead });
const gone = fc.record({ kind: fc.constant('delete' as const), replica, ahead });
const wait = fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(30) });
const keep = (longest: number) =>
  fc.record({ kind: fc.constant('keep' as const), replica, ahead, forMs: fc.nat(longest) });

const histories = (...kinds: fc.Arbitrary<Step>[]): fc.Arbitrary<Step[]> =>
  fc.array(fc.oneof(add, add, receive, receive, crash, ...kinds), {
    minLength: 1,
    maxLength: 40,
    size: 'max',
  });

class Play {
  readonly writers = new WriterTable();
  readonly moments: Moment[] = [];
  now = BEGIN;
  private readonly held: (Moment | null)[] = Array(REPLICAS).fill(null);
  private readonly onDisk: (Moment | null)[] = Array(REPLICAS).fill(null);
  private readonly lives: number[] = Array(REPLICAS).fill(0);

  constructor(script: readonly Step[]) {
    for (const step of script) this.take(step);
  }

  shown({ record }: Moment): string | undefined {
    return visible(record, this.now, this.writers)?.payload;
  }

  private take(step: Step): void {
    if (step.kind === 'wait') {
      this.now += step.ms;
      return;
    }
    const { replica } = step;
    if (step.kind === 'crash') {
      this.held[replica] = this.onDisk[replica];
      this.lives[replica]++;
      return;
    }
    const own = this.held[replica];
    if (step.kind === 'receive') {
      if (this.moments.length === 0) return;
      this.keep(replica, received(own, this.moments[step.from % this.moments.length], this.writers));
      this.onDisk[replica] = this.held[replica];
      return;
    }
    const writer = this.writers.index(writerId(String(replica).repeat(32), this.lives[replica]));
    const record = own?.record ?? null;
    // Often the same reading on two replicas.
    const hlc = Math.max(highestHlc(record), hlcFromMs(this.now)) + 1 + step.ahead;
    const content = this.contentOf(step, record, writer, hlc);
    if (content === undefined) return;
    const { type, payload, expireAt } = content;
    const next = supersede(record, writer, hlc, type, payload, expireAt, this.writers);
    const name: readonly [number, string] = [hlc, this.writers.id(writer)];
    const deeds = new Map(own?.deeds);
    const isBase = step.kind === 'set' || step.kind === 'delete';
    const amount = step.kind === 'add' ? step.amount : step.kind === 'set' ? step.value : 0;
    deeds.set(name.join(), { dot: name.join(), base: isBase ? name : newestBase(deeds), amount });
    this.keep(replica, { record: next, deeds });
  }

  private contentOf(step: Step, record: KeyRecord | null, writer: number, hlc: number): Content | undefined {
    if (step.kind === 'add') return incremented(record, this.now, writer, hlc, step.amount, this.writers);
    if (step.kind === 'set') return { type: STRING, payload: String(step.value), expireAt: 0 };
    if (step.kind === 'delete') return { type: TOMBSTONE, payload: '', expireAt: 0 };
    if (step.kind !== 'keep' || visible(record, this.now, this.writers) === undefined) return undefined;
    const expireAt = step.forMs === 0 ? 0 : this.now + step.forMs;
    return { ...unchanged(record!, this.now, this.writers), expireAt };
  }

  private keep(replica: number, moment: Moment): void {
    this.held[replica] = moment;
    this.moments.push(moment);
  }
}

function received(own: Moment | null, other: Moment, writers: WriterTable): Moment {
  if (own === null) return other;
  return {
    record: merge(own.record, other.record, writers),
    deeds: new Map([...own.deeds, ...other.deeds]),
  };
}

function newestBase(deeds: ReadonlyMap<string, Deed>): readonly [number, string] {
  let newest: readonly [number, string] = [0, ''];
  for (const { base } of deeds.values())
    if (base[0] > newest[0] || (base[0] === newest[0] && base[1] < newest[1])) newest = base;
  return newest;
}

/** Everything that was counted from the newest base; undefined where nothing is but a deletion. */
function expected({ deeds }: Moment, script: ReadonlySet<string>): string | undefined {
  const base = newestBase(deeds).join();
  const counted = [...deeds.values()].filter((deed) => deed.base.join() === base);
  if (counted.every(({ dot }) => script.has(dot))) return undefined;
  return String(counted.reduce((sum, { amount }) => sum + amount, 0));
}

/** The dots of deletions. */
function deletions({ moments, writers }: Play): Set<string> {
  const dots = new Set<string>();
  for (const { record } of moments)
    for (const { type, hlc, writer } of record.siblings)
      if (type === TOMBSTONE) dots.add([hlc, writers.id(writer)].join());
  return dots;
}

const FAR_MS = 0;

describe('a key that is only counted', () => {
  it('shows on each replica every increment it has received, once', () => {
    fc.assert(
      fc.property(histories(keep(FAR_MS)), (script) => {
        const play = new Play(script);
        for (const moment of play.moments) {
          const sum = [...moment.deeds.values()].reduce((total, { amount }) => total + amount, 0);
          expect(play.shown(moment)).toBe(String(sum));
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a key that is counted, set and deleted', () => {
  it('shows the newest SET that is known, and every increment counted from it, once', () => {
    fc.assert(
      fc.property(histories(set, gone, keep(FAR_MS)), (script) => {
        const play = new Play(script);
        const dots = deletions(play);
        for (const moment of play.moments) expect(play.shown(moment)).toBe(expected(moment, dots));
      }),
      { numRuns: 2000 },
    );
  });

  it('merges to the same in whatever order, and tells its records apart by their dots', () => {
    fc.assert(
      fc.property(histories(set, gone, wait, keep(40)), fc.nat(), fc.nat(), fc.nat(), (script, x, y, z) => {
        const { moments, writers, now } = new Play(script);
        if (moments.length === 0) return;
        const [a, b, c] = [x, y, z].map((at) => moments[at % moments.length].record);
        const left = merge(merge(a, b, writers), c, writers);
        const right = merge(a, merge(c, b, writers), writers);
        expect(left).toEqual(right);
        expect(merge(left, a, writers)).toEqual(left);
        expect(visible(left, now, writers)).toEqual(visible(right, now, writers));
        if (sameRecord(a, b)) expect(a.siblings).toEqual(b.siblings);
        else expect(digestA(a, writers)).not.toBe(digestA(b, writers));
      }),
    );
  });
});

describe('a key that is counted and expires', () => {
  /** What the sweeper makes of it, at any time on any replica. */
  const swept = ({ context, siblings }: KeyRecord, now: number): KeyRecord => ({
    context,
    siblings: siblings.map((version) =>
      version.expireAt !== 0 && version.expireAt <= now
        ? { ...version, type: TOMBSTONE, payload: '' }
        : version,
    ),
  });

  it('is the same to readers and writers, swept or not', () => {
    fc.assert(
      fc.property(histories(set, gone, wait, keep(40)), (script) => {
        const { moments, writers, now } = new Play(script);
        const writer = writers.index(writerId('f'.repeat(32), 0));
        for (const { record } of moments) {
          const after = swept(record, now);
          expect(visible(after, now, writers)).toEqual(visible(record, now, writers));
          const hlc = Math.max(highestHlc(record), hlcFromMs(now)) + 1;
          const add = (to: KeyRecord) => incremented(to, now, writer, hlc, 1, writers);
          expect(add(after)).toEqual(add(record));
          const there = standing(after, writers);
          expect(there !== undefined && there.type !== TOMBSTONE).toBe(
            visible(record, now, writers) !== undefined,
          );
        }
      }),
      { numRuns: 1000 },
    );
  });

  const writers = new WriterTable();
  const [w, x] = ['a', 'b'].map((digit) => writers.index(writerId(digit.repeat(32), 0)));
  const addAt = (record: KeyRecord | null, writer: number, now: number, amount = 1): KeyRecord => {
    const hlc = Math.max(highestHlc(record) + 1, hlcFromMs(now));
    const { type, payload, expireAt } = incremented(record, now, writer, hlc, amount, writers);
    return supersede(record, writer, hlc, type, payload, expireAt, writers);
  };
  const keepAt = (record: KeyRecord, writer: number, now: number, expireAt: number): KeyRecord => {
    const { type, payload } = unchanged(record, now, writers);
    return supersede(record, writer, highestHlc(record) + 1, type, payload, expireAt, writers);
  };
  const shown = (record: KeyRecord, now: number) => visible(record, now, writers);

  it('counts from nothing on both sides of a partition, and all of it', () => {
    const start = keepAt(addAt(null, w, BEGIN, 10), w, BEGIN, BEGIN + 100);
    const left = addAt(addAt(start, w, BEGIN + 50), w, BEGIN + 150, 2);
    const right = addAt(
      addAt(swept(addAt(start, x, BEGIN + 60), BEGIN + 140), x, BEGIN + 140),
      x,
      BEGIN + 160,
    );
    expect(shown(merge(left, right, writers), BEGIN + 200)).toMatchObject({ payload: '4', expireAt: 0 });
  });

  it('keeps an expiry that an increment elsewhere did not know of', () => {
    const start = addAt(null, w, BEGIN, 10);
    const both = merge(keepAt(start, w, BEGIN, BEGIN + 100), addAt(start, x, BEGIN + 50), writers);
    expect(shown(both, BEGIN + 99)).toMatchObject({ payload: '11', expireAt: BEGIN + 100 });
    expect(standing(both, writers)?.expireAt).toBe(BEGIN + 100);
    expect(shown(both, BEGIN + 100)).toBeUndefined();
  });

  it('counts on from a string of digits whose expiry was changed meanwhile', () => {
    const start = supersede(null, w, hlcFromMs(BEGIN), STRING, '5', 0, writers);
    const both = merge(keepAt(start, w, BEGIN, BEGIN + 100), addAt(start, x, BEGIN + 50), writers);
    expect(shown(both, BEGIN + 60)?.payload).toBe('6');
  });

  it('is not older than a SET that follows, though the clock was set back between looking and writing', () => {
    const start = keepAt(addAt(null, w, BEGIN), w, BEGIN, BEGIN + 100);
    const hlc = highestHlc(start) + 1;
    const { type, payload } = incremented(start, BEGIN + 100, w, hlc, 1, writers);
    const again = supersede(start, w, hlc, type, payload, 0, writers);
    const later = supersede(again, x, hlc + 1, STRING, 'set', 0, writers);
    expect(shown(merge(addAt(again, w, BEGIN), later, writers), BEGIN)?.payload).toBe('set');
  });
});
