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

/** Error replies begin with it. */
const MINUS = 45;
/** What a connection that is subscribed may still do while it speaks RESP2. */
const ALLOWED_SUBSCRIBED = new Set(['subscribe', 'unsubscribe', 'ping', 'quit', 'reset']);
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
  /** Under way by itself: nothing may start before its end. */
  private alone: CommandCall | null = null;
  private readonly free: CommandCall[] = [];
  private readonly out = new ReplyWriter();
  /** What waits for replies. */
  private afterwards: { readonly after: CommandCall; readonly run: () => void }[] = [];
  private pumping = false;
  private closed = false;

  constructor(
    readonly client: ClientState,
    private readonly decoder: RequestDecoder,
    private readonly host: SessionHost,
  ) {}

  /** Nothing under way and nothing to write. */
  get idle(): boolean {
    return this.settled && this.out.empty;
  }

  /** Nothing under way: every reply there will be is there. */
  get settled(): boolean {
    return this.head === this.queue.length && this.waiting === null;
  }

  /** Has the end of this turn come by. */
  wake(): void {
    this.host.wake(this);
  }

  /** A command cannot start yet: what else the client sends need not be read. */
  get blocked(): boolean {
    return this.waiting !== null || this.full || this.underWay >= this.host.maxPipeline();
  }

  /** Replies have to be written before more commands start: a pipeline's must not all be in memory at once. */
  get full(): boolean {
    return this.out.full;
  }

  /** Replies that are final and in order, to be written now. */
  takeReplies(): ReplyBytes {
    return this.out.take();
  }

  get hasReplies(): boolean {
    return !this.out.empty;
  }

  /**
   * Bytes that are no reply. They come behind the replies to all commands under way: one that takes back what a command reads must not
   * be in front of what it has read.
   */
  push(bytes: string): void {
    this.whenAnswered(() => {
      this.out.raw(bytes);
      this.host.wake(this);
    });
  }

  whenAnswered(run: () => void): void {
    if (this.closed) return;
    const { queue, waiting } = this;
    const last = queue.length - (waiting === null ? 1 : 2);
    if (last < this.head) run();
    else this.afterwards.push({ after: queue[last], run });
  }

  /** The client is gone: commands under way end by themselves, their replies are dropped. */
  close(): void {
    this.closed = true;
    this.waiting = null;
    this.afterwards = [];
    this.client.transaction.discard();
  }

  /**
   * Starts whatever can start. Called with each chunk, and at the end of a turn in which something was waited for; the caller sees
   * to the replies that are there then.
   */
  pump(): void {
    if (this.pumping || this.closed) return;
    this.pumping = true;
    while (this.startNext()) {}
    this.pumping = false;
  }

  ran(call: CommandCall): void {
    if (!this.unrun.delete(call)) return;
    const hold = holdOf(call);
    for (let i = 0; i < call.count; i++) this.slots.remove(call.places[i].slot, hold);
    this.host.wake(this);
  }

  finished(call: CommandCall): void {
    // Not any call of such a row: one that is refused at once ends while another is under way.
    if (call === this.alone) this.alone = null;
    if (call.row.alone) this.endCaching(call);
    this.host.executor.server.stats.finished(call.row, call);
    const { queue } = this;
    while (this.head < queue.length && queue[this.head].done) {
      const first = queue[this.head++];
      this.emit(first);
      if (this.afterwards.length > 0) this.runAfter(first);
      if (this.free.length < KEPT_CALLS) this.free.push(first);
    }
    if (this.head === queue.length) {
      // Emptied one by one a short queue keeps its memory; set to nothing it would ask for it anew with each command.
      if (queue.length > KEPT_CALLS) queue.length = 0;
      while (queue.length > 0) queue.pop();
      this.head = 0;
    } else if (this.head > 256) {
      this.queue = queue.slice(this.head);
      this.head = 0;
    }
    if (!this.pumping) this.host.wake(this);
  }

  private get underWay(): number {
    return this.queue.length - this.head;
  }

  private startNext(): boolean {
    const { waiting, client } = this;
    if (waiting !== null) {
      if (!this.mayStart(waiting)) return false;
      this.waiting = null;
      // What it waited for may have been another database or protocol: an EXEC with a SELECT.
      waiting.takeSettings(client);
      this.launch(waiting);
      return true;
    }
    if (this.closed || this.full || client.closeAfterReply || this.underWay >= this.host.maxPipeline())
      return false;
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
    const { server } = host.executor;
    call.init(['?'], server.table.none, client, this, server.nowMs());
    call.startedAt = server.preciseNow();
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
    call.refusal = objection;
    if (objection !== null) {
      if (isWebBrowser(argv[0])) return client.kill();
    } else {
      client.lastCommand = row.spec.name;
    }
    const elsewhere = objection === null ? this.elsewhere(row, argv) : null;
    if (elsewhere !== null) {
      this.redirect(call, elsewhere);
    } else if (objection === null && client.transaction.takes(row)) {
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
    const { client } = this;
    if (!client.authenticated && !row.noAuth) return Errors.noAuth;
    if (client.subscribed && client.resp === 2 && !ALLOWED_SUBSCRIBED.has(row.spec.name))
      return Errors.onlySubscribed(row.spec.name);
    return row.noMulti && client.transaction.active ? Errors.notInMulti : null;
  }

  /** In its turn: it ends or spoils a transaction, which an earlier WATCH still looks at. */
  private reject(call: CommandCall, objection: string): void {
    const { client, host } = this;
    client.transaction.spoil();
    const isExec = host.executor.server.table.lookup(call.argv[0])?.spec.name === 'exec';
    call.finish(isExec ? client.transaction.abort(objection) : objection);
  }

  /** The error that sends the client to another node. */
  private elsewhere(row: CommandRow, argv: readonly string[]): string | null {
    // Its queue's only one, and nothing behind it was read.
    const isLone = this.underWay === 1 && this.decoder.buffered === 0;
    return this.host.executor.redirects.objection(this.client, row, argv, isLone);
  }

  /** At once: it touches nothing, and within a transaction nothing is under way. */
  private redirect(call: CommandCall, line: string): void {
    const { transaction } = this.client;
    if (call.row.spec.name === 'exec') transaction.discard();
    else transaction.spoil();
    call.row.rejectedCalls++;
    call.finish(line);
  }

  private mayStart(call: CommandCall): boolean {
    const { row } = call;
    if (call.refusal !== null) return this.alone === null && this.underWay === 1;
    if (this.alone !== null || this.host.holdUp(this.mayWrite(call))) return false;
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

  /** Also when the write is inside of another command. */
  private mayWrite({ row, argv, client }: CommandCall): boolean {
    if (row.isWrite || !row.alone) return row.isWrite;
    if (row.spec.name === 'exec') return client.transaction.writes;
    if (row.spec.name !== 'kv.at') return false;
    const inner = this.host.executor.server.table.resolve(argv.slice(2));
    return typeof inner !== 'string' && inner.isWrite;
  }

  private launch(call: CommandCall): void {
    if (call.refusal !== null) return this.reject(call, call.refusal);
    if (call.row.alone) this.alone = call;
    else this.endCaching(call);
    this.host.executor.start(call);
    if (call.hasRun) return;
    this.unrun.add(call);
    const hold = holdOf(call);
    for (let i = 0; i < call.count; i++) this.slots.add(call.places[i].slot, hold);
  }

  /** CLIENT CACHING is for one command, or for the transaction that it begins (Redis's `resetClient`). */
  private endCaching({ row }: CommandCall): void {
    const { tracking, queued } = this.client;
    if (tracking !== null && queued < 0 && row.parent?.spec.name !== 'client') tracking.caching = false;
  }

  private runAfter(call: CommandCall): void {
    const due = this.afterwards.filter(({ after }) => after === call);
    this.afterwards = this.afterwards.filter(({ after }) => after !== call);
    for (const { run } of due) run();
  }

  private emit(call: CommandCall): void {
    const { client } = this;
    const bytes = call.reply.take();
    if (typeof bytes === 'string' && bytes.charCodeAt(0) === MINUS) {
      call.server.stats.errorReplies++;
      call.row.failedCalls++;
    }
    if (client.replyMode === 'on') this.out.raw(bytes);
    else if (client.replyMode === 'skip') client.replyMode = 'on';
    else if (client.replyMode === 'skip-next') client.replyMode = 'skip';
  }
}

/** A web page can make a browser send HTTP to any port: what it can smuggle into the body must not run. As Redis does. */
function isWebBrowser(command: string): boolean {
  return /^(post|host:)$/i.test(command);
}

function holdOf(call: CommandCall): Hold {
  // A register has a queue of its own: what comes after must not overtake it, nor it what came before.
  if (call.serial) return 'exclusive';
  if (!call.isWrite) return 'read';
  return call.row.oneKey ? 'write' : 'exclusive';
}
