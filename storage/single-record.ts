import type { KeyRecord, Version } from './record.js';
import type { VersionType } from './version-type.js';

/**
 * The record that nearly every key has: one version, by the only writer the key ever had. It is its own only sibling: one object in
 * the heap, and one place in memory to look at, instead of the record, two arrays and what they are made of, and the version.
 */
export class SingleRecord implements KeyRecord, Version {
  // Private, and so no part of what is compared and copied. 0 until they are asked for: see `cluster/core/version.ts`.
  #digestA = 0;
  #digestB = 0;

  constructor(
    readonly writer: number,
    readonly hlc: number,
    readonly type: VersionType,
    readonly expireAt: number,
    readonly payload: string,
  ) {}

  get context(): readonly number[] {
    return [this.writer, this.hlc];
  }

  get siblings(): readonly Version[] {
    return [this];
  }

  get digestA(): number {
    return this.#digestA;
  }

  set digestA(digest: number) {
    this.#digestA = digest;
  }

  get digestB(): number {
    return this.#digestB;
  }

  set digestB(digest: number) {
    this.#digestB = digest;
  }
}

/** The version that stands first; undefined where there is none. */
export function firstVersion(record: KeyRecord | null | undefined): Version | undefined {
  if (record == null) return undefined;
  return record instanceof SingleRecord ? record : record.siblings[0];
}
