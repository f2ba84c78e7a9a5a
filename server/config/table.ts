import { LEAST_WEIGHT, MOST_WEIGHT } from '../../cluster/core/ring-tokens.js';
import {
  addresses,
  decimal,
  integer,
  type Kind,
  level,
  memory,
  oneOf,
  policyTable,
  text,
  yesNo,
} from './kinds.js';

export interface SettingRow<T = unknown> {
  readonly kind: Kind<T>;
  /** As it would be written in a file. */
  readonly byDefault: string;
  /** May be changed by CONFIG SET while the node runs. */
  readonly mutable: boolean;
  /** Must be the same on all nodes: compared when two nodes meet. */
  readonly shared: boolean;
  readonly unit?: string;
  /** A table: several lines of a config file add up. */
  readonly lines?: true;
  readonly doc: string;
}

interface Extras {
  readonly mutable?: true;
  readonly shared?: true;
  readonly unit?: string;
  readonly lines?: true;
}

function row<T>(kind: Kind<T>, byDefault: string, doc: string, extras: Extras = {}): SettingRow<T> {
  return { mutable: false, shared: false, ...extras, kind, byDefault, doc };
}

const MB = 1024 * 1024;
const GB = 1024 * MB;
const mutable = { mutable: true } as const;
const mutableMs = { mutable: true, unit: 'ms' } as const;
const mutableBytes = { mutable: true, unit: 'bytes' } as const;

/** From the port for clients to the one for other nodes, as in Redis Cluster. */
export const BUS_PORT_OFFSET = 10_000;

