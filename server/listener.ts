import { createServer, type Server, type Socket } from 'node:net';
import type { Turn } from '../cluster/turn.js';
import { ClientState } from './client.js';
import { Connection, endSoon } from './connection.js';
import type { Executor } from './executor.js';
import { tellToMove } from './moving.js';
import { RequestDecoder } from './resp/decoder.js';
import type { ServerContext } from './server-context.js';
import { Session, type SessionHost } from './session.js';
import { Transaction } from './transaction.js';

/** So long a client that is told to move may take, ms. */
const MOVING_MS = 5000;

export interface ListenerHost {
  readonly server: ServerContext;
  readonly executor: Executor;
  readonly turn: Turn;
  /** Whether commands must wait just now: a paused server, storage that lags. */
  holdUp(isWrite: boolean): boolean;
}

/** The front door: accepts clients and gives each a session. */
export class Listener implements SessionHost {
  readonly clients = new Map<number, ClientState>();
  readonly executor: Executor;
  private readonly connections = new Map<Session, Connection>();
  /** Sessions that may have commands to start, and those that may have replies to write, at the end of this turn. */
  private toStart = new Set<Session>();
  private toAnswer = new Set<Session>();
  private readonly server: Server;
  private nextId = 1;
  private draining = false;
  /** While draining: those that were told to move to another node, and go when they are ready. */
  private readonly moving = new Set<Session>();

  constructor(private readonly host: ListenerHost) {
    this.executor = host.executor;
    this.server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.accept(socket));
    host.turn.addStage('commands', () => this.startCommands());
    host.turn.addStage('clients', () => this.writeReplies());
  }

  /** Resolves with the port. Rejects when the address cannot be had. */
  listen(hostName: string, port: number, backlog: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ host: hostName, port, backlog }, () => {
        this.server.removeListener('error', reject);
        const address = this.server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /**
   * No new clients; resolves when all commands under way are answered and all clients gone, or after `ms`. Clients that understand it are told
   * to move to another node (`elsewhere`, if there is one) and are waited for.
   */
  drain(ms: number, elsewhere: () => string | null): Promise<void> {
    this.draining = true;
    this.server.close();
    for (const [session, { client }] of this.connections)
      if (tellToMove(client, elsewhere, ms)) this.moving.add(session);
    const began = Date.now();
    return new Promise((resolve) => {
      const look = (): void => {
        const lasted = Date.now() - began;
        if (lasted >= MOVING_MS) this.moving.clear();
        if (this.connections.size > 0 && lasted < ms) {
          for (const session of this.connections.keys()) this.wake(session);
          setTimeout(look, 10);
          return;
        }
        for (const connection of this.connections.values()) connection.destroy();
        resolve();
      };
      look();
    });
  }

  holdUp(isWrite: boolean): boolean {
    return this.host.holdUp(isWrite);
  }

  maxPipeline(): number {
    return this.host.server.settings.values.maxPipeline;
  }

  wake(session: Session): void {
    this.toStart.add(session);
    this.toAnswer.add(session);
    this.host.turn.plan();
  }

  /** What held commands up has gone. */
  wakeAll(): void {
    for (const session of this.connections.keys()) this.wake(session);
  }

  /** Closes clients that were silent for longer than `timeout`; to be called about once a second. */
  closeIdle(): void {
    const { server } = this.host;
    const { timeout } = server.settings.values;
    if (timeout === 0) return;
    const limit = server.nowMs() - timeout * 1000;
    for (const [session, connection] of this.connections) {
      if (connection.client.lastCommandMs < limit && session.idle) connection.end();
    }
  }

  /** What waited for others may go on: before the disk's and the peers' batches leave, so that it goes with them. */
  private startCommands(): void {
    // Who is woken from here on, by the stages behind, starts in the next turn.
    if (this.toStart.size === 0) return;
    const sessions = this.toStart;
    this.toStart = new Set();
    for (const session of sessions) {
      session.pump();
      this.toAnswer.add(session);
    }
  }

  /** The last of a turn: every client gets what is due to it in one write. */
  private writeReplies(): void {
    if (this.toAnswer.size === 0) return;
    const sessions = this.toAnswer;
    this.toAnswer = new Set();
    for (const session of sessions) {
      const connection = this.connections.get(session);
      if (connection === undefined) continue;
      connection.endOfTurn();
      if (this.draining && session.idle && !this.moving.has(session)) connection.end();
    }
  }

  private accept(socket: Socket): void {
    const { server } = this.host;
    const { values } = server.settings;
    // Without a word: client libraries try again after a lost connection, and give up after an error.
    if (this.draining) return void socket.destroy();
    if (this.clients.size >= values.maxclients) {
      server.stats.rejectedConnections++;
      socket.on('error', () => {});
      socket.write('-ERR max number of clients reached\r\n');
      // What it sends is thrown away: as long as that waited unread, the client's own end would not be seen.
      socket.resume();
      endSoon(socket);
      return;
    }
    server.stats.totalConnections++;
    const id = this.nextId++;
    const address = shownAddress(socket.remoteAddress, socket.remotePort);
    const local = shownAddress(socket.localAddress, socket.localPort);
    let connection: Connection | undefined;
    const client = new ClientState(
      id,
      address,
      local,
      server.nowMs(),
      values.requirepass !== '',
      () => connection?.destroy(),
      () => ({ output: connection?.unread ?? 0, input: decoder.buffered }),
    );
    const decoder = new RequestDecoder({
      maxBulkBytes: () => values.protoMaxBulkLen,
      maxInlineBytes: values.protoInlineMaxBytes,
      maxMultibulk: MAX_MULTIBULK,
      authenticated: () => client.authenticated,
      maxQueryBuffer: values.clientQueryBufferLimit,
    });
    client.transaction = new Transaction(client, this.executor);
    const session = new Session(client, decoder, this);
    connection = new Connection(socket, client, decoder, session, server.stats, {
      maxOutputBytes: () => values.clientOutputBufferLimit,
    });
    client.push = (bytes) => session.push(bytes);
    client.whenAnswered = (run) => session.whenAnswered(run);
    this.connections.set(session, connection);
    this.clients.set(id, client);
    if (values.tcpKeepalive > 0) socket.setKeepAlive(true, values.tcpKeepalive * 1000);
    const own = connection;
    socket.on('data', (chunk) => own.take(chunk));
    socket.on('end', () => own.inputEnded());
    socket.on('error', () => {});
    socket.on('close', () => {
      session.close();
      this.connections.delete(session);
      this.moving.delete(session);
      this.clients.delete(id);
      server.tracking.disable(client);
    });
  }
}

/** As CLIENT LIST writes it: an IPv6 address in brackets. */
function shownAddress(host = '?', port = 0): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Redis's bound of arguments in one command. */
const MAX_MULTIBULK = 1024 * 1024;
