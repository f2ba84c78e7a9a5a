import type { ClientState } from './client.js';
import type { Call, CommandSpec } from './commands/spec.js';
import type { ReplyWriter } from './resp/reply.js';
import type { ServerContext } from './server-context.js';

/** A reply that comes later. It holds the command's place in the reply order; the connection's next commands wait. */
export interface LateReply {
  readonly reply: ReplyWriter;
  /** Call once, after the reply is written. */
  done(): void;
}

/** A call as commands of the server itself see it (connection, server and keyspace-wide families). */
export interface ServerCall extends Call {
  readonly client: ClientState;
  readonly server: ServerContext;
  /** From now on the reply comes through the returned object; nothing may be written to `call.reply`. */
  later(): LateReply;
}

export type ServerCommandSpec = CommandSpec<ServerCall>;
