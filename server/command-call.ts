import type { Coordinator } from '../cluster/core/coordinator.js';
import { unchanged } from '../cluster/core/increment.js';
import { SERIAL } from '../cluster/core/levels.js';
import { Operation } from '../cluster/core/operation.js';
import { slotOf } from '../cluster/core/slot.js';
import { doubted, ofRead } from '../cluster/forwarder.js';
import {
  isCounter,
  type KeyRecord,
  STRING,
  TOMBSTONE,
  type VersionType,
  visible,
} from '../storage/record.js';
import { SingleRecord } from '../storage/single-record.js';
import type { ClientState } from './client.js';
import type { KeyRef, Value } from './commands/spec.js';
import type { CommandRow } from './commands/table.js';
import { ConflictError, type ConflictPolicy } from './policies/conflict-policies.js';
import { isLive } from './policies/is-live.js';
import { ReplyWriter } from './resp/reply.js';
import { hasPeers, isSerial, type Levels } from './serial.js';
import type { LateReply, ServerCall } from './server-call.js';
import type { ServerContext } from './server-context.js';

/** Who is told how a call goes on: a session, a fan-out, a transaction or another node's request. */
export interface CallOwner {
  /** The command has had its effect on records (or will not have any): what follows on the same keys may start. */
  ran(call: CommandCall): void;
  /** The reply is final, in `call.reply`. */
  finished(call: CommandCall): void;
}

/** More keys than this are found through a Map instead of by looking at each. */
const FEW_KEYS = 8;

/** One command under way: what its handler sees of the world (`ServerCall`) and what the coordinator sees of it. */
export class CommandCall extends Operation implements ServerCall {
  readonly reply = new ReplyWriter();
  argv: readonly string[] = [];
  db = 0;
  row!: CommandRow;
  client!: ClientState;
  owner!: CallOwner;
  /** The stored databases behind the numbers, as they were when the command began. */
  physical: readonly number[] = [];
  /** Its effect is past; only the reply may be outstanding. */
  hasRun = false;
  done = false;
  /** An earlier try of it, on another node, may have been applied. */
  doubtful = false;
  /** The keys it reads are to be remembered for its client: CLIENT TRACKING. */
  remembered = false;
  /** A read of a hot key whose answer is kept for others: when it began by `Clock.elapsed` (0: not such a read), and the stamp it had. */
  hotSince = 0;
  hotStamp = 0;
  /** Its keys' answers are kept no more when it is over. */
  endsHotReads = false;
  /** The error line it gets instead of being run. */
  refusal: string | null = null;
  /** ms with a fraction, for the slow log. */
  startedAt = 0;
  private isLate = false;
  private indexOfKey: Map<string, number> | undefined;
  /** The transaction it is a step of, and the places of its keys there. */
  private transaction: Operation | null = null;
  private placesThere: readonly number[] = [];

  constructor(
    readonly server: ServerContext,
    private readonly coordinatorOfRecords: Coordinator,
  ) {
    super();
  }

  init(argv: readonly string[], row: CommandRow, client: ClientState, owner: CallOwner, now: number): void {
    this.argv = argv;
    this.row = row;
    this.client = client;
    this.owner = owner;
    this.now = now;
    this.isWrite = row.isWrite;
    this.overwrites = row.spec.overwrites?.(argv) === true;
    this.takeSettings(client);
    this.hasRun = false;
    this.done = false;
    this.refusal = null;
    this.doubtful = false;
    this.hotSince = 0;
    this.endsHotReads = false;
    this.isLate = false;
    this.indexOfKey = undefined;
    this.transaction = null;
    this.reset();
  }

  /** The database, protocol and levels that the client's commands have from here on. */
  takeSettings(client: ClientState): void {
    this.db = client.db;
    this.physical = this.server.physicalDatabases();
    this.reply.resp = client.resp;
    this.takeLevels(client);
    this.remembered = client.tracking?.remembers === true && this.row.isRead;
    if (client.watching > 0 && client.transaction.looksAtWatched(this.row, this.argv))
      this.takeLevels({ readLevel: SERIAL, writeLevel: this.writeLevel });
  }