/** Every setting there is. Each is a flag, a line of a config file and a RINGKV_ variable. */
export const SETTINGS = {
  host: row(
    text('an address to listen on', /^\S+$/),
    '127.0.0.1',
    'Address to listen on for clients and other nodes.',
  ),
  port: row(integer(0, 65535), '6379', 'Port for clients; 0 = any free port.'),
  'bus-port': row(integer(-1, 65535), '-1', 'Port for other nodes; -1 = port + 10000, 0 = any free port.'),
  'announce-host': row(
    text(),
    '',
    'Address by which other nodes, and cluster clients, reach this one; empty = host. A member of a cluster whose host is 0.0.0.0 or :: needs one.',
  ),
  dir: row(text('a folder', /./), './data', 'Data folder.'),
  rebuild: row(
    yesNo(),
    'no',
    'If the database turns out to be damaged or does not open: move it aside and let the other nodes fill an empty one.',
  ),
  'node-id': row(
    text('32 hex digits or empty', /^([0-9a-f]{32})?$/),
    '',
    'Identity of this node; empty = what the data folder says, or a new one.',
  ),
  rack: row(text(), '', 'Rack or zone of this node: the replicas of a key are spread over racks.'),
  weight: row(
    decimal(LEAST_WEIGHT, MOST_WEIGHT),
    '1',
    'Capacity of this node beside the others: with 2 it has twice the tokens, and so about twice the data. Told when it joins.',
  ),
  seeds: row(
    addresses(),
    '',
    'Bus addresses of the first members of a cluster, or of some members of one that there is, which a node with an empty data folder joins. Empty = a node alone.',
  ),
  replace: row(
    text(),
    '',
    'A dead member, by its id or its bus or client address: with an empty data folder this node takes its place in the cluster, with its slots, and fills up from the other replicas.',
  ),
  replicas: row(integer(1, 15), '3', 'N: replicas of each key. Fixed for the life of a cluster.', {
    shared: true,
  }),
  'read-quorum': row(level(), 'quorum', 'R: replicas that must answer a read.', mutable),
  'write-quorum': row(
    level(),
    'quorum',
    'W: replicas that must have a write in their log before it is acknowledged.',
    mutable,
  ),
  sloppy: row(
    yesNo(),
    'yes',
    'While home replicas of a key are down, other nodes take its writes in their place and hand them over later; no: only home replicas count, and a write that cannot reach enough of them is refused.',
    { shared: true },
  ),
  'hint-throttle': row(
    memory(1024, 64 * GB),
    '10mb',
    'Bytes a second at which nodes that are back are sent what they missed.',
    mutableBytes,
  ),
  'hint-window': row(
    integer(0, 31_536_000),
    '10800',
    'What a node misses is kept for it so long; after that it is left to repair.',
    { mutable: true, unit: 's' },
  ),
  'max-hints-bytes': row(
    memory(0, 64 * GB),
    '256mb',
    'Keys noted for nodes that miss writes; beyond it the rest is left to repair.',
    mutableBytes,
  ),
  'repair-interval': row(
    integer(0, 31_536_000),
    '600',
    'Replicas compare what they have so often, and repair what differs; 0 = only when told to.',
    { mutable: true, unit: 's' },
  ),
  'repair-throttle': row(memory(1024, 64 * GB), '10mb', 'Bytes a second that repair may send.', mutableBytes),
  'stream-throttle': row(
    memory(1024, 64 * GB),
    '24mb',
    'Bytes a second that may come and go while slots move between nodes.',
    mutableBytes,
  ),
  'stream-share': row(
    integer(1, 100),
    '20',
    'Of 100 records that a node reads and writes while it cannot keep up, so many at most are for slots that move between nodes, and so many are, or 200 a second, if clients take the rest. 100: clients wait.',
    mutable,
  ),
  'cluster-redirects': row(
    oneOf('auto', 'yes', 'no'),
    'auto',
    'Whose commands for keys of other nodes get -MOVED instead of being forwarded: of connections that have asked for the slots (CLUSTER SLOTS, SHARDS or NODES, READONLY), of all, or of none.',
    mutable,
  ),
  vnodes: row(integer(1, 4096), '256', 'Tokens of each node on the ring. Fixed for the life of a cluster.', {
    shared: true,
  }),
  'conflict-policy': row(
    policyTable(),
    '',
    'What clients see of keys with concurrent versions, the first fitting pattern counts: lww = the newest, siblings = an error that points to KV.SIBLINGS, max and min of numbers, union of JSON arrays, or what the function merge(values) of an ES module returns, values being strings of one byte per character. Elsewhere lww. The same on all nodes.',
    { lines: true },
  ),
  'max-siblings': row(
    integer(2, 1000),
    '64',
    'Concurrent versions of one key: beyond it KV.PUT is refused unless it supersedes some. What meets after a partition is kept nevertheless, counted and logged.',
    mutable,
  ),
  appendfsync: row(
    oneOf('everysec', 'always', 'no'),
    'everysec',
    'When the log is synced to the disk: before each acknowledgement, once a second, or when the system likes.',
    mutable,
  ),
  requirepass: row(text(), '', 'Password that clients must give with AUTH or HELLO; empty = none.', mutable),
  'cluster-secret': row(text(), '', 'Secret shared by all nodes: a node without it is not talked to.'),
  'protected-mode': row(yesNo(), 'yes', 'Refuse to start listening beyond loopback without a password.'),
  config: row(text(), '', 'Config file with lines `name value`.'),
  'log-level': row(
    oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    'info',
    'Least important log lines that are written.',
    mutable,
  ),
  'log-format': row(
    oneOf('auto', 'pretty', 'json'),
    'auto',
    'Log lines for people or for machines; auto = pretty on a terminal.',
  ),
  databases: row(integer(1, 16), '16', 'Databases for SELECT.', { shared: true }),
  'proto-max-bulk-len': row(
    memory(MB, 512 * MB),
    '512mb',
    'Longest argument of a command, and longest value.',
    mutableBytes,
  ),
  'proto-inline-max-bytes': row(memory(1024, GB), '64kb', 'Longest inline command.', { unit: 'bytes' }),
  'client-query-buffer-limit': row(
    memory(MB, 4 * GB),
    '1gb',
    'Bytes of an incomplete command a client may have pending.',
    { unit: 'bytes' },
  ),
  'client-output-buffer-limit': row(
    memory(0, 64 * GB),
    '256mb',
    'Bytes of replies a client may leave unread before it is closed; 0 = no limit.',
    mutableBytes,
  ),
  maxclients: row(integer(1, 1_000_000), '10000', 'Clients connected at once.', mutable),
  timeout: row(integer(0, 31_536_000), '0', 'Close a client that was silent for so long; 0 = never.', {
    mutable: true,
    unit: 's',
  }),
  'hot-key-cache-ms': row(
    integer(0, 60_000),
    '0',
    'Answers to reads at level ONE of keys that are read far above the rest serve so long on nodes that do not hold the key; 0 = off. Writes through the same node end it at once.',
    mutableMs,
  ),
  'hot-key-cache-size': row(
    memory(0, 64 * GB),
    '16mb',
    'Bound of these answers; the oldest go first.',
    mutableBytes,
  ),
  'tracking-table-max-keys': row(
    integer(0, 1_000_000_000),
    '1000000',
    'Keys remembered for clients that cache them (CLIENT TRACKING); beyond it some are invalidated; 0 = no limit.',
    mutable,
  ),
  'tcp-keepalive': row(integer(0, 86_400), '300', 'Probe silent connections every so often; 0 = never.', {
    mutable: true,
    unit: 's',
  }),
  'tcp-backlog': row(integer(1, 65535), '511', 'Connections waiting to be accepted.'),
  'cache-size': row(memory(MB, 64 * GB), '128mb', 'Cache of decoded records.', mutableBytes),
  'max-clock-drift': row(
    integer(1, 3_600_000),
    '500',
    'A node whose clock is further off ours is kept out until it is right; versions from further ahead are refused.',
    mutableMs,
  ),
  'max-quarantine-bytes': row(
    memory(0, 64 * GB),
    '64mb',
    'Damaged records kept as they were found, for inspection; the oldest go first.',
    mutableBytes,
  ),
  'gc-grace': row(
    integer(1, 31_536_000),
    '259200',
    'A deleted key is remembered for so long at least, and until every node is up and agrees to forget it.',
    { mutable: true, unit: 's' },
  ),
  'request-timeout': row(integer(10, 600_000), '2000', 'How long a request waits for replicas.', mutableMs),
  'max-requests': row(
    integer(1, 10_000_000),
    '20000',
    'Requests under way on a node, those of other nodes included; beyond it new ones are answered with OVERLOADED at once.',
    mutable,
  ),
  'max-lag': row(
    integer(100, 600_000),
    '1000',
    'A node that is further behind than this, for more than a moment, answers with OVERLOADED.',
    mutableMs,
  ),
  'max-pending-write-bytes': row(
    memory(MB, 4 * GB),
    '64mb',
    'Writes gathered but not yet on their way to disk before clients are held up.',
    mutableBytes,
  ),
  'turn-write-bytes': row(
    memory(4096, GB),
    '4mb',
    'Bytes of records encoded for disk and replicas at one go; what gathered beyond it follows after others have had their turn.',
    mutableBytes,
  ),
  'max-pipeline': row(
    integer(1, 1_000_000),
    '1024',
    'Commands of one connection under way at once; the rest waits unread.',
    mutable,
  ),
  'bus-max-frame-bytes': row(
    memory(MB, GB),
    '545259520',
    'Longest message between nodes: the largest value and what goes with it.',
    { unit: 'bytes' },
  ),
  'heartbeat-interval': row(
    integer(10, 60_000),
    '200',
    'Idle connections between nodes are pinged so often. A peer is suspected after about five missing pings.',
    { unit: 'ms' },
  ),
  'heartbeat-timeout': row(
    integer(30, 600_000),
    '5000',
    'A connection to a node that was silent for so long is closed. The node is suspected, and not used, long before.',
    { unit: 'ms' },
  ),
  'phi-threshold': row(
    integer(1, 100),
    '8',
    'A node is suspected when its silence is so unlikely: 8 = once in 10^8 times, as it was heard before.',
    mutable,
  ),
  'gossip-interval': row(
    integer(50, 60_000),
    '1000',
    'How often a node compares what it knows of the members with a few others.',
    mutableMs,
  ),
  'shutdown-timeout': row(integer(0, 3600), '10', 'How long a stopping node waits for its clients.', {
    mutable: true,
    unit: 's',
  }),
  'slowlog-log-slower-than': row(
    integer(-1, 1_000_000_000_000),
    '10000',
    'Commands that ran longer are kept in the slow log; negative = none.',
    { mutable: true, unit: 'µs' },
  ),
  'slowlog-max-len': row(integer(0, 1_000_000), '128', 'Entries of the slow log.', mutable),
  'latency-monitor-threshold': row(
    integer(0, 3_600_000),
    '0',
    'Events that took longer are kept for LATENCY; 0 = none.',
    mutableMs,
  ),
} as const;

export type SettingName = keyof typeof SETTINGS;

type Camel<S extends string> = S extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : S;
type ValueOf<R> = R extends SettingRow<infer T> ? T : never;

/** All settings by their name in camel case, typed from the table. */
export type SettingValues = {
  -readonly [Name in SettingName as Camel<Name>]: ValueOf<(typeof SETTINGS)[Name]>;
};

export function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
