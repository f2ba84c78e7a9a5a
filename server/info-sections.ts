import { totalmem } from 'node:os';
import type { AntiEntropy } from '../cluster/core/anti-entropy/anti-entropy.js';
import type { DamagedRecords } from '../cluster/core/damaged-records.js';
import type { Handoff } from '../cluster/core/handoff.js';
import type { Reaper } from '../cluster/core/reaper.js';
import type { RegisterMemory } from '../cluster/core/register/memory.js';
import type { Registers } from '../cluster/core/register/registers.js';
import type { SiblingWatch } from '../cluster/core/sibling-watch.js';
import type { StreamPace } from '../cluster/core/stream-pace.js';
import type { Sweeper } from '../cluster/core/sweeper.js';
import type { Node } from '../cluster/node.js';
import type { Counters } from '../cluster/transport/counters.js';
import type { StorageEngine } from '../storage/engine.js';
import type { HintStore } from '../storage/hint-store.js';
import type { LiveCounts } from '../storage/live-counts.js';
import type { Quarantine } from '../storage/quarantine.js';
import type { RecordStore } from '../storage/record-store.js';
import type { ServerContext } from './server-context.js';
import { serverMode } from './server-mode.js';
import { REDIS_VERSION, VERSION } from './version.js';

/** The parts whose figures INFO shows. */
export interface InfoSources {
  readonly server: ServerContext;
  readonly node: Node;
  readonly store: RecordStore;
  readonly engine: StorageEngine;
  readonly counts: LiveCounts;
  readonly siblings: SiblingWatch;
  readonly sweeper: Sweeper;
  readonly hints: HintStore;
  readonly handoff: Handoff;
  readonly reaper: Reaper;
  readonly damaged: DamagedRecords;
  readonly repair: AntiEntropy;
  readonly pace: StreamPace;
  readonly registers: Registers;
  readonly memory: RegisterMemory;
  readonly quarantine: Quarantine;
  readonly transport: Counters;
  readonly nodeId: string;
  readonly port: () => number;
}

export type InfoFields = Readonly<Record<string, string | number>>;
export type InfoSections = Readonly<Record<string, InfoFields>>;

/** INFO's sections in their order (https://redis.io/docs/latest/commands/info/): Redis's names where they have a meaning here. */
export function infoSections(sources: InfoSources): InfoSections {
  return {
    Server: serverSection(sources),
    Clients: clients(sources),
    Memory: memory(sources),
    Persistence: persistence(sources),
    Stats: stats(sources),
    Replication: replication(sources),
    CPU: cpu(),
    Commandstats: commandStats(sources),
    Latencystats: latencyStats(sources),
    Cluster: cluster(sources),
    Ring: ring(sources),
    RingKV: ringkv(sources),
    Keyspace: keyspace(sources),
  };
}

function serverSection({ server, port }: InfoSources): InfoFields {
  const uptime = Math.floor((server.nowMs() - server.startedMs) / 1000);
  return {
    redis_version: REDIS_VERSION,
    ringkv_version: VERSION,
    redis_mode: serverMode(server.settings),
    os: `${process.platform} ${process.arch}`,
    arch_bits: 64,
    multiplexing_api: 'libuv',
    process_id: process.pid,
    run_id: server.runId,
    tcp_port: port(),
    server_time_usec: server.nowMs() * 1000,
    uptime_in_seconds: uptime,
    uptime_in_days: Math.floor(uptime / 86400),
    executable: process.argv[1] ?? '',
    config_file: server.settings.values.config,
  };
}

function clients({ server }: InfoSources): InfoFields {
  let input = 0;
  let output = 0;
  for (const client of server.clients.values()) {
    const buffers = client.buffers();
    input = Math.max(input, buffers.input);
    output = Math.max(output, buffers.output);
  }
  return {
    connected_clients: server.clients.size,
    maxclients: server.settings.values.maxclients,
    client_recent_max_input_buffer: input,
    client_recent_max_output_buffer: output,
    blocked_clients: 0,
    tracking_clients: server.tracking.clientCount,
  };
}

