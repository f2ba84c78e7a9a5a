import { type KeyRecord, makeRecord } from '../../storage/record.js';

/**
 * FLUSHALL without a tombstone per key: for each database a reading of the hybrid clock; every version up to it is void. Marks
 * only rise, so taking the higher of two is the whole merge, and a node that was away learns of a flush by them.
 */
export class FlushMarks {
  private readonly marks: number[];

  constructor(databases: number, saved?: readonly number[]) {
    this.marks = Array.from({ length: databases }, (_, db) => saved?.[db] ?? 0);
  }

  /** The databases whose mark has risen. */
  raise(marks: readonly number[]): number[] {
    const raised: number[] = [];
    for (let db = 0; db < this.marks.length; db++) {
      if (!(marks[db] > this.marks[db])) continue;
      this.marks[db] = marks[db];
      raised.push(db);
    }
    return raised;
  }

  get all(): readonly number[] {
    return this.marks;
  }

  /** Without the versions that were flushed; null when none is left. */
  admit(db: number, record: KeyRecord): KeyRecord | null {
    const mark = this.marks[db];
    if (mark === 0 || record.siblings.every((version) => version.hlc > mark)) return record;
    const siblings = record.siblings.filter((version) => version.hlc > mark);
    return siblings.length === 0 ? null : makeRecord(record.context, siblings);
  }
}
