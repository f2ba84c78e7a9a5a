import type { Socket } from 'node:net';
import type { ClientState } from './client.js';
import type { RequestDecoder } from './resp/decoder.js';
import type { ReplyBytes } from './resp/reply.js';
import type { Session } from './session.js';
import type { Stats } from './stats.js';

/** A session that is blocked stops being read from once so many unparsed bytes wait. */
const PAUSE_BYTES = 64 * 1024;

export interface ConnectionLimits {
  /** Replies a client may leave unread, in bytes, before it is closed; 0 = no limit. */
  readonly maxOutputBytes: () => number;
}

/** One client's socket: bytes in to the session, replies out, once per turn. */
export class Connection {
  private paused = false;
  private ended = false;
  /** The client sends no more; it may still read. */
  private inputOver = false;

  constructor(
    private readonly socket: Socket,
    readonly client: ClientState,
    private readonly decoder: RequestDecoder,
    readonly session: Session,
    private readonly stats: Stats,
    private readonly limits: ConnectionLimits,
  ) {}

  /** A chunk from the socket. */
  take(chunk: Buffer): void {
    if (this.ended) return;
    this.client.bytesIn += chunk.length;
    this.stats.netIn += chunk.length;
    this.decoder.push(chunk);
    this.session.pump();
    this.answer();
    if (this.session.blocked && !this.paused && this.decoder.buffered > PAUSE_BYTES) {
      this.paused = true;
      this.socket.pause();
    }
  }

  /**
   * What was answered without waiting for anything goes out at once, so that the client works while we go on; else all of it
   * goes at the end of the turn.
   */
  private answer(): void {
    const { session } = this;
    if (session.settled && !session.full && !this.client.closeAfterReply) {
      if (session.hasReplies) this.write(session.takeReplies());
    } else if (session.hasReplies || this.client.closeAfterReply) {
      session.wake();
    }
  }

  /** The client has closed its side (`printf 'PING\r\n' | nc`): it still gets what it asked for, as from Redis. */
  inputEnded(): void {
    this.inputOver = true;
    if (this.session.idle) this.end();
  }

  /** The end of a turn: writes what is due, goes on reading if it may, ends if it must. */
  endOfTurn(): void {
    const { full } = this.session;
    if (this.session.hasReplies) this.write(this.session.takeReplies());
    if (full) {
      this.session.pump();
      if (this.session.hasReplies) this.session.wake();
    }
    if ((this.client.closeAfterReply || this.inputOver) && this.session.idle) this.end();
    else if (this.paused && !this.session.blocked) {
      this.paused = false;
      this.socket.resume();
    }
  }

  /** Closes once everything written has left. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.session.close();
    endSoon(this.socket);
  }

  destroy(): void {
    this.ended = true;
    this.session.close();
    this.socket.destroy();
  }

  /** Bytes written and not yet taken by the kernel. */
  get unread(): number {
    return this.socket.writableLength;
  }

  private write(bytes: ReplyBytes): void {
    const { socket, client } = this;
    const before = client.bytesOut;
    if (typeof bytes === 'string') {
      client.bytesOut += bytes.length;
      socket.write(bytes, 'latin1');
    } else {
      socket.cork();
      for (const chunk of bytes) {
        client.bytesOut += chunk.length;
        socket.write(chunk, 'latin1');
      }
      socket.uncork();
    }
    this.stats.netOut += client.bytesOut - before;
    const limit = this.limits.maxOutputBytes();
    if (limit > 0 && socket.writableLength > limit) this.destroy();
  }
}

const LINGER_MS = 5000;

/** Closes once everything written has left: a client that never reads or never closes would keep a half-closed socket for ever. */
export function endSoon(socket: Socket): void {
  socket.end();
  socket.setTimeout(LINGER_MS, () => socket.destroy());
}