  takeLevels(levels: Levels): void {
    this.readLevel = levels.readLevel;
    this.writeLevel = levels.writeLevel;
    this.serial = isSerial(this.row, this.argv, this) && hasPeers(this.server);
  }

  /** Takes the keys the row names. */
  takeKeys(refs: readonly KeyRef[]): void {
    for (const { db, key } of refs) this.addKey(this.physical[db], slotOf(key), key);
    if (this.count > FEW_KEYS) this.indexKeys();
  }

  /** It reads and writes as a part of `transaction`, whose places of its keys are `places`. */
  joinTransaction(transaction: Operation, places: readonly number[]): void {
    this.transaction = transaction;
    this.placesThere = places;
  }

  override record(index: number): KeyRecord | null {
    const { transaction } = this;
    return transaction === null ? super.record(index) : transaction.record(this.placesThere[index]);
  }

  // --- what the handler sees ---

  read(key: string, db = this.db): Value | undefined {
    const { now, server } = this;
    const { writers } = this.coordinatorOfRecords;
    const index = this.indexOf(key, db);
    const record = this.record(index);
    const policy = this.policyOf(record, index, db);
    const value =
      policy === null
        ? visible(record, now, writers)
        : server.policies.resolve(policy, record!.siblings, key, now);
    if (!this.isWrite) {
      if (value === undefined) this.server.stats.misses++;
      else this.server.stats.hits++;
    }
    return value;
  }

  exists(key: string, db = this.db): boolean {
    const isThere = this.isThere(this.indexOf(key, db), db);
    if (!this.isWrite) {
      if (isThere) this.server.stats.hits++;
      else this.server.stats.misses++;
    }
    return isThere;
  }

  /** The whole record of a key, for commands that show versions. */
  recordOf(key: string, db = this.db): KeyRecord | null {
    return this.record(this.indexOf(key, db));
  }

  write(key: string, payload: string, expireAt: number, db = this.db): void {
    this.writeAt(this.indexOf(key, db), STRING, payload, expireAt);
  }

  increment(key: string, amount: number | bigint, db = this.db): void {
    const index = this.indexOf(key, db);
    if (this.policyOf(this.record(index), index, db) !== null) {
      const { payload, expireAt } = this.read(key, db) ?? { payload: '0', expireAt: 0 };
      return this.writeAt(index, STRING, String(BigInt(payload) + BigInt(amount)), expireAt);
    }
    const { transaction, coordinatorOfRecords } = this;
    if (transaction === null) coordinatorOfRecords.increment(this, index, amount);
    else coordinatorOfRecords.increment(transaction, this.placesThere[index], amount);
  }

  keepUntil(key: string, expireAt: number, db = this.db): void {
    const index = this.indexOf(key, db);
    if (this.policyOf(this.record(index), index, db) !== null)
      return this.writeAt(index, STRING, this.read(key, db)!.payload, expireAt);
    const { type, payload } = unchanged(this.record(index)!, this.now, this.coordinatorOfRecords.writers);
    this.writeAt(index, type, payload, expireAt);
  }

  /** A new version takes the place of what `seen` covers and of nothing else; null deletes that. */
  writeSeen(key: string, seen: readonly number[], payload: string | null, expireAt: number): void {
    const index = this.indexOf(key, this.db);
    if (payload === null) this.writeAt(index, TOMBSTONE, '', 0, seen);
    else this.writeAt(index, STRING, payload, expireAt, seen);
  }

  /** What counts of a context that the client has given back; null: it is too far ahead of this node's clock. */
  admitContext(key: string, seen: readonly number[]): readonly number[] | null {
    return this.coordinatorOfRecords.admitContext(seen, this.recordOf(key));
  }

  remove(key: string, db = this.db): boolean {
    const index = this.indexOf(key, db);
    if (!this.isThere(index, db)) return false;
    this.writeAt(index, TOMBSTONE, '', 0);
    return true;
  }

