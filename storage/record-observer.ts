import type { KeyRecord } from './record.js';

/** Follows every change of the records of this node, so that something about all of them is known without reading them. */
export interface RecordObserver {
  /** `hash` is the key's. What was `before` counts no more. */
  changed(db: number, slot: number, hash: number, before: KeyRecord | null, after: KeyRecord | null): void;
  /** A database was flushed. What is left of it is told anew as far as it is in the cache; the rest is on the disk. */
  cleared(db: number): void;
  /** A record turned out to be damaged: what was told of it before will never be taken back. */
  doubted(db: number, slot: number, hash: number): void;
}