function memory({ store, server }: InfoSources): InfoFields {
  const { heapUsed, external, rss } = process.memoryUsage();
  const used = heapUsed + external;
  return {
    used_memory: used,
    used_memory_human: human(used),
    used_memory_rss: rss,
    used_memory_rss_human: human(rss),
    total_system_memory: totalmem(),
    total_system_memory_human: human(totalmem()),
    maxmemory: 0,
    maxmemory_human: '0B',
    maxmemory_policy: 'noeviction',
    record_cache_bytes: store.cachedBytes,
    record_cache_records: store.cachedRecords,
    record_cache_max_bytes: server.settings.values.cacheSize,
  };
}

function persistence({ engine, store, server }: InfoSources): InfoFields {
  const { diskBytes, details } = engine.stats();
  return {
    loading: 0,
    aof_enabled: 1,
    aof_last_write_status: store.writeError === null ? 'ok' : 'err',
    appendfsync: server.settings.values.appendfsync,
    disk_bytes: diskBytes,
    ...Object.fromEntries(
      Object.entries(details).map(([name, value]) => [`rocksdb_${name.replaceAll('-', '_')}`, value]),
    ),
  };
}

function stats({ server, sweeper }: InfoSources): InfoFields {
  const { stats } = server;
  return {
    total_connections_received: stats.totalConnections,
    total_commands_processed: stats.totalCommands,
    instantaneous_ops_per_sec: stats.commandsPerSecond,
    total_net_input_bytes: stats.netIn,
    total_net_output_bytes: stats.netOut,
    rejected_connections: stats.rejectedConnections,
    expired_keys: sweeper.counters.expired,
    evicted_keys: 0,
    keyspace_hits: stats.hits,
    keyspace_misses: stats.misses,
    tracking_total_keys: server.tracking.table.keys,
    tracking_total_items: server.tracking.table.items,
    tracking_total_prefixes: server.tracking.prefixCount,
    total_error_replies: stats.errorReplies,
  };
}

/** Every node takes writes, so each is a master without slaves of its own: what Redis tools expect of one to talk to. */
function replication({ server }: InfoSources): InfoFields {
  return {
    role: 'master',
    connected_slaves: 0,
    master_failover_state: 'no-failover',
    master_replid: server.runId,
    master_repl_offset: 0,
  };
}

function cpu(): InfoFields {
  const { system, user } = process.cpuUsage();
  return { used_cpu_sys: (system / 1e6).toFixed(6), used_cpu_user: (user / 1e6).toFixed(6) };
}

function commandStats({ server }: InfoSources): InfoFields {
  const fields: Record<string, string> = {};
  for (const row of server.table.everyRow()) {
    if (row.calls + row.rejectedCalls === 0) continue;
    const perCall = row.calls === 0 ? 0 : row.usec / row.calls;
    fields[`cmdstat_${row.spec.name}`] =
      `calls=${row.calls},usec=${row.usec},usec_per_call=${perCall.toFixed(2)},` +
      `rejected_calls=${row.rejectedCalls},failed_calls=${row.failedCalls}`;
  }
  return fields;
}

function latencyStats({ server }: InfoSources): InfoFields {
  const fields: Record<string, string> = {};
  for (const row of server.table.everyRow()) {
    if (row.calls === 0) continue;
    const shown = [50, 99, 99.9].map((percent) => `p${percent}=${percentile(row.histogram, percent)}`);
    fields[`latency_percentiles_usec_${row.spec.name}`] = shown.join(',');
  }
  return fields;
}

function percentile(histogram: Uint32Array, percent: number): string {
  const total = histogram.reduce((sum, calls) => sum + calls, 0);
  let seen = 0;
  for (let power = 0; power < histogram.length; power++) {
    seen += histogram[power];
    if (seen * 100 >= total * percent) return (2 ** power).toFixed(3);
  }
  return '0.000';
}

/**
 * Whether a client may use its cluster mode: redis-py and redis-cli --cluster ask this before anything else. Clients that know
 * nothing of clusters do not look at it; those that choose their way by a server's mode are told `standalone` (`redis_mode` and
 * HELLO), as long as they need not know of the slots.
 */
