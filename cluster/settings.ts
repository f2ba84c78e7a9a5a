import type { SyncMode } from '../storage/group-commit.js';
import type { Level } from './core/levels.js';

/** What the operator decided, as far as replicas are concerned. Functions are asked each time: they may change while it runs. */
export interface ClusterSettings {
  readonly replicas: number;
  readonly vnodes: number;
  /** Whether other nodes stand in for dead home replicas. */
  readonly sloppy: boolean;
  readonly databases: number;
  readonly rack: string;
  /** Share of the vnodes, 1 = normal. */
  readonly weight: number;
  readonly readQuorum: () => Level;
  readonly writeQuorum: () => Level;
  /** ms */
  readonly requestTimeout: () => number;
  /** Requests under way on one node beyond which more are refused. */
  readonly maxRequests: () => number;
  /** How far behind a node may be before it refuses requests, ms. */
  readonly maxLag: () => number;
  /** ms */
  readonly maxClockDrift: () => number;
  /** How often a connected peer is heard that has nothing to say, ms. */
  readonly heartbeatInterval: number;
  readonly phiThreshold: () => number;
  /** From one round of gossip to the next, ms. */
  readonly gossipInterval: () => number;
  /** bytes */
  readonly cacheSize: () => number;
  readonly appendfsync: () => SyncMode;
  /** bytes */
  readonly turnWriteBytes: () => number;
  /** ms */
  readonly gcGrace: () => number;
  /** bytes a second */
  readonly hintThrottle: () => number;
  /** s */
  readonly hintWindow: () => number;
  /** bytes */
  readonly maxHintsBytes: () => number;
  readonly maxSiblings: () => number;
  /** bytes */
  readonly maxQuarantineBytes: () => number;
  /** s; 0: never by itself */
  readonly repairInterval: () => number;
  /** bytes a second */
  readonly repairThrottle: () => number;
  /** bytes a second */
  readonly streamThrottle: () => number;
  /** of 100 */
  readonly streamShare: () => number;
}
