import { DEFAULT, type Level } from '../cluster/core/levels.js';
import type { RespVersion } from './resp/reply.js';
import { RoutingHabit } from './routing-habit.js';
import type { ClientTracking } from './tracking/client-tracking.js';
import type { Transaction } from './transaction.js';

/** CLIENT REPLY modes; `skip-next` becomes `skip` for exactly one command. */
export type ReplyMode = 'on' | 'off' | 'skip-next' | 'skip';

/**
 * What a connection carries between commands: everything CLIENT, HELLO, AUTH, SELECT and KV.CONSISTENCY can see or change.
 * The queue of replies and the parser are the session's own (`session.ts`).
 */
export class ClientState {
  name = '';
  libName = '';
  libVersion = '';
  user = 'default';
  authenticated: boolean;
  db = 0;
  resp: RespVersion = 2;
  replyMode: ReplyMode = 'on';
  noEvict = false;
  noTouch = false;
  readonlyMode = false;
  /** It asked who serves which slots, or for a replica: it can follow a MOVED. */
  knowsSlots = false;
  /** What its keys tell of that, as long as it has not asked. */
  habit = new RoutingHabit();
  readLevel: Level = DEFAULT;
  writeLevel: Level = DEFAULT;
  /** Unix ms. */
  lastCommandMs: number;
  lastCommand = 'NULL';
  commandsServed = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Commands queued by MULTI, -1 outside a transaction (as CLIENT LIST prints it). */
  queued = -1;
  watching = 0;
  closeAfterReply = false;
  /** CLIENT TRACKING; null: off. */
  tracking: ClientTracking | null = null;
  /** CLIENT MAINT_NOTIFICATIONS: before the node stops it is told an `address` to go to, or to connect `again`; null: nothing. */
  movesTo: 'address' | 'again' | null = null;
  /** SUBSCRIBE, to the one channel there is: `__redis__:invalidate`. */
  subscribed = false;
  /** MULTI and WATCH; set once, when the session is made. */
  transaction!: Transaction;
  /** Sends bytes that are no reply, behind the replies to all commands under way. Does nothing once the connection has ended. */
  push: (bytes: string) => void = () => {};
  /** Runs once all commands under way are answered: at once if there are none. Not at all once the connection has ended. */
  whenAnswered: (run: () => void) => void = () => {};

  constructor(
    readonly id: number,
    readonly address: string,
    readonly localAddress: string,
    /** Unix ms. */
    readonly createdMs: number,
    needsPassword: boolean,
    /** Ends the connection at once, or after the replies under way when it is the caller's own. */
    readonly kill: () => void,
    /** Bytes waiting to be read by the client, and bytes of a command not yet complete. */
    readonly buffers: () => { output: number; input: number },
  ) {
    this.authenticated = !needsPassword;
    this.lastCommandMs = createdMs;
  }
}
