import type { Script } from './cases/script.js';

/** Something RingKV answers differently from Redis 7.0.15 on purpose. */
export interface KnownDifference {
  readonly what: string;
  readonly reason: string;
  /** Shows it with its last command, on an empty server. */
  readonly script: Script;
  readonly redis: RegExp;
  readonly ringkv: RegExp;
  /** Shows on a cluster of three nodes instead of a node alone. */
  readonly cluster?: true;
}

const UNKNOWN = /^-ERR unknown command/;
const UNKNOWN_SUBCOMMAND = /^-ERR unknown subcommand/;
const SYNTAX = /^-ERR syntax error/;

/** All of them: the tests of compatibility leave out nothing else. */
export const knownDifferences: readonly KnownDifference[] = [
  // --- commands that Redis 7.0 does not have ---
  {
    what: 'SET ... IFEQ',
    reason: 'compare and set, as in Valkey 8.1',
    script: 'SET k 1\nSET k 2 IFEQ 1',
    redis: SYNTAX,
    ringkv: /^\+OK/,
  },
  {
    what: 'SET ... IFNE',
    reason: 'compare and set, as in Redis 8.4, without digests',
    script: 'SET k 1\nSET k 2 IFNE 3',
    redis: SYNTAX,
    ringkv: /^\+OK/,
  },
  {
    what: 'DELIFEQ',
    reason: 'compare and delete, as in Valkey 9.0',
    script: 'SET k 1\nDELIFEQ k 1',
    redis: UNKNOWN,
    ringkv: /^:1/,
  },
  {
    what: 'DELEX',
    reason: 'compare and delete, as in Redis 8.4, without digests',
    script: 'SET k 1\nDELEX k IFEQ 1',
    redis: UNKNOWN,
    ringkv: /^:1/,
  },
  {
    what: 'CAS',
    reason: 'compare and set in one word',
    script: 'SET k 1\nCAS k 1 2',
    redis: UNKNOWN,
    ringkv: /^:1/,
  },
  {
    what: 'KV.SIBLINGS, KV.CONSISTENCY, KV.AT, KV.NODES, KV.WHERE',
    reason: 'versions, levels and places are what RingKV adds',
    script: 'KV.SIBLINGS k',
    redis: UNKNOWN,
    ringkv: /^\*2/,
  },
  {
    what: 'CLIENT SETINFO and CLIENT NO-TOUCH',
    reason: 'of Redis 7.2; client libraries send SETINFO to every server',
    script: 'CLIENT SETINFO lib-name x',
    redis: UNKNOWN_SUBCOMMAND,
    ringkv: /^\+OK/,
  },
  // --- what RingKV has no use for ---
  {
    what: 'types other than strings',
    reason: 'RingKV stores strings',
    script: 'LPUSH k 1',
    redis: /^:1/,
    ringkv: UNKNOWN,
  },
  {
    what: 'publish and subscribe, scripts, streams, modules',
    reason: 'outside of a replicated key-value store',
    script: 'PUBLISH channel message',
    redis: /^:0/,
    ringkv: UNKNOWN,
  },
  {
    what: 'SAVE, BGSAVE, BGREWRITEAOF, REPLICAOF',
    reason: 'every acknowledged write is in the log already, and all nodes are equal',
    script: 'LASTSAVE',
    redis: /^:/,
    ringkv: UNKNOWN,
  },
  {
    what: 'CLIENT HELP and other HELPs tell only the subcommands there are',
    reason: 'the subcommands of MEMORY and COMMAND are fewer, those of CLIENT more, for example',
    script: 'CLIENT HELP',
    redis: /^(?![\s\S]*SETINFO)[\s\S]*SETNAME/,
    ringkv: /SETINFO/,
  },
  {
    what: 'SUBSCRIBE knows one channel',
    reason:
      'RESP2 clients that cache get invalidations by __redis__:invalidate; there is no publish and subscribe',
    script: 'SUBSCRIBE news',
    redis: /^\*3\r\n\$9\r\nsubscribe/,
    ringkv: /^-ERR RingKV has no publish and subscribe/,
  },
  {
    what: 'DEBUG SLEEP works, other DEBUG commands do not exist',
    reason: 'tests of clients use it; Redis 7 refuses all of DEBUG unless it is allowed at the start',
    script: 'DEBUG SLEEP 0',
    redis: /^-ERR DEBUG command not allowed/,
    ringkv: /^\+OK/,
  },
  // --- other values, the same form ---
  {
    what: 'the payload of DUMP',
    reason: 'it is RingKV own format, only RESTORE of RingKV reads it',
    script: 'SET k value\nDUMP k',
    redis: /^\$\d+\r\n\x00\x05value/,
    ringkv: /^\$10\r\n\x01value/,
  },
  {
    what: 'OBJECT ENCODING follows from the value alone',
    reason: 'RingKV does not remember how a value came to be; Redis keeps an appended string raw',
    script: 'SET k a\nAPPEND k b\nOBJECT ENCODING k',
    redis: /raw/,
    ringkv: /embstr/,
  },
  {
    what: 'OBJECT REFCOUNT follows from the value alone',
    reason: 'there are no shared objects',
    script: 'SET k 1\nAPPEND k 2\nOBJECT REFCOUNT k',
    redis: /^:1\r/,
    ringkv: /^:2147483647/,
  },
  {
    what: 'OBJECT FREQ without an LFU policy',
    reason:
      'nothing is evicted, but reads are counted: so redis-cli --hotkeys shows what the clients of a node read most',
    script: 'SET k 1\nOBJECT FREQ k',
    redis: /^-ERR An LFU maxmemory policy is not selected/,
    // One read in sixteen is looked at.
    ringkv: /^:\d+\r/,
  },
  {
    what: 'MEMORY USAGE',
    reason: 'an estimate of what RingKV cache holds',
    script: 'SET k value\nMEMORY USAGE k',
    redis: /^:(4|5|6)\d\r/,
    ringkv: /^:20\d\r/,
  },
  {
    what: 'CONFIG GET * and the ranges of settings',
    reason: 'RingKV has settings of its own; names that Redis has too mean the same',
    script: 'CONFIG SET timeout 2147483647',
    redis: /^\+OK/,
    ringkv: /argument must be between 0 and 31536000 inclusive/,
  },
  {
    what: 'CONFIG SET maxmemory, save, appendonly and port',
    reason:
      'nothing is ever evicted, everything is in the log, and a node does not change its address while it runs',
    script: 'CONFIG SET maxmemory 0',
    redis: /^\+OK/,
    ringkv: /can't set immutable config/,
  },
  {
    what: 'SCAN cursors have values of our own, made up ones go on from where they point',
    reason: 'a cursor is slot and hash of the next key: no state on the server, and valid on every node',
    script: `${Array.from({ length: 20 }, (_, i) => `SET k${i} 1`).join('\n')}\nSCAN 0 COUNT 1`,
    redis: /^\*2\r\n\$[12]\r\n/,
    ringkv: /^\*2\r\n\$(9|1\d)\r\n/,
  },
  {
    what: 'DBSIZE does not count what has expired',
    reason: 'Redis counts an expired key until somebody looks at it or its cycle comes by',
    script: 'SET k 1 PXAT 1\nDBSIZE',
    redis: /^:1/,
    ringkv: /^:0/,
  },
  {
    what: 'READONLY, READWRITE and ASKING are accepted',
    reason:
      'clients in cluster mode send them to every node; a node alone is spoken to as a cluster of one too',
    script: 'READONLY',
    redis: /cluster support disabled/,
    ringkv: /^\+OK/,
  },
  {
    what: 'CLUSTER commands answer on a node alone',
    reason: 'so do they on a cluster: any node serves any key, so that plain and cluster clients both work',
    script: 'CLUSTER INFO',
    redis: /cluster support disabled/,
    ringkv: /cluster_state:ok/,
  },
  // --- transactions ---
  {
    what: 'KEYS, SCAN, DBSIZE and RANDOMKEY inside MULTI see also what the transaction does behind them',
    reason: 'they look at the disk, and a transaction is there as a whole',
    script: 'MULTI\nSET a 1\nKEYS *\nSET b 2\nEXEC',
    redis: /^\*3\r\n\+OK\r\n\*1\r\n/,
    ringkv: /^\*3\r\n\+OK\r\n\*2\r\n/,
  },
  {
    what: 'SWAPDB inside MULTI holds for what follows the transaction',
    reason: 'the keys of a transaction are fetched before it runs',
    script: 'SET k 1\nMULTI\nSWAPDB 0 1\nGET k\nEXEC',
    redis: /\$-1/,
    ringkv: /\$1\r\n1/,
  },
  {
    what: 'HELLO inside MULTI holds for what follows the transaction',
    reason: 'the replies of a transaction have one protocol',
    script: 'MULTI\nHELLO 3\nGET k\nEXEC',
    redis: /_\r\n$/,
    ringkv: /\$-1\r\n$/,
  },
  {
    what: 'an absent key that was set and flushed again does not break a WATCH',
    reason: 'a flush leaves no trace per key, and the key is as it was',
    script: 'WATCH k\nSET k 1\nFLUSHDB\nMULTI\nPING\nEXEC',
    redis: /^\*-1/,
    ringkv: /^\*1/,
  },
  // --- clusters: every node serves every key, so a plain Redis is what clients are to see ---
  {
    what: 'RENAME, COPY, BITOP, MSETNX across slots',
    reason: 'a slot is what one node can change in one step; use a {hash tag}',
    script: 'SET a 1\nRENAME a b',
    redis: /^\+OK/,
    ringkv: /^-CROSSSLOT/,
    cluster: true,
  },
  {
    what: 'a transaction across slots',
    reason: 'as above',
    script: 'MULTI\nSET a 1\nSET b 2\nEXEC',
    redis: /^\*2/,
    ringkv: /^-CROSSSLOT/,
    cluster: true,
  },
  {
    what: 'WATCH across slots',
    reason: 'as above: what EXEC compares with is asked of one register',
    script: 'WATCH a b',
    redis: /^\+OK/,
    ringkv: /^-CROSSSLOT/,
    cluster: true,
  },
  {
    what: 'a flush and keys in one transaction',
    reason: 'a flush runs on all nodes, the keys commands on one: nothing could hold their order',
    script: 'MULTI\nFLUSHALL\nSET a 1\nEXEC',
    redis: /^\*2/,
    ringkv: /^-ERR FLUSHALL and FLUSHDB are not allowed/,
    cluster: true,
  },
  {
    what: 'SWAPDB on a cluster',
    reason: 'as in a Redis cluster',
    script: 'SWAPDB 0 1',
    redis: /^\+OK/,
    ringkv: /^-ERR SWAPDB is not allowed in cluster mode/,
    cluster: true,
  },
  {
    what: 'WAIT answers at once',
    reason: 'an acknowledged write has already reached its quorum',
    script: 'SET k 1\nWAIT 1 1',
    redis: /^:0/,
    ringkv: /^:1/,
    cluster: true,
  },
];
