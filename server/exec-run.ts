import { Operation } from '../cluster/core/operation.js';
import { slotOf } from '../cluster/core/slot.js';
import { type KeyRecord, NEVER_WRITTEN, TOMBSTONE, visible } from '../storage/record.js';
import type { WriterTable } from '../storage/writers.js';
import type { RemoteSettings } from './call-codec.js';
import type { ClientState } from './client.js';
import type { CallOwner, CommandCall } from './command-call.js';
import type { KeyRef } from './commands/spec.js';
import type { CommandRow } from './commands/table.js';
import type { Executor } from './executor.js';
import type { ReplyBytes } from './resp/reply.js';
import { hasPeers, isSerial } from './serial.js';

export interface QueuedCommand {
  readonly argv: readonly string[];
  readonly row: CommandRow;
  readonly db: number;
}

export interface WatchedKey extends KeyRef {
  /** `fingerprint` when it was watched. */
  readonly state: string;
}

/** Names the versions of a key and whether a client sees it: equal as long as nobody has changed it and it has not expired. */
export function fingerprint(record: KeyRecord | null, now: number, writers: WriterTable): string {
  if (record === null) return '';
  const dots = record.siblings
    .filter(({ type, payload }) => type !== TOMBSTONE || payload !== NEVER_WRITTEN)
    .map((version) => `${writers.id(version.writer)}:${version.hlc}`)
    .join();
  // A transaction has looked at a key that was not there: none of Redis's changes.
  if (dots === '') return '';
  return (visible(record, now, writers) === undefined ? GONE : ALIVE) + dots;
}

const ALIVE = '+';
const GONE = '-';

/** Set and deleted again is a change. A deleted key that was flushed is none: nobody has touched it. */
function isChanged(then: string, now: string): boolean {
  return then !== now && !(now === '' && then.startsWith(GONE));
}

/** An error line, null when a watched key had changed, or a reply per command. */
export type ExecDone = (outcome: string | null | readonly ReplyBytes[]) => void;

const NOBODY_ELSE: CallOwner = { ran: () => {}, finished: () => {} };

/**
 * EXEC: the queued commands in one step, on all of their records at once. Where a key is watched, or a command in it is linearizable by
 * itself, so is the whole.
 */
export class ExecRun extends Operation implements CallOwner {
  private readonly replies: ReplyBytes[] = [];
  /** Of the commands with keys, where these go through a register and the others have to wait until they have. */
  private repliesWithKeys: readonly ReplyBytes[] | null = null;
  private readonly indexOfCall = new Map<CommandCall, number>();
  private readonly placeOfKey = new Map<string, number>();
  private readonly physical: readonly number[];
  private unfinished = 0;
  private aborted = false;
  private recordsDone = false;
  private over = false;

  constructor(
    private readonly executor: Executor,
    private readonly client: ClientState,
    private readonly settings: RemoteSettings,
    private readonly queued: readonly QueuedCommand[],
    private readonly watches: readonly WatchedKey[],
    now: number,
    private readonly done: ExecDone,
  ) {
    super();
    this.now = now;
    this.physical = executor.server.physicalDatabases();
    this.isWrite = true;
    this.readLevel = settings.readLevel;
    this.writeLevel = settings.writeLevel;
    this.serial =
      (watches.length > 0 || queued.some(({ row, argv }) => isSerial(row, argv, settings))) &&
      hasPeers(executor.server);
    for (const watched of watches) this.take(watched);
    for (const { argv, row, db } of queued)
      if (row.hasKeys) for (const ref of row.keysOf(argv, db)) this.take(ref);
  }

  /** Runs everything here. */
  start(): void {
    if (this.count > 0) return this.executor.coordinator.begin(this);
    this.runAll();
    this.finish(null);
  }

  /** The commands with keys have run elsewhere with these replies; the others run here, and all replies come together. */
  startWith(remote: readonly ReplyBytes[]): void {
    this.runAll(remote);
    this.finish(null);
  }

  run(): void {
    const { writers } = this.executor.coordinator;
    this.aborted = this.watches.some(({ db, key, state }) =>
      isChanged(state, fingerprint(this.record(this.placeOf(db, key)), this.now, writers)),
    );
    if (this.aborted) return;
    if (this.serial) this.repliesWithKeys = this.runWithKeys();
    else this.runAll();
  }

  finish(failure: string | null): void {
    this.recordsDone = true;
    if (failure !== null) return this.conclude(failure);
    if (this.repliesWithKeys !== null && !this.aborted) this.runAll(this.repliesWithKeys);
    this.finishIfDone();
  }

  ran(): void {}

  finished(call: CommandCall): void {
    this.replies[this.indexOfCall.get(call)!] = call.reply.take();
    this.unfinished--;
    this.finishIfDone();
  }

  /** As often as the register asks: an earlier try was not applied. What has no keys may not be done twice. */
  private runWithKeys(): ReplyBytes[] {
    return this.queued
      .filter(({ row }) => row.hasKeys)
      .map((command) => {
        const call = this.newCall(command, NOBODY_ELSE);
        this.runOne(call);
        return call.reply.take();
      });
  }

  /** `withKeys`: the replies of the commands with keys, which have run. */
  private runAll(withKeys?: readonly ReplyBytes[]): void {
    let taken = 0;
    // Counted first, so that a command that ends at once does not end the whole.
    this.unfinished = this.queued.length;
    for (const command of this.queued) {
      const call = this.newCall(command, this);
      this.indexOfCall.set(call, this.indexOfCall.size);
      if (withKeys !== undefined && command.row.hasKeys) {
        call.reply.raw(withKeys[taken++]);
        call.finish(null);
      } else {
        this.runOne(call);
      }
    }
  }

  private newCall({ argv, row, db }: QueuedCommand, owner: CallOwner): CommandCall {
    const call = this.executor.newCall();
    call.init(argv, row, this.client, owner, this.now);
    call.db = db;
    call.reply.resp = this.settings.resp;
    return call;
  }

  private runOne(call: CommandCall): void {
    const keys = call.row.hasKeys ? call.row.keysOf(call.argv, call.db) : [];
    if (keys.length === 0) return call.runWithoutKeys();
    call.physical = this.physical;
    call.takeKeys(keys);
    // All its writes are this transaction's: they travel together, and are confirmed together.
    call.joinTransaction(
      this,
      keys.map(({ db, key }) => this.placeOf(db, key)),
    );
    call.run();
    call.finish(null);
  }

  private take({ db, key }: KeyRef): void {
    const name = `${db}:${key}`;
    if (this.placeOfKey.has(name)) return;
    this.placeOfKey.set(name, this.count);
    this.addKey(this.physical[db], slotOf(key), key);
  }

  private placeOf(db: number, key: string): number {
    const place = this.placeOfKey.get(`${db}:${key}`);
    if (place === undefined) throw new Error('a transaction touches a key it has not fetched');
    return place;
  }

  private finishIfDone(): void {
    if (!this.recordsDone || (!this.aborted && this.unfinished > 0)) return;
    this.conclude(this.aborted ? null : this.replies);
  }

  private conclude(outcome: string | null | readonly ReplyBytes[]): void {
    if (this.over) return;
    this.over = true;
    this.done(outcome);
  }
}
