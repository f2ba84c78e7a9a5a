import { type KeyRecord, textOf } from '../../storage/record.js';
import { type WriterTable, writerId, writerName } from '../../storage/writers.js';

/** A record as the checker sees it: in names that mean the same on all nodes, fit for JSON. */
export interface Sight {
  /** By writer: everything of it up to this reading has been seen. */
  readonly context: Readonly<Record<string, number>>;
  readonly siblings: readonly {
    readonly writer: string;
    readonly hlc: number;
    readonly value: string | null;
  }[];
}

export function sightOf(record: KeyRecord | null, writers: WriterTable): Sight {
  const context: Record<string, number> = {};
  if (record === null) return { context, siblings: [] };
  for (let i = 0; i < record.context.length; i += 2)
    context[writerName(writers.id(record.context[i]))] = record.context[i + 1];
  const siblings = record.siblings.map((version) => ({
    writer: writerName(writers.id(version.writer)),
    hlc: version.hlc,
    value: textOf(version),
  }));
  return { context, siblings };
}

/** The context as a node holds it. */
export function contextOf({ context }: Sight, writers: WriterTable): readonly number[] {
  const entries = Object.entries(context).map(([name, hlc]) => {
    const [node, incarnation] = name.split('-');
    return [writers.index(writerId(node, Number(incarnation))), hlc];
  });
  return entries.sort(([a], [b]) => writers.compare(a, b)).flat();
}

/** Of somebody who has read nothing. */
export const NOTHING_SEEN: Sight = { context: {}, siblings: [] };

/** The version's name: no other has it. */
export function dotOf({ writer, hlc }: { readonly writer: string; readonly hlc: number }): string {
  return `${writer}@${hlc}`;
}

/** Orders names of writers as their bytes: the node, a dash, the incarnation. */
export function compareWriters(a: string, b: string): number {
  const [nodeA, incarnationA] = a.split('-');
  const [nodeB, incarnationB] = b.split('-');
  if (nodeA !== nodeB) return nodeA < nodeB ? -1 : 1;
  return Number(incarnationA) - Number(incarnationB);
}

/** Of a writer whose versions are made by rounds of registers: the top bit of the incarnation says so. */
export function isSerialName(writer: string): boolean {
  return Number(writer.split('-')[1]) >= 0x8000;
}

export function raise(floor: Map<string, number>, writer: string, hlc: number): void {
  if ((floor.get(writer) ?? 0) < hlc) floor.set(writer, hlc);
}

/**
 * What two replicas know together: the same as `merge` of `cluster/core/version.ts` says, worked out in another way. A version is
 * left if both have it, or if the one that lacks it has not seen it.
 */
export function join(a: Sight, b: Sight): Sight {
  const context: Record<string, number> = { ...a.context };
  for (const [writer, hlc] of Object.entries(b.context))
    context[writer] = Math.max(context[writer] ?? 0, hlc);
  const siblings = [...leftOf(a, b, true), ...leftOf(b, a, false)];
  return { context, siblings: siblings.sort((x, y) => y.hlc - x.hlc || compareWriters(x.writer, y.writer)) };
}

function leftOf(one: Sight, other: Sight, common: boolean): Sight['siblings'] {
  const others = new Set(other.siblings.map(dotOf));
  return one.siblings.filter((version) =>
    others.has(dotOf(version)) ? common : (other.context[version.writer] ?? 0) < version.hlc,
  );
}
