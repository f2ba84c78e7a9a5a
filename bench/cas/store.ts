import type { System } from '../systems.js';

/** What a conditional write came to; one that did not match has seen what is there instead. */
export interface Swap {
  readonly swapped: boolean;
  /** The value now: what was written, or what was found. */
  readonly current: string | null;
}

/** One client of a store, on a connection of its own. */
export interface StoreClient {
  put(key: string, value: string): Promise<void>;
  /** Writes `value` only if the key still has `expected`, linearizably, in one round trip. */
  swap(key: string, expected: string, value: string): Promise<Swap>;
  close(): void;
}

/** A system whose conditional writes are measured. */
export interface Store extends System {
  /** The n-th client; clients are spread over the nodes. */
  client(n: number): Promise<StoreClient>;
}
