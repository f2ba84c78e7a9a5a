import { connect, type Socket } from 'node:net';
import RedisParser from 'redis-parser';

/** A reply as redis-parser gives it; an error reply is an `Error`, not thrown. */
export type Reply = string | number | null | Error | readonly Reply[];

/** Why a request got no reply at all. */
export class ConnectionLost extends Error {}

/** One connection to one node. It does not reconnect: whoever uses it decides when. */
export class RespClient {
  closed = false;
  private readonly waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void }[] = [];

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    const answer = (reply: Reply): void => this.waiting.shift()?.resolve(reply);
    const parser = new RedisParser({ returnReply: answer, returnError: answer });
    socket.on('data', (bytes) => parser.execute(bytes));
    let why = 'the connection was closed';
    socket.on('error', (error: NodeJS.ErrnoException) => {
      why = error.code ?? error.message;
    });
    socket.on('close', () => {
      this.closed = true;
      for (const one of this.waiting.splice(0)) one.reject(new ConnectionLost(why));
    });
  }

  static open(host: string, port: number): Promise<RespClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port });
      const refused = (error: NodeJS.ErrnoException): void =>
        reject(new ConnectionLost(error.code ?? error.message));
      socket.once('error', refused);
      socket.once('connect', () => {
        socket.off('error', refused);
        resolve(new RespClient(socket));
      });
    });
  }

  /** Resolves with the reply, also when it is an error; rejects with `ConnectionLost` when there will be none. */
  command(...argv: string[]): Promise<Reply> {
    if (this.closed) return Promise.reject(new ConnectionLost('the connection was closed'));
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.socket.write(encode(argv));
    });
  }

  close(): void {
    this.socket.destroy();
  }
}

function encode(argv: readonly string[]): string {
  return `*${argv.length}\r\n${argv.map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`).join('')}`;
}
