import { type KeyRecord, TOMBSTONE } from '../../storage/record.js';
import { type WriterTable, writerName } from '../../storage/writers.js';

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
  const siblings = record.siblings.map(({ writer, hlc, type, payload }) => ({
    writer: writerName(writers.id(writer)),
    hlc,
    value: type === TOMBSTONE ? null : payload,
  }));
  return { context, siblings };
}

/** The version's name: no other has it. */
export function dotOf({ writer, hlc }: { readonly writer: string; readonly hlc: number }): string {
  return `${writer}@${hlc}`;
}

export function raise(floor: Map<string, number>, writer: string, hlc: number): void {
  if ((floor.get(writer) ?? 0) < hlc) floor.set(writer, hlc);
}
