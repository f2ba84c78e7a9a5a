import { slotOf } from '../cluster/core/slot.js';
import type { ClientState } from './client.js';
import type { CallOwner, CommandCall } from './command-call.js';
import type { CommandRow } from './commands/table.js';
import { Errors } from './errors.js';
import type { Executor } from './executor.js';
import { type Hold, PendingSlots } from './pending-slots.js';
import { ProtocolError, type RequestDecoder } from './resp/decoder.js';
import { type ReplyBytes, ReplyWriter } from './resp/reply.js';

/** What a session needs of its server. */
export interface SessionHost {
  readonly executor: Executor;
  /** True while no such command may start: CLIENT PAUSE, or storage and peers that lag behind. `resume` follows. */
  holdUp(isWrite: boolean): boolean;
  /** The session has replies to write, or commands to start, at the end of this turn. */
  wake(session: Session): void;
  /** Commands of one connection under way at most. */
  maxPipeline(): number;
}

/** Calls kept for reuse, so that a command costs no new object on the way most take. */
const KEPT_CALLS = 32;

/**
 * One client's commands in their order. Those of a pipeline are under way together as long as nobody can tell: replies keep
 * their order, and a command waits while an earlier one on its slot has not had its effect.
 */
export class Session implements CallOwner {
  private queue: CommandCall[] = [];
  private head = 0;
  /** Read from the client, but an earlier command has to have its effect first. */
  private waiting: CommandCall | null = null;
  private readonly slots = new PendingSlots();
  private readonly unrun = new Set<CommandCall>();
  private aloneUnderWay = false;
  private readonly free: CommandCall[] = [];
  private readonly out = new ReplyWriter();
  private pumping = false;
  private closed = false;

  constructor(
    readonly client: ClientState,
    private readonly decoder: RequestDecoder,
    private readonly host: SessionHost,
  ) {}

  /** Nothing under way and nothing to write. */
  get idle(): boolean {
    return this.head === this.queue.length && this.waiting === null && this.out.empty;
  }

  /** A command cannot start yet: what else the client sends need not be read. */
  get blocked(): boolean {
    return this.waiting !== null || this.underWay >= this.host.maxPipeline();
  }

  /** Replies that are final and in order, to be written now. */
  takeReplies(): ReplyBytes {
    return this.out.take();
  }

  get hasReplies(): boolean {
    return !this.out.empty;
  }

  /** The client is gone: commands under way end by themselves, their replies are dropped. */
  close(): void {
    this.closed = true;
    this.waiting = null;
    this.client.transaction.discard();
  }

  /** Starts whatever can start. Called with each chunk, and at the end of a turn in which something was waited for. */
  pump(): void {
    if (this.pumping || this.closed) return;
    this.pumping = true;
    while (this.startNext()) {}
    this.pumping = false;
    if (!this.out.empty) this.host.wake(this);
  }

  ran(call: CommandCall): void {
    if (!this.unrun.delete(call)) return;
    const hold = holdOf(call);
    for (const slot of call.slots) this.slots.remove(slot, hold);
    this.host.wake(this);
  }

  finished(call: CommandCall): void {
    if (call.row.alone) this.aloneUnderWay = false;
    this.host.executor.server.stats.finished(call.row, call);
    const { queue } = this;
    while (this.head < queue.length && queue[this.head].done) {
      const first = queue[this.head++];
      this.emit(first.reply.take());
      if (this.free.length < KEPT_CALLS) this.free.push(first);
    }
    if (this.head === queue.length) {
      queue.length = 0;
      this.head = 0;
    } else if (this.head > 256) {
      this.queue = queue.slice(this.head);
      this.head = 0;
    }
    this.host.wake(this);
  }

  private get underWay(): number {
    return this.queue.length - this.head;
  }

  private startNext(): boolean {
    const { waiting, client } = this;
    if (waiting !== null) {
      if (!this.mayStart(waiting)) return false;
      this.waiting = null;
      this.launch(waiting);
      return true;
    }
    if (client.closeAfterReply || this.underWay >= this.host.maxPipeline()) return false;
    const argv = this.decoder.next();
    if (argv === null) return false;
    if (argv instanceof ProtocolError) {
      this.refuse(argv.message);
      return false;
    }
    this.accept(argv);
    return true;
  }

  /** The stream makes no sense any more: the replies under way, the reason, the end. */
  private refuse(message: string): void {
    const { client, host } = this;
    const call = host.executor.newCall();
    call.init(['?'], host.executor.server.table.none, client, this, host.executor.server.nowMs());
    this.queue.push(call);
    client.closeAfterReply = true;
    call.finish(message === '' ? null : message);
  }

  private accept(argv: readonly string[]): void {
    const { client, host } = this;
    const { server } = host.executor;
    const now = server.nowMs();
    client.lastCommandMs = now;
    const found = server.table.resolve(argv);
    const call = this.free.pop() ?? host.executor.newCall();
    const row = typeof found === 'string' ? server.table.none : found;
    call.init(argv, row, client, this, now);
    call.startedAt = server.preciseNow();
    this.queue.push(call);
    const objection = typeof found === 'string' ? found : this.objection(row);
    if (objection !== null) {
      client.transaction.spoil();
      call.finish(objection);
      return;
    }
    client.lastCommand = row.spec.name;
    if (client.transaction.takes(row)) {
      client.transaction.queue(argv, row);
      call.reply.simple('QUEUED');
      call.finish(null);
    } else if (this.mayStart(call)) {
      this.launch(call);
    } else {
      this.waiting = call;
    }
  }

  private objection(row: CommandRow): string | null {
    return this.client.authenticated || row.noAuth ? null : Errors.noAuth;
  }

  private mayStart(call: CommandCall): boolean {
    const { row } = call;
    if (this.aloneUnderWay || this.host.holdUp(row.isWrite)) return false;
    // The queue's last is the call itself.
    if (row.alone) return this.underWay === 1;
    if (this.unrun.size === 0) return true;
    const hold = holdOf(call);
    if (row.oneKey) return !this.slots.conflicts(slotOf(call.argv[1]), hold);
    for (const { key } of row.keysOf(call.argv, call.db)) {
      if (this.slots.conflicts(slotOf(key), hold)) return false;
    }
    return true;
  }

  private launch(call: CommandCall): void {
    if (call.row.alone) this.aloneUnderWay = true;
    this.host.executor.start(call);
    if (call.hasRun) return;
    this.unrun.add(call);
    const hold = holdOf(call);
    for (const slot of call.slots) this.slots.add(slot, hold);
  }

  private emit(bytes: ReplyBytes): void {
    const { client } = this;
    if (client.replyMode === 'on') this.out.raw(bytes);
    else if (client.replyMode === 'skip') client.replyMode = 'on';
    else if (client.replyMode === 'skip-next') client.replyMode = 'skip';
  }
}

function holdOf(call: CommandCall): Hold {
  if (!call.isWrite) return 'read';
  return call.row.oneKey ? 'write' : 'exclusive';
}
