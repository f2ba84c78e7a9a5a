import type { RepairControl } from '../cluster/core/anti-entropy/anti-entropy.js';
import type { RingControl } from '../cluster/core/elastic/ring-control.js';
import type { RingFigures } from '../cluster/core/elastic/ring-meter.js';
import type { HandoffFigures } from '../cluster/core/handoff.js';
import type { Level } from '../cluster/core/levels.js';
import type { MemberView } from '../cluster/core/member-view.js';
import type { Topology } from '../cluster/core/topology.js';
import type { Loads } from '../cluster/loads.js';
import type { WriterTable } from '../storage/writers.js';
import type { ClientState } from './client.js';
import type { CommandTable } from './commands/table.js';
import type { Settings } from './config/settings.js';
import type { HotKeys } from './hot-keys/hot-keys.js';
import type { HotReads } from './hot-keys/hot-reads.js';
import type { Keyspace } from './keyspace.js';
import type { ConflictPolicies } from './policies/conflict-policies.js';
import type { ReplyBytes } from './resp/reply.js';
import type { Stats } from './stats.js';
import type { Tracking } from './tracking/tracking.js';

/** A connection to another member. */
export interface LinkView {
  /** Its number. */
  readonly peer: number;
  /** By this node. */
  readonly dialled: boolean;
  /** Unix ms. */
  readonly sinceMs: number;
  /** Gathered, and not yet taken by the kernel. */
  readonly queuedBytes: number;
}

/** What commands may know of the running server; built once in the composition root. */
export interface ServerContext {
  readonly settings: Settings;
  readonly table: CommandTable;
  /** Connected clients by id, in order of connecting. */
  readonly clients: ReadonlyMap<number, ClientState>;
  readonly stats: Stats;
  readonly keyspace: Keyspace;
  readonly policies: ConflictPolicies;
  /** CLIENT TRACKING. */
  readonly tracking: Tracking;
  readonly hotKeys: HotKeys;
  readonly hotReads: HotReads;
  /** The stored database behind each number a client may SELECT; a new array after each SWAPDB. */
  physicalDatabases(): readonly number[];
  readonly startedMs: number;
  /** 40 hex digits, new for each start (INFO run_id). */
  readonly runId: string;
  /** INFO lines of parts that commands do not reach: storage, cluster, cache. Section name -> `field: value`. */
  infoSections(): Readonly<Record<string, Readonly<Record<string, string | number>>>>;
  /** Monotonic enough for latencies: ms with a fraction. */
  preciseNow(): number;
  nowMs(): number;
  setTimer(ms: number, run: () => void): void;
  /** CLIENT PAUSE: until this Unix ms; `writesOnly` lets reads pass. */
  pause(untilMs: number, writesOnly: boolean): void;
  /** Runs a command on behalf of a client, with levels of its own; `done` gets the reply, now or later. */
  execute(
    client: ClientState,
    argv: readonly string[],
    level: Level,
    done: (reply: ReplyBytes) => void,
  ): void;
  /** The ring and who of its members is up; null while the cluster is forming. */
  topology(): Topology | null;
  /** Changes of the ring; null while the cluster is forming. */
  ring(): RingControl | null;
  /** How far the change of the ring is that is under way; null while the cluster is forming. */
  ringFigures(): RingFigures | null;
  /** What the members of the ring carry; once the cluster has formed. */
  readonly loads: Loads['ask'];
  /** Anti-entropy; null while the cluster is forming. */
  repair(): RepairControl | null;
  /** Who has missed writes that are kept for it; null while the cluster is forming. */
  hints(): readonly HandoffFigures[] | null;
  /** The members by their numbers, as this node sees them; empty while the cluster is forming. */
  memberViews(): readonly MemberView[];
  /** The connections to other members. */
  links(): readonly LinkView[];
  readonly writers: WriterTable;
  /** Replicas that must have a write of this client before it is acknowledged. */
  writeReplicas(client: ClientState): number;
  /** Drains and exits; the process ends soon after. */
  shutdown(): void;
}
