import type { KeyRecord } from '../../storage/record.js';
import { seenOf } from './version.js';

/**
 * The names under which this node makes versions (numbers of the writer table).
 *
 * A version claims to have seen all earlier ones of its writer. A home replica may say so: it keeps what it made. A stand-in hands
 * its copy over and forgets it; were it to stand in once more under the same name, its next version would cover the first unseen
 * (riak_kv#679 in another dress). So a stand-in has a name of its own, and takes a new one when it has forgotten anything it
 * made under the old.
 */
export class OwnWriters {
  private standIn: number | undefined;
  /** Versions were made under the present name, in this life or an earlier one. */
  private isHomeUsed = true;

  constructor(
    private home: number,
    /** A writer nobody has ever been. */
    private readonly fresh: () => number,
  ) {}

  /** The name for a new version of a key. */
  name(isHome: boolean): number {
    if (isHome) {
      this.isHomeUsed = true;
      return this.home;
    }
    this.standIn ??= this.fresh();
    return this.standIn;
  }

  /**
   * The disk has lost nobody knows what: versions made from now on claim to have seen none of those made before. False: none were
   * made since it was last said, and the names stay as they are.
   */
  lostSome(): boolean {
    if (!this.isHomeUsed && this.standIn === undefined) return false;
    this.home = this.fresh();
    this.isHomeUsed = false;
    this.standIn = undefined;
    return true;
  }

  /** Whether the record knows of a version that this node has made under a name it still uses. */
  madeAnyOf(record: KeyRecord): boolean {
    if (seenOf(record.context, this.home) > 0) return true;
    return this.standIn !== undefined && seenOf(record.context, this.standIn) > 0;
  }

  /** The record is not on this node any more, which is no home replica of its key; null: it was damaged, nobody knows what it was. */
  forgot(record: KeyRecord | null): void {
    if (this.standIn === undefined) return;
    if (record === null || seenOf(record.context, this.standIn) > 0) this.standIn = undefined;
  }
}
