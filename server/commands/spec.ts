import type { ReplyWriter } from '../resp/reply.js';

/**
 * A command is data: its row says everything that is not its effect, and COMMAND, arity errors, key extraction, routing,
 * ACL categories and the reference page are derived from the row (the habit of valkey's `src/commands/*.json`).
 *
 * How a command with keys runs: its keys are found from the row, their records are fetched (for a read by a quorum read, for
 * a write from the replica that coordinates the key), and then `run` is called ONCE, SYNCHRONOUSLY, and writes exactly
 * one reply. So nothing interleaves with it, and it needs no lock. Its writes are replicated after it returns; the reply is
 * held back until enough replicas have them.
 *
 * All bytes (keys, values, arguments) are latin1 strings: one char per byte, every char <= 0xff.
 */
export type CommandFlag =
  | 'write'
  | 'readonly'
  | 'denyoom'
  | 'admin'
  | 'pubsub'
  | 'noscript'
  | 'blocking'
  | 'loading'
  | 'no_async_loading'
  | 'stale'
  | 'skip_monitor'
  | 'skip_slowlog'
  | 'asking'
  | 'fast'
  | 'no_auth'
  | 'no_multi'
  | 'movablekeys'
  | 'allow_busy'
  | 'sentinel'
  | 'module';

export type CommandGroup =
  | 'string'
  | 'bitmap'
  | 'generic'
  | 'connection'
  | 'pubsub'
  | 'server'
  | 'transactions'
  | 'cluster'
  | 'ringkv';

/** Redis key positions: `first` 0 means no keys; `last` may be negative (from the end); every `step`th argument. */
export interface KeyPositions {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

export interface KeyRef {
  readonly db: number;
  readonly key: string;
}

/** What a client sees of a key: the visible version, alive at `call.now`. */
export interface Value {
  readonly payload: string;
  /** Absolute, Unix ms; 0 = never. */
  readonly expireAt: number;
}

/** One run of a command that touches keys (or none), as its handler sees it. */
export interface Call {
  /** argv[0] is the command name as the client typed it. A subcommand is argv[1]. */
  readonly argv: readonly string[];
  /** Unix ms, fixed for the whole command (and for a whole transaction). */
  readonly now: number;
  readonly db: number;
  readonly reply: ReplyWriter;
  /** The live value, or undefined (absent, deleted or expired). The key must be one the row names. */
  read(key: string, db?: number): Value | undefined;
  /** Replaces the key by a new version that supersedes what was read. `expireAt` absolute Unix ms, 0 = never. */
  write(key: string, payload: string, expireAt: number, db?: number): void;
  /** Adds to the key's integer, or to nothing; what others add without knowing of it counts as well. The expiry stays. */
  increment(key: string, amount: number | bigint, db?: number): void;
  /** Changes nothing but the expiry of a key that has a value. */
  keepUntil(key: string, expireAt: number, db?: number): void;
  /** Whether `read` would find anything, for who does not need to know what. */
  exists(key: string, db?: number): boolean;
  /** Deletes; false when there was nothing alive. */
  remove(key: string, db?: number): boolean;
}

/** `run` for commands whose work is done by the time it returns. */
export type Handler<C extends Call = Call> = (call: C) => void;

export interface CommandSpec<C extends Call = Call> {
  /** Lower case; a subcommand is `parent|sub`. */
  readonly name: string;
  /** Redis arity: counts the name (and subcommand name); negative = at least. */
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  readonly keys: KeyPositions;
  /** Where the positions are not enough (`COPY ... DB n`, options that name keys): every key the command may touch. */
  readonly keysOf?: (argv: readonly string[], db: number) => KeyRef[];
  /** Names keys and fetches them itself, by itself: what came before it is done, and nothing begins before its end. */
  readonly alone?: true;
  /**
   * A write of several independent keys that may live on different coordinators: it is cut per key and the replies are
   * added up (`sum`: DEL) or must all be OK (`ok`: MSET). Without it, a multi-key write needs all keys in one slot as soon
   * as there is more than one node.
   */
  readonly fanout?: 'sum' | 'ok';
  /**
   * Whether the effect of this command does not depend on what its keys hold. So it may replace even what cannot be read; and doing it
   * twice is as good as once: if it is answered the same as well (see `CommandRow.answersAlike`), it is tried again on another node
   * when its coordinator was lost before it answered.
   *
   * Why that is right for a plain SET whose client has not been answered. The first try was lost; or the second coordinator finds
   * it on the replicas it reads first, and its own version takes its place; or it turns up later, from a node that was away, as
   * an older version beside the newer: a sibling with the same value, seen only by who asks for siblings. To its client the
   * SET took effect somewhere between being sent and being answered, as every write does.
   *
   * What it costs: a client that has read the first try's value, and written a newer one before the second try, finds its own
   * write overwritten by a SET it had already seen. Who sends a command again when its connection breaks, as most clients do,
   * makes the same choice. Whose point is the order of writes is therefore not marked: what reads before it writes (INCR, APPEND,
   * SETNX, GETSET, SET with a condition), and transactions.
   */
  readonly overwrites?: (argv: readonly string[]) => boolean;
  /**
   * Goes through the register of its slot, and so is linearizable, at whatever level: what it does depends on what is there, and
   * its client relies on nobody else having done the same (`SET lock id NX`). All its keys are in one slot.
   */
  readonly serial?: true | ((argv: readonly string[]) => boolean);
  readonly since: string;
  readonly group: CommandGroup;
  /** One line, for COMMAND DOCS and the reference page. */
  readonly summary: string;
  /** What the reference page says beside it: where it is not what users of Redis, or of the rest of RingKV, would expect. */
  readonly note?: string;
  /** Redis's complexity text. */
  readonly complexity: string;
  /** Redis's ACL categories beyond what flags and group imply (with the leading `@`). */
  readonly extraCategories?: readonly string[];
  /** Where Redis does not give a command the ACL category of its group. */
  readonly notInGroup?: true;
  /** COMMAND DOCS `arguments`, as Redis documents them, where worth telling; syntax in one line for the reference page. */
  readonly syntax: string;
  readonly run: Handler<C>;
  readonly subcommands?: readonly CommandSpec<C>[];
}

/** No keys. */
export const NO_KEYS: KeyPositions = { first: 0, last: 0, step: 0 };
/** One key, the first argument. */
export const ONE_KEY: KeyPositions = { first: 1, last: 1, step: 1 };
/** All arguments are keys. */
export const ALL_KEYS: KeyPositions = { first: 1, last: -1, step: 1 };