function cluster({ server }: InfoSources): InfoFields {
  return { cluster_enabled: server.settings.values.clusterRedirects === 'no' ? 0 : 1 };
}

/** Where a change of the ring is, while one is under way, and what changes have brought this node since its start. */
function ring({ server, repair, pace }: InfoSources): InfoFields {
  const figures = server.ringFigures();
  if (figures === null) return { ring_phase: 'forming' };
  return {
    ring_epoch: figures.epoch,
    ring_phase: figures.phase,
    ring_change: figures.change,
    ring_slots_left: figures.left,
    ring_slots_total: figures.total,
    ring_bytes: figures.bytes,
    ring_bytes_per_second: figures.bytesPerSecond,
    ring_records_per_second_bound: Math.round(pace.bound ?? 0),
    ring_seconds_left: figures.secondsLeft ?? -1,
    ring_waiting_for: figures.waitingFor.join(','),
    ...prefixed('ring_keys', repair.streamedKeys),
  };
}

function ringkv({
  server,
  node,
  nodeId,
  store,
  siblings,
  hints,
  handoff,
  reaper,
  damaged,
  repair,
  registers,
  memory,
  quarantine,
  transport,
}: InfoSources): InfoFields {
  const { coordinator, replica } = node;
  const { pruned, ...tombstones } = reaper.counters;
  const members = node.ready ? node.topology.peers.length + 1 : 0;
  const up = node.ready ? node.topology.alive.reduce((sum, one) => sum + one, 0) : 0;
  return {
    node_id: nodeId,
    cluster_state: node.ready ? 'ok' : 'forming',
    members,
    members_up: up,
    replicas: node.ready ? node.topology.n : 0,
    requests_in_flight: coordinator.underWay,
    answers_awaited: coordinator.inFlight,
    forwards_in_flight: node.forwardsUnderWay,
    overloaded: node.admission.counters.refused,
    overloaded_by_lag: node.admission.counters.refusedByLag,
    ...prefixed('forwards', node.forwarder.counters),
    ...prefixed('coordinator', coordinator.counters),
    ...prefixed('replica', replica.counters),
    ...prefixed('store', store.counters),
    hot_keys: server.hotKeys.size,
    hot_key_cache_hits: server.hotReads.hits,
    hot_key_cache_bytes: server.hotReads.bytes,
    hints: hints.count,
    hints_bytes: hints.bytes,
    ...prefixed('hints', hints.counters),
    ...prefixed('handoff', handoff.counters),
    corrupt_records: damaged.counters.found,
    repaired_corrupt: damaged.counters.repaired,
    unrepaired_corrupt: damaged.open,
    quarantined: quarantine.rows,
    quarantined_bytes: quarantine.bytes,
    ...prefixed('siblings', { ...server.policies.counters, ...siblings.counters }),
    ...prefixed('registers', registers.counters),
    registers_unsettled: registers.held.size,
    registers_memory_complete: memory.complete ? 1 : 0,
    contexts_pruned: pruned,
    ...prefixed('tombstones', tombstones),
    ...(node.ready ? prefixed('repair', repair.totals()) : {}),
    ...prefixed('bus', transport),
  };
}

function keyspace({ counts, server }: InfoSources): InfoFields {
  const fields: Record<string, string> = {};
  for (let db = 0; db < server.settings.values.databases; db++) {
    const stored = server.physicalDatabases()[db];
    const keys = counts.total(stored);
    if (keys > 0) fields[`db${db}`] = `keys=${keys},expires=${counts.withExpiry(stored)},avg_ttl=0`;
  }
  return fields;
}

/** `writes` of the bus as `bus_writes`. */
function prefixed(part: string, counters: object): InfoFields {
  return Object.fromEntries(
    Object.entries(counters).map(([name, value]) => [
      `${part}_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
      Number(value),
    ]),
  );
}

/** As INFO writes sizes: `1.11M`. */
function human(bytes: number): string {
  const units = ['B', 'K', 'M', 'G', 'T'];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit++;
  }
  return unit === 0 ? `${bytes}B` : `${bytes.toFixed(2)}${units[unit]}`;
}
