import { type KeyRecord, STRING, TOMBSTONE } from '../../storage/record.js';
import { WriterTable, writerId } from '../../storage/writers.js';
import { highestHlc, merge, supersede, supersedeSeen } from './version.js';

/**
 * The deliberately dumb twin of a record: every dot it has seen, and those of them that are alive. No clocks, no order, no
 * compression of "all of that writer up to here".
 */
export interface Twin {
  readonly seen: ReadonlySet<string>;
  readonly live: ReadonlySet<string>;
}

/** A record that some replica held at some moment, and what it should amount to. */
export interface Moment {
  readonly record: KeyRecord;
  readonly twin: Twin;
}

export interface History {
  readonly writers: WriterTable;
  readonly moments: readonly Moment[];
}

export const REPLICAS = 3;

export type Step =
  | { readonly kind: 'write'; readonly replica: number; readonly ahead: number; readonly dead: boolean }
  | { readonly kind: 'receive'; readonly replica: number; readonly from: number }
  /** A client that has read the record of any moment writes, or with `dead` deletes, what it has seen there, through the replica. */
  | {
      readonly kind: 'put';
      readonly replica: number;
      readonly from: number;
      readonly ahead: number;
      readonly dead: boolean;
    }
  /** An unclean stop: back to what was on disk, under a new incarnation, with the clock set back. */
  | { readonly kind: 'crash'; readonly replica: number };

/** Plays the steps on records and twins alike; a `receive` takes any record that ever was, late and repeated ones too. */
export function play(script: readonly Step[]): History {
  const writers = new WriterTable();
  const moments: Moment[] = [];
  const held: (Moment | null)[] = Array(REPLICAS).fill(null);
  const onDisk: (Moment | null)[] = Array(REPLICAS).fill(null);
  const incarnations: number[] = Array(REPLICAS).fill(0);
  for (const step of script) {
    const own = held[step.replica];
    if (step.kind === 'crash') {
      held[step.replica] = onDisk[step.replica];
      incarnations[step.replica]++;
      continue;
    }
    let next: Moment;
    const id = writerId(String(step.replica).repeat(32), incarnations[step.replica]);
    if (step.kind === 'write') {
      next = write(own, writers.index(id), step.ahead, step.dead, writers);
    } else if (step.kind === 'put') {
      const seen = moments.length === 0 ? NOTHING : moments[step.from % moments.length];
      next = put(own ?? NOTHING, seen, writers.index(id), step.ahead, step.dead, writers);
    } else {
      if (moments.length === 0) continue;
      const other = moments[step.from % moments.length];
      next = own === null ? other : receive(own, other, writers);
      onDisk[step.replica] = next;
    }
    held[step.replica] = next;
    moments.push(next);
  }
  return { writers, moments };
}

function write(
  own: Moment | null,
  writer: number,
  ahead: number,
  dead: boolean,
  writers: WriterTable,
): Moment {
  const hlc = highestHlc(own?.record ?? null) + 1 + ahead;
  const dot = `${writers.id(writer)}@${hlc}`;
  const record = dead
    ? supersede(own?.record ?? null, writer, hlc, TOMBSTONE, '', 0, writers)
    : supersede(own?.record ?? null, writer, hlc, STRING, dot, hlc % 2 === 0 ? 0 : hlc, writers);
  return { record, twin: { seen: new Set([...(own?.twin.seen ?? []), dot]), live: new Set([dot]) } };
}

const NOTHING: Moment = {
  record: { context: [], siblings: [] },
  twin: { seen: new Set(), live: new Set() },
};

/** By who has read `seen`, on a replica that has `own`. */
export function put(
  own: Moment,
  seen: Moment,
  writer: number,
  ahead: number,
  dead: boolean,
  writers: WriterTable,
): Moment {
  const hlc = Math.max(highestHlc(own.record), highestHlc(seen.record)) + 1 + ahead;
  const dot = `${writers.id(writer)}@${hlc}`;
  const { context } = seen.record;
  const rest = [...own.twin.live].filter((one) => !seen.twin.seen.has(one));
  return {
    record: dead
      ? supersedeSeen(own.record, context, writer, hlc, TOMBSTONE, '', 0, writers)
      : supersedeSeen(own.record, context, writer, hlc, STRING, dot, 0, writers),
    twin: {
      seen: new Set([...own.twin.seen, ...seen.twin.seen, dot]),
      live: new Set(dead && rest.length > 0 ? rest : [...rest, dot]),
    },
  };
}

export function receive(own: Moment, other: Moment, writers: WriterTable): Moment {
  return { record: merge(own.record, other.record, writers), twin: mergeTwins(own.twin, other.twin) };
}

/** Alive in both, or alive in one and never seen by the other. */
export function mergeTwins(a: Twin, b: Twin): Twin {
  const live = new Set<string>();
  for (const dot of a.live) if (b.live.has(dot) || !b.seen.has(dot)) live.add(dot);
  for (const dot of b.live) if (a.live.has(dot) || !a.seen.has(dot)) live.add(dot);
  return { seen: new Set([...a.seen, ...b.seen]), live };
}

/** The twin of a record, among the dots that were ever issued. */
export function twinOf(record: KeyRecord, issued: Iterable<string>, writers: WriterTable): Twin {
  const upTo = new Map<string, number>();
  for (let i = 0; i < record.context.length; i += 2)
    upTo.set(writers.id(record.context[i]), record.context[i + 1]);
  const seen = new Set<string>();
  for (const dot of issued) {
    const at = dot.lastIndexOf('@');
    if (Number(dot.slice(at + 1)) <= (upTo.get(dot.slice(0, at)) ?? 0)) seen.add(dot);
  }
  return { seen, live: new Set(record.siblings.map((v) => `${writers.id(v.writer)}@${v.hlc}`)) };
}
