import { connect, type Socket } from 'node:net';
import { replyEnd } from './reply-end.js';

/** A connection that gives replies as the very bytes that came (latin1), for comparing two servers. */
export class RespConnection {
  private received = '';
  /** What came since, and how much is wanted before it is looked at again: a large reply is put together once. */
  private chunks: string[] = [];
  private arrived = 0;
  private wanted = 0;
  private waiting: { resolve: (reply: string) => void; reject: (error: Error) => void }[] = [];
  closed = false;

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      this.chunks.push(bytes.toString('latin1'));
      this.arrived += bytes.length;
      if (this.arrived >= this.wanted) this.deliver();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      for (const one of this.waiting.splice(0)) one.reject(new Error('the connection was closed'));
    });
  }

  static open(port: number, host = '127.0.0.1'): Promise<RespConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port }, () => resolve(new RespConnection(socket)));
      socket.once('error', reject);
    });
  }

  /** Sends one command of binary-safe latin1 arguments; resolves with the reply's bytes. */
  command(...argv: string[]): Promise<string> {
    return this.raw(encode(argv));
  }

  /** Sends all at once; resolves with the replies in order. */
  pipeline(commands: readonly (readonly string[])[]): Promise<string[]> {
    const replies = commands.map(() => this.next());
    this.socket.write(commands.map(encode).join(''), 'latin1');
    return Promise.all(replies);
  }

  /** Sends bytes as they are; resolves with the next reply. */
  raw(bytes: string): Promise<string> {
    const reply = this.next();
    this.socket.write(bytes, 'latin1');
    return reply;
  }

  /** Sends bytes and waits for nothing. */
  send(bytes: string): void {
    this.socket.write(bytes, 'latin1');
  }

  close(): void {
    this.socket.destroy();
  }

  /** The next reply that was not yet given out. Rejects when the connection ends first. */
  next(): Promise<string> {
    if (this.closed) return Promise.reject(new Error('the connection was closed'));
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.deliver();
    });
  }

  private deliver(): void {
    this.received += this.chunks.join('');
    this.chunks = [];
    let at = 0;
    while (this.waiting.length > 0 && at < this.received.length) {
      const end = replyEnd(this.received, at);
      if (end < 0) break;
      this.waiting.shift()!.resolve(this.received.slice(at, end));
      at = end;
    }
    if (at > 0) this.received = this.received.slice(at);
    this.arrived = this.received.length;
    const bulk = /^\$(\d+)\r\n/.exec(this.received);
    this.wanted = bulk === null ? 0 : bulk[0].length + Number(bulk[1]) + 2;
  }
}

/** A command as clients send it. */
export function encode(argv: readonly string[]): string {
  return `*${argv.length}\r\n${argv.map((text) => `$${text.length}\r\n${text}\r\n`).join('')}`;
}
