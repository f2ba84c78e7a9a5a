/** The answer to a call, or why there is none. */
export type CallDone = (answer: string | null, failure: CallFailure | null) => void;

/** `crowded`: the peer is up, but too much is queued for it; like `not-sent` and `too-long`, it has certainly not seen the call. */
export type CallFailure = 'not-sent' | 'crowded' | 'too-long' | 'connection-lost' | 'timeout';

interface OpenCall {
  readonly peer: number;
  /** By `Clock.elapsed`, as all times here. */
  readonly deadline: number;
  readonly done: CallDone;
}

/** Questions put to peers and not yet answered: each is answered, or given up, exactly once. */
export class PeerCalls {
  private readonly open = new Map<number, OpenCall>();

  /** `nextId`: the first number, 1 to 2^32 - 1. */
  constructor(private nextId: number) {}

  get size(): number {
    return this.open.size;
  }

  /** Registers a call that has been sent; returns the number it goes by. */
  begin(peer: number, deadline: number, done: CallDone): number {
    const id = this.nextId;
    this.nextId = id === 0xffffffff ? 1 : id + 1;
    this.open.set(id, { peer, deadline, done });
    return id;
  }

  answer(peer: number, id: number, answer: string): void {
    const call = this.open.get(id);
    if (call === undefined || call.peer !== peer) return;
    this.open.delete(id);
    call.done(answer, null);
  }

  /** Takes back a call that was too long to be sent. */
  cancel(id: number): void {
    const call = this.open.get(id);
    this.open.delete(id);
    call?.done(null, 'too-long');
  }

  peerDown(peer: number): void {
    this.giveUp((call) => call.peer === peer, 'connection-lost');
  }

  expire(elapsedMs: number): void {
    this.giveUp((call) => call.deadline <= elapsedMs, 'timeout');
  }

  private giveUp(which: (call: OpenCall) => boolean, why: CallFailure): void {
    for (const [id, call] of this.open) {
      if (!which(call)) continue;
      this.open.delete(id);
      call.done(null, why);
    }
  }
}
