import { type WriterTable, writerId } from '../../../storage/writers.js';
import { seenOf } from '../version.js';
import type { UnitKey } from './unit.js';

/** In the first byte of a writer's incarnation: its versions are made by rounds of registers. */
const MARK = 0x80;
/** Where the incarnation stands in a writer's id. */
const INCARNATION_AT = 16;

/** The name under which the node of this writer makes serial versions. */
export function serialTwin(id: string): string {
  const first = String.fromCharCode(id.charCodeAt(INCARNATION_AT) | MARK);
  return id.slice(0, INCARNATION_AT) + first + id.slice(INCARNATION_AT + 1);
}

/** The common name of a node (32 hex digits) in one of its lives; after 32,768 of them they begin anew. */
export function serialWriterId(nodeId: string, life: number): string {
  return serialTwin(writerId(nodeId, life & 0x7fff));
}

export function isSerial(writers: WriterTable, writer: number): boolean {
  return (writers.id(writer).charCodeAt(INCARNATION_AT) & MARK) !== 0;
}

/** Whether `context` knows of a serial version that `seen` does not. */
export function knowsMoreSerial(
  context: readonly number[],
  seen: readonly number[],
  writers: WriterTable,
): boolean {
  for (let i = 0; i < context.length; i += 2)
    if (isSerial(writers, context[i]) && context[i + 1] > seenOf(seen, context[i])) return true;
  return false;
}

/** Single keys that have names of their own at most: beyond it all get a new common one. */
const MAX_OWN_NAMES = 10_000;

/**
 * The names for this node's serial versions. A version claims to have seen all earlier ones of its writer, so all that were made of a key under
 * one name must have been chosen: when a unit turns out to be an orphan, its names have been used for the last time for its keys. Others go
 * on under the common name: each that a key was ever written under stays in its context.
 *
 * The common name is one of this start of the node: what was an orphan before it is not known any more.
 */
export class SerialNames {
  private readonly own = new Map<string, number>();

  constructor(
    private common: number,
    /** A serial writer nobody has ever been. */
    private readonly fresh: () => number,
  ) {}

  of(db: number, key: string): number {
    if (this.own.size === 0) return this.common;
    return this.own.get(`${db} ${key}`) ?? this.common;
  }

  /** These versions were not chosen, or are not known to have been kept. */
  orphaned(versions: readonly Pick<UnitKey, 'db' | 'key' | 'writer'>[]): void {
    for (const { db, key, writer } of versions) {
      if (this.of(db, key) !== writer) continue;
      if (this.own.size >= MAX_OWN_NAMES) {
        this.own.clear();
        this.common = this.fresh();
      } else this.own.set(`${db} ${key}`, this.fresh());
    }
  }
}
