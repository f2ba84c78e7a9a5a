import type { WriterTable } from '../../../storage/writers.js';
import { seenOf } from '../version.js';

/** In the first byte of a writer's incarnation: its versions are made by rounds of registers. */
const MARK = 0x80;
/** Where the incarnation stands in a writer's id. */
const INCARNATION_AT = 16;

/** The name under which the node of this writer makes serial versions. */
export function serialTwin(id: string): string {
  const first = String.fromCharCode(id.charCodeAt(INCARNATION_AT) | MARK);
  return id.slice(0, INCARNATION_AT) + first + id.slice(INCARNATION_AT + 1);
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

/**
 * The name for this node's serial versions. A version claims to have seen all earlier ones of its writer, so all that were made under one
 * name must have been chosen: when a unit turns out to be an orphan, its name has been used for the last time.
 */
export class SerialName {
  private present: number;

  constructor(
    first: number,
    /** A serial writer nobody has ever been. */
    private readonly fresh: () => number,
  ) {
    this.present = first;
  }

  get writer(): number {
    return this.present;
  }

  /** A version under this name was not chosen, or is not known to have been kept. */
  orphaned(writer: number): void {
    if (writer === this.present) this.present = this.fresh();
  }
}
