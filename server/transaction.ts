import { slotOf } from '../cluster/core/slot.js';
import type { RemoteSettings } from './call-codec.js';
import type { ClientState } from './client.js';
import type { CommandCall } from './command-call.js';
import { parseInt32 } from './commands/generic/db-index.js';
import type { KeyRef } from './commands/spec.js';
import type { CommandRow } from './commands/table.js';
import { Errors } from './errors.js';
import { type ExecDone, ExecRun, type QueuedCommand, type WatchedKey } from './exec-run.js';
import type { Executor } from './executor.js';
import { ForwardedExec } from './forwarded-exec.js';
import { ForwardedWatch } from './forwarded-watch.js';
import { type WatchDone, WatchRead } from './watch-read.js';

/** What MULTI does not queue, as in Redis's `processCommand`. */
const RUN_INSIDE_MULTI = new Set(['exec', 'discard', 'multi', 'watch', 'quit', 'reset']);

/** A flush runs on all nodes, the keys' commands on one: nothing could hold their order. */
const FLUSH_WITH_KEYS =
  'ERR FLUSHALL and FLUSHDB are not allowed in a transaction with keys in a cluster of several nodes';

/**
 * A connection's MULTI and WATCH (https://redis.io/docs/latest/develop/interact/transactions/). EXEC runs all queued commands in
 * one synchronous step on the node that coordinates their slot, so nothing comes between them; on a node alone the
 * keys may be in any slots.
 */
export class Transaction {
  private queued: QueuedCommand[] | null = null;
  /** The database that the next queued command will find: a queued SELECT changes it. */
  private db = 0;
  private spoiled = false;
  private watches: WatchedKey[] = [];

  constructor(
    private readonly client: ClientState,
    private readonly executor: Executor,
  ) {}

  get active(): boolean {
    return this.queued !== null;
  }

  /** Whether a queued command is a write. */
  get writes(): boolean {
    return this.queued?.some(({ row }) => row.isWrite) ?? false;
  }

  /** Of all queued commands. */
  get keys(): KeyRef[] {
    return this.queued?.flatMap(({ row, argv, db }) => (row.hasKeys ? row.keysOf(argv, db) : [])) ?? [];
  }

  /** Whether the command is to be queued instead of run. */
  takes(row: CommandRow): boolean {
    return this.queued !== null && !RUN_INSIDE_MULTI.has(row.spec.name);
  }

  /** An error while queueing: EXEC will refuse. */
  spoil(): void {
    if (this.queued !== null) this.spoiled = true;
  }

  /** An EXEC that is not even run ends the transaction; the error it is answered with. */
  abort(objection: string): string {
    this.discard();
    return `EXECABORT Transaction discarded because of: ${objection.replace(/^ERR /, '')}`;
  }

  queue(argv: readonly string[], row: CommandRow): void {
    if (this.queued === null) return;
    this.queued.push({ argv, row, db: this.db });
    this.client.queued = this.queued.length;
    const { databases } = this.executor.server.settings.values;
    const db = row.spec.name === 'select' ? parseInt32(argv[1]) : undefined;
    if (db !== undefined && db >= 0 && db < databases) this.db = db;
  }

  /** False inside a transaction already begun. */
  begin(): boolean {
    if (this.queued !== null) return false;
    this.queued = [];
    this.db = this.client.db;
    this.client.queued = 0;
    return true;
  }

  /** Forgets queued commands and watched keys. */
  discard(): void {
    this.queued = null;
    this.spoiled = false;
    this.client.queued = -1;
    this.unwatch();
  }

  unwatch(): void {
    this.watches = [];
    this.client.watching = 0;
  }

  /** `call` is the WATCH and is answered now or later. A key watched before keeps its first state. */
  watch(call: CommandCall): void {
    const keys = call.argv.slice(1);
    const late = call.later();
    this.lookAt(call, keys, (outcome) => {
      if (typeof outcome === 'string') {
        late.reply.error(outcome);
      } else {
        keys.forEach((key, i) => {
          if (!this.isWatched(call.db, key)) this.watches.push({ db: call.db, key, state: outcome[i] });
        });
        this.client.watching = this.watches.length;
        late.reply.ok();
      }
      late.done();
    });
  }

