import { connect, type Socket } from 'node:net';
import RedisParser from 'redis-parser';

/** A node that does not answer for so long is taken for gone, ms: a change of the ring is decided within 15 s, or it is not. */
const PATIENCE_MS = 20_000;
const CONNECT_PATIENCE_MS = 3000;

/** Where a node is, and how to be let in. */
export interface NodeAddress {
  readonly host: string;
  readonly port: number;
  /** Empty: none. */
  readonly password: string;
}

/** A reply in the shape of RESP2; an error reply is thrown. */
export type Reply = string | number | null | readonly Reply[];

/** The node cannot be reached, or went away; an error reply is an ordinary Error. */
export class Unreachable extends Error {}

/** A connection to one node, for one command at a time. */
export class NodeLink {
  private waiting: { resolve(reply: Reply): void; reject(error: Error): void } | undefined;

  private constructor(private readonly socket: Socket) {
    const parser = new RedisParser({
      returnReply: (reply: Reply) => this.take()?.resolve(reply),
      returnError: (error: Error) => this.take()?.reject(error),
    });
    socket.on('data', (bytes) => parser.execute(bytes));
    socket.on('timeout', () => socket.destroy(new Error('it does not answer')));
    let why = 'the connection was closed';
    socket.on('error', (error: NodeJS.ErrnoException) => {
      why = error.code ?? error.message;
    });
    socket.on('close', () => this.take()?.reject(new Unreachable(why)));
  }

  /** Rejects with `Unreachable`, or with what the node says to the password. */
  static async open({ host, port, password }: NodeAddress): Promise<NodeLink> {
    const socket = connect({ host, port });
    socket.setTimeout(CONNECT_PATIENCE_MS);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('timeout', () => socket.destroy(new Error('it does not answer')));
      socket.once('error', (error: NodeJS.ErrnoException) =>
        reject(new Unreachable(`${host}:${port} cannot be reached: ${error.code ?? error.message}`)),
      );
    });
    socket.removeAllListeners();
    socket.setTimeout(PATIENCE_MS);
    const link = new NodeLink(socket);
    if (password !== '') await link.command('AUTH', password);
    return link;
  }

  command(...argv: string[]): Promise<Reply> {
    if (this.socket.destroyed) return Promise.reject(new Unreachable('the connection was closed'));
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.socket.write(
        `*${argv.length}\r\n${argv.map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`).join('')}`,
      );
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private take(): typeof this.waiting {
    const { waiting } = this;
    this.waiting = undefined;
    return waiting;
  }
}