  later(): LateReply {
    this.isLate = true;
    return { reply: this.reply, done: () => this.finish(null) };
  }

  // --- what the coordinator sees ---

  run(): void {
    // What a try replied that was certainly not applied.
    if (this.serial) this.reply.take();
    if (this.hotSince > 0) this.keepHot();
    if (this.client.tracking === null) this.runHandler();
    else this.runTracked();
    // What goes through a register takes effect when the register says so.
    if (!this.serial) this.markRun();
  }

  finish(failure: string | null): void {
    if (failure !== null) {
      this.reply.take();
      this.reply.error(this.isWrite ? (this.doubtful ? doubted(failure) : failure) : ofRead(failure));
    }
    if (this.endsHotReads) this.server.hotReads.written(this);
    this.markRun();
    this.done = true;
    this.owner.finished(this);
  }

  /** Runs a command without keys; it finishes now, or later if its handler said so. */
  runWithoutKeys(): void {
    this.runHandler();
    if (!this.isLate) this.finish(null);
  }

  private writeAt(
    index: number,
    type: VersionType,
    payload: string,
    expireAt: number,
    seen: readonly number[] | null = null,
  ): void {
    const { transaction, coordinatorOfRecords } = this;
    if (transaction === null) coordinatorOfRecords.write(this, index, type, payload, expireAt, seen);
    else coordinatorOfRecords.write(transaction, this.placesThere[index], type, payload, expireAt, seen);
  }

  private runHandler(): void {
    try {
      this.row.spec.run(this);
    } catch (error) {
      // Commands read before they write: nothing has been done.
      if (!(error instanceof ConflictError) || this.wrote) throw error;
      this.reply.take();
      this.reply.error(error.message);
    }
  }

  private keepHot(): void {
    const [place] = this.places;
    this.server.hotReads.keep(place, place.record, this.hotStamp, this.hotSince);
  }

  private runTracked(): void {
    const { client } = this;
    const { tracking } = this.server;
    tracking.writer = client;
    this.runHandler();
    tracking.writer = null;
    if (!this.remembered) return;
    for (let i = 0; i < this.count; i++) tracking.remember(client, this.places[i].key, this.places[i].slot);
  }

  /** What is done about the concurrent versions of its `index`th key; null when there are none, the newest counts, or they are counters. */
  private policyOf(record: KeyRecord | null, index: number, db: number): ConflictPolicy | null {
    if (
      record === null ||
      record instanceof SingleRecord ||
      record.siblings.length < 2 ||
      record.siblings.some(isCounter)
    )
      return null;
    return this.server.policies.of(db, this.places[index].key);
  }

  private isThere(index: number, db: number): boolean {
    const record = this.record(index);
    if (this.policyOf(record, index, db) === null)
      return visible(record, this.now, this.coordinatorOfRecords.writers) !== undefined;
    return record!.siblings.some((version) => isLive(version, this.now));
  }

  private markRun(): void {
    if (this.hasRun) return;
    this.hasRun = true;
    this.owner.ran(this);
  }

  /** Takes the one key of a command that has just one. */
  takeKey(key: string): void {
    this.addKey(this.physical[this.db], slotOf(key), key);
  }

  private indexOf(key: string, logicalDb: number): number {
    const db = this.physical[logicalDb];
    if (this.indexOfKey !== undefined) {
      const index = this.indexOfKey.get(`${db}:${key}`);
      if (index !== undefined) return index;
    } else {
      for (let i = 0; i < this.count; i++) {
        const place = this.places[i];
        if (place.key === key && place.db === db) return i;
      }
    }
    throw new Error(`${this.row.spec.name} touches a key that its row does not name`);
  }

  private indexKeys(): void {
    const index = new Map<string, number>();
    for (let i = 0; i < this.count; i++) index.set(`${this.places[i].db}:${this.places[i].key}`, i);
    this.indexOfKey = index;
  }
}
