import { beforeEach, describe, expect, it } from 'vitest';
import { makeRecord, NEVER_WRITTEN, STRING, TOMBSTONE } from '../../../storage/record.js';
import type { RecordEntry } from '../../../storage/record-cache.js';
import { HybridClock, hlcFromMs } from '../hlc.js';
import { Operation } from '../operation.js';
import { highestHlc, supersede } from '../version.js';
import { Batch, type Task } from './batch.js';
import type { LeaderWorld } from './leader-world.js';
import { AcceptorBench, SLOT } from './register.test-support.js';
import { SerialNames } from './serial-names.js';

const NOW = Date.UTC(2026, 0, 1);
const MAX_DRIFT = 500;
const A = '{t}a';
const B = '{t}b';
const C = '{t}c';

/** Looks at its keys, and writes what `writes` says; undefined: nothing. */
class Step extends Operation {
  /** What it has found, each time it ran. */
  readonly found: (string | null)[][] = [];

  constructor(
    private readonly writes: (found: readonly (string | null)[]) => readonly (string | undefined)[],
  ) {
    super();
    this.isWrite = true;
  }

  run(): void {
    const found = this.places
      .slice(0, this.count)
      .map((_, i) => this.record(i)?.siblings[0]?.payload ?? null);
    this.found.push(found);
    this.writes(found).forEach((value, i) => {
      if (value !== undefined) write(i, value);
    });
  }

  finish(): void {}
}

let bench: AcceptorBench;
let world: LeaderWorld;
let batch: Batch;
let elapsed: number;
/** How those ended that were refused: null is no failure. */
let refused: (string | null)[];
let running: Operation;

function write(index: number, value: string): void {
  const record = running.record(index);
  const hlc = world.hlc.next(NOW, highestHlc(record));
  batch.write(
    index,
    supersede(record, world.names.of(0, running.places[index].key), hlc, STRING, value, 0, bench.writers),
  );
}

beforeEach(() => {
  bench = new AcceptorBench();
  elapsed = 100;
  refused = [];
  world = {
    store: bench.store,
    hlc: new HybridClock(0, () => MAX_DRIFT),
    names: new SerialNames(bench.serial, () => bench.otherSerial),
    now: () => NOW,
    elapsedMs: () => elapsed,
    runs: (_: Batch, operation: Operation) => {
      running = operation;
      operation.run();
    },
    end: (_: Task, failure: string | null) => void refused.push(failure),
  } as unknown as LeaderWorld;
});

function entriesOf(keys: readonly string[]): RecordEntry[] {
  return keys.map((key) => bench.loaded(key));
}

function task(operation: Operation, ...keys: string[]): Task {
  for (const key of keys) operation.addKey(0, SLOT, key);
  operation.deadline = 1000;
  return { operation, entries: entriesOf(keys), sinceMs: 0, readsOnly: false, confirmed: false };
}
const sets = (value: string, ...keys: string[]): Task => task(new Step(() => [value]), ...keys);
const reads = (...keys: string[]): Task => task(new Step(() => []), ...keys);
const found = ({ operation }: Task) => (operation as Step).found.at(-1);

function run(tasks: readonly Task[], unstable: readonly string[] = []): void {
  batch = new Batch(world, tasks);
  batch.run(new Set(entriesOf(unstable)));
}
/** What would be proposed: keys with their values. */
const proposed = () =>
  Object.fromEntries([...batch.written.values()].map(({ key, record }) => [key, record.siblings[0].payload]));

describe('operations of one round', () => {
  it('see what those before them have written, and what the leader holds', () => {
    bench.put(A, bench.record('1', 5));
    const tasks = [reads(A), sets('2', A), reads(A), task(new Step(([old]) => [`${old}3`]), A), reads(A)];
    run(tasks);
    expect(tasks.map(found)).toEqual([['1'], ['1'], ['2'], ['2'], ['23']]);
    expect(proposed()).toEqual({ [A]: '23' });
    expect(batch.waiting).toHaveLength(5);
  });

  it('change nothing that anybody else can see', () => {
    bench.put(A, bench.record('1', 5));
    run([sets('2', A), sets('x', B)]);
    expect([bench.value(A), bench.value(B)]).toEqual(['1', null]);
  });

  it('propose each key once, with the newest dot of this node in it', () => {
    run([sets('1', A), sets('2', A), sets('3', B)]);
    expect([...batch.written.values()].map(({ key }) => key)).toEqual([A, B]);
    for (const { record, writer, hlc } of batch.written.values()) {
      expect(writer).toBe(bench.serial);
      expect(record.context).toEqual([writer, hlc]);
    }
  });

  it('propose nothing when nothing was written', () => {
    const task = reads(A);
    run([task]);
    expect(batch.written.size).toBe(0);
    expect(batch.again).toEqual([task]);
  });
});