  /**
   * Whether a command reads a watched key, and nothing outside of its slot: then it is asked of the slot's register, as WATCH and EXEC
   * are. What it answers must not be older than what EXEC will find unchanged.
   */
  looksAtWatched(row: CommandRow, argv: readonly string[]): boolean {
    if (row.isWrite || !row.hasKeys) return false;
    const refs = row.keysOf(argv, this.client.db);
    return (
      refs.some(({ db, key }) => this.isWatched(db, key)) &&
      refs.every(({ key }) => slotOf(key) === slotOf(refs[0].key))
    );
  }

  /** Runs what was queued; `call` is the EXEC and is answered now or later. */
  exec(call: CommandCall): void {
    const { queued, spoiled, watches } = this;
    if (queued === null) return call.reply.error('ERR EXEC without MULTI');
    this.discard();
    if (spoiled) return call.reply.error('EXECABORT Transaction discarded because of previous errors.');
    const late = call.later();
    this.place(call, queued, watches, (outcome) => {
      if (typeof outcome === 'string') {
        late.reply.error(outcome);
      } else if (outcome === null) {
        late.reply.nullArray();
      } else {
        late.reply.array(outcome.length);
        for (const reply of outcome) late.reply.raw(reply);
      }
      late.done();
    });
  }

  private isWatched(db: number, key: string): boolean {
    return this.watches.some((watched) => watched.db === db && watched.key === key);
  }

  private lookAt(call: CommandCall, keys: readonly string[], done: WatchDone): void {
    const { client, executor } = this;
    const { node } = executor;
    const objection = this.objection(call);
    if (objection !== null) return done(objection);
    const settings = settingsOf(client, call);
    const read = new WatchRead(executor, settings, keys, call.now, done);
    if (!read.serial) return executor.coordinator.begin(read);
    if (!read.inOneSlot) return done(Errors.crossSlot);
    const forwarded = new ForwardedWatch(executor, read, settings, keys, done);
    node.forwarder.start(forwarded);
  }

  /** Why nothing with keys can be begun just now. */
  private objection({ startedAt }: CommandCall): string | null {
    const { node, formingText } = this.executor;
    return node.ready ? node.refusal(startedAt) : formingText;
  }

  /** Of the keys it reads: see `Tracking.expect`. */
  private expectChanges(queued: readonly QueuedCommand[]): void {
    const { client, executor } = this;
    if (client.tracking?.remembers !== true) return;
    for (const { argv, row, db } of queued)
      if (row.isRead)
        for (const { key } of row.keysOf(argv, db)) executor.server.tracking.expect(client, key, slotOf(key));
  }

  /** Here or on the coordinator of its slot. */
  private place(call: CommandCall, queued: QueuedCommand[], watches: WatchedKey[], done: ExecDone): void {
    const { client, executor } = this;
    const { node } = executor;
    const settings = settingsOf(client, call);
    const { hotReads } = executor.server;
    const end: ExecDone = (outcome) => {
      if (hotReads.on) hotReads.written(run);
      done(outcome);
    };
    const run = new ExecRun(executor, client, settings, queued, watches, call.now, end);
    if (run.count === 0) return run.start();
    if (hotReads.on) hotReads.written(run);
    const objection = this.objection(call);
    if (objection !== null) return done(objection);
    if (node.topology.alone) return run.start();
    this.expectChanges(queued);
    if (queued.some(({ row }) => row.isWrite && !row.hasKeys)) return done(FLUSH_WITH_KEYS);
    if (!run.inOneSlot) return done(Errors.crossSlot);
    if (!run.serial && node.forwarder.runsHere(run.places[0].slot)) return run.start();
    node.forwarder.start(new ForwardedExec(run, settings, watches, queued, end));
  }
}

function settingsOf({ db, resp }: ClientState, { readLevel, writeLevel }: CommandCall): RemoteSettings {
  return { db, resp, readLevel, writeLevel };
}
