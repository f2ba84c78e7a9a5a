import { type CallDone, PeerCalls } from './core/peer-calls.js';
import { TransitAges } from './core/transit-ages.js';
import type { Clock } from './environment.js';
import { Message } from './messages.js';
import type { FrameReader } from './transport/frame-reader.js';
import type { PeerId, Transport } from './transport.js';

/** So long `whenServed` waits at most, ms, */
const SERVED_PATIENCE_MS = 2000;
/** and looks so often. */
const LOOK_MS = 50;

/** What the room above does for callers; `reply` is called once. */
export interface CallHandlers {
  /** Runs a command. Nobody waits for it any more from `deadline` on (by `Clock.elapsed`), which may be past already. */
  forwarded(payload: string, deadline: number, reply: (answer: string) => void): void;
  /** Answers a question about the whole keyspace. */
  query(kind: number, payload: string, reply: (answer: string) => void): void;
}

/** Commands and questions from node to node, and their answers. */
export class Calls {
  private readonly open: PeerCalls;
  private readonly ages = new TransitAges();
  private handlers: CallHandlers | undefined;
  /** Commands of other nodes that were begun here and not answered yet. */
  private serving = 0;

  constructor(
    private readonly transport: Transport,
    private readonly clock: Clock,
    firstRequest: number,
    /** ms */
    private readonly requestTimeout: () => number,
    /** For how long, at most, what is read at this moment may have lain in the socket, ms. */
    private readonly behind: (elapsedMs: number) => number,
  ) {
    this.open = new PeerCalls(firstRequest);
  }

  /** Calls without an answer. */
  get underWay(): number {
    return this.open.size;
  }

  serve(handlers: CallHandlers): void {
    this.handlers = handlers;
  }

  /**
   * Sends a command to its coordinator, which may begin it within `budgetMs`: clocks differ, so no moment is named. The time of
   * sending goes along only to be held against that of others.
   */
  readonly forward = (peer: PeerId, budgetMs: number, payload: string, done: CallDone): void => {
    const call = this.begin(peer, budgetMs, done);
    if (call === 0) return;
    const out = this.transport.writer(peer)!;
    out.begin();
    out.u8(Message.Forward);
    out.u32(call);
    out.u32(Math.floor(this.clock.elapsed()) >>> 0);
    out.u32(Math.ceil(budgetMs));
    out.latin1(payload);
    if (!out.end()) this.open.cancel(call);
  };

  /** Asks a peer about the whole keyspace. */
  query(peer: PeerId, kind: number, payload: string, done: CallDone): void {
    const call = this.begin(peer, this.requestTimeout(), done);
    if (call === 0) return;
    const out = this.transport.writer(peer)!;
    out.begin();
    out.u8(Message.Query);
    out.u32(call);
    out.u8(kind);
    out.latin1(payload);
    if (!out.end()) this.open.cancel(call);
  }

  // Each false: the message is garbled.

  onForward(peer: PeerId, body: FrameReader): boolean {
    const id = body.u32();
    const sentMs = body.u32();
    const budget = body.u32();
    const payload = body.latin1();
    if (!body.finished) return false;
    const now = this.clock.elapsed();
    const age = Math.max(this.ages.age(peer, sentMs, now), this.behind(now));
    const deadline = now + budget - age;
    this.serving++;
    this.handlers?.forwarded(payload, deadline, (answer) => {
      this.serving--;
      this.reply(peer, Message.ForwardReply, id, answer);
    });
    return true;
  }

  onQuery(peer: PeerId, body: FrameReader): boolean {
    const id = body.u32();
    const kind = body.u8();
    const payload = body.latin1();
    if (!body.finished) return false;
    this.handlers?.query(kind, payload, (answer) => this.reply(peer, Message.QueryReply, id, answer));
    return true;
  }

  onReply(peer: PeerId, body: FrameReader): boolean {
    const id = body.u32();
    const answer = body.latin1();
    if (!body.finished) return false;
    this.open.answer(peer, id, answer);
    return true;
  }

  /** There is a new connection. */
  peerUp(peer: PeerId): void {
    this.ages.forget(peer);
  }

  /** Nothing is expected of it any more. */
  peerDown(peer: PeerId): void {
    this.open.peerDown(peer);
  }

  /** Calls back when the commands of others that are under way here are answered, or after a while. */
  whenServed(done: () => void): void {
    const deadline = this.clock.elapsed() + SERVED_PATIENCE_MS;
    const look = (): void => {
      if (this.serving === 0 || this.clock.elapsed() >= deadline) done();
      else this.clock.setTimer(LOOK_MS, look);
    };
    // Some may be on their way.
    this.clock.setTimer(2 * LOOK_MS, look);
  }

  expire(elapsedMs: number): void {
    this.open.expire(elapsedMs);
  }

  /** The number of a call that can be sent now; 0: it cannot, and `done` has been told why. */
  private begin(peer: PeerId, budgetMs: number, done: CallDone): number {
    if (this.transport.writer(peer) === undefined) {
      done(null, this.transport.isUp(peer) ? 'crowded' : 'not-sent');
      return 0;
    }
    // The other side gives up first, so that its word on what happened can still arrive.
    return this.open.begin(peer, this.clock.elapsed() + budgetMs + this.requestTimeout(), done);
  }

  private reply(peer: PeerId, type: number, id: number, answer: string): void {
    const out = this.transport.writer(peer);
    if (out === undefined) return;
    out.begin();
    out.u8(type);
    out.u32(id);
    out.latin1(answer);
    out.end();
  }
}