describe('what a writing operation has read', () => {
  it('is proposed as it is, with a dot of this node', () => {
    bench.put(A, bench.record('guard', 5, bench.otherSerial));
    run([task(new Step(([, guard]) => [`because ${guard}`]), B, A)]);
    expect(proposed()).toEqual({ [A]: 'guard', [B]: 'because guard' });
    const touched = batch.written.get(bench.loaded(A))!;
    expect(touched.record.siblings).toEqual(bench.loaded(A).record!.siblings);
    expect(touched.record.context).toContain(touched.hlc);
    expect(touched.writer).toBe(bench.serial);
    expect(touched.hlc).toBeGreaterThan(5);
  });

  it('is proposed as a tombstone when there was nothing', () => {
    run([sets('1', A, B)]);
    const [version] = batch.written.get(bench.loaded(B))!.record.siblings;
    expect([version.type, version.payload, version.writer]).toEqual([TOMBSTONE, NEVER_WRITTEN, bench.serial]);
  });

  it('is not proposed anew when the round writes it anyway', () => {
    run([sets('1', A), task(new Step(([, old]) => [`saw ${old}`]), B, A)]);
    expect(proposed()).toEqual({ [A]: '1', [B]: 'saw 1' });
    expect(batch.written.get(bench.loaded(A))!.record.siblings).toHaveLength(1);
  });

  it('may be written by one that comes later', () => {
    bench.put(A, bench.record('guard', 5, bench.otherSerial));
    run([sets('1', B, A), sets('2', A)]);
    expect(proposed()).toEqual({ [A]: '2', [B]: '1' });
  });
});

describe('an operation that wrote nothing', () => {
  it('goes with the round when all it has seen is proposed in it', () => {
    const idle = reads(A, B);
    run([sets('1', A), sets('2', B), idle]);
    expect(batch.waiting).toContain(idle);
    expect(batch.again).toEqual([]);
  });

  it('goes with the round as well when it has seen what is replaced in it', () => {
    bench.put(A, bench.record('old', 5));
    const idle = reads(A);
    run([idle, sets('new', A)]);
    expect(found(idle)).toEqual(['old']);
    expect(batch.waiting).toContain(idle);
  });

  it('runs again, as one that reads, when a majority has yet to confirm a part of what it has seen', () => {
    const idle = reads(A, B);
    run([sets('1', A), idle]);
    expect(batch.waiting).not.toContain(idle);
    expect(batch.again).toEqual([idle]);
    expect(idle.readsOnly).toBe(true);
  });

  it('is told when a majority has confirmed it, and nothing is proposed', () => {
    bench.put(A, bench.record('1', 5));
    const idle = { ...reads(A), confirmed: true };
    run([idle]);
    expect(batch.waiting).toEqual([idle]);
    expect(batch.written.size).toBe(0);
  });

  it('has it made equal on a majority first when replicas differ in it', () => {
    bench.put(A, bench.record('1', 5));
    const idle = { ...reads(A, B), confirmed: true };
    run([idle], [A, C]);
    expect(batch.waiting).toEqual([idle]);
    expect(proposed()).toEqual({ [A]: '1' });
  });

  it('leaves nothing behind for a key that is nowhere', () => {
    const idle = { ...reads(A), confirmed: true };
    run([idle], [A]);
    expect(batch.written.size).toBe(0);
  });
});

describe('what is not run', () => {
  it('is one that came too late, which is told so truly', () => {
    const write = sets('1', A);
    const read = reads(A);
    read.operation.isWrite = false;
    elapsed = 1000;
    run([write, read]);
    expect(refused).toEqual([
      'NOQUORUM its turn did not come in time; the write was not applied',
      'NOQUORUM its turn did not come in time; nothing was read',
    ]);
    expect([found(write), batch.written.size, batch.waiting, batch.again]).toEqual([undefined, 0, [], []]);
  });

  it('is one whose key has a version from a clock too far ahead', () => {
    bench.put(A, bench.record('1', hlcFromMs(NOW + MAX_DRIFT + 1)));
    bench.put(B, bench.record('1', hlcFromMs(NOW + MAX_DRIFT)));
    const ahead = sets('2', A);
    run([ahead, sets('2', B)]);
    expect(refused).toEqual([expect.stringContaining('further ahead of this node')]);
    expect(proposed()).toEqual({ [B]: '2' });
  });

  it('is one whose key has been written under more names than a record has room for', () => {
    const crowd: number[] = [];
    for (let i = 0; i < 1 << 15; i++)
      crowd.push(bench.writers.index(`${i.toString(16).padStart(16, '0')}\x80\0`), 1);
    bench.put(A, makeRecord(crowd, []));
    bench.put(B, makeRecord(crowd.slice(2), []));
    run([sets('2', A), sets('2', B)]);
    expect(refused).toEqual([expect.stringMatching(/under too many names; the write was not applied$/)]);
    expect(proposed()).toEqual({ [B]: '2' });
  });

  it('is what is behind about a megabyte: it comes in the next round', () => {
    const large = 'x'.repeat(300_000);
    const tasks = ['1', '2', '3', '4', '5', '6'].map((name) => sets(large, `{t}${name}`));
    run(tasks);
    expect(batch.waiting).toEqual(tasks.slice(0, 4));
    expect(batch.again).toEqual(tasks.slice(4));
    expect(found(tasks[4])).toBeUndefined();
    expect(batch.isTooLarge).toBe(false);
  });
});

describe('an operation that runs a second time', () => {
  it('finds what there is then', () => {
    const twice = task(new Step(([old]) => [`${old}+`]), A);
    run([twice]);
    bench.put(A, bench.record('other', 9, bench.otherSerial));
    run([twice]);
    expect((twice.operation as Step).found).toEqual([[null], ['other']]);
    expect(proposed()).toEqual({ [A]: 'other+' });
    expect(batch.written.get(bench.loaded(A))!.hlc).toBeGreaterThan(9);
  });
});
