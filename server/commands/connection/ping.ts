import { DEFAULT } from '../../../cluster/core/levels.js';
import { Errors } from '../../errors.js';
import type { ReplyWriter } from '../../resp/reply.js';
import { RoutingHabit } from '../../routing-habit.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import { parseInt64 } from '../numbers.js';
import { type CommandFlag, NO_KEYS } from '../spec.js';
import { fastRow, handshakeRow } from './connection-row.js';

const ping: ServerCommandSpec = {
  name: 'ping',
  arity: -1,
  flags: ['fast'],
  keys: NO_KEYS,
  since: '1.0.0',
  group: 'connection',
  summary: 'Ping the server',
  complexity: 'O(1)',
  syntax: 'PING [message]',
  run({ argv, client, reply }) {
    if (argv.length > 2) reply.error(Errors.arity('ping'));
    else if (client.subscribed && reply.resp === 2) writePong(reply, argv[1] ?? '');
    else if (argv.length === 2) reply.bulk(argv[1]);
    else reply.simple('PONG');
  },
};

/** To a subscriber of RESP2, who reads messages. */
function writePong(reply: ReplyWriter, text: string): void {
  reply.array(2);
  reply.bulk('pong');
  reply.bulk(text);
}

const echo = fastRow({
  name: 'echo',
  arity: 2,
  since: '1.0.0',
  summary: 'Echo the given string',
  complexity: 'O(1)',
  syntax: 'ECHO message',
  run: ({ argv, reply }) => reply.bulk(argv[1]),
});

const quit = handshakeRow({
  name: 'quit',
  arity: -1,
  since: '1.0.0',
  summary: 'Close the connection',
  complexity: 'O(1)',
  syntax: 'QUIT',
  run({ client, reply }) {
    client.closeAfterReply = true;
    reply.ok();
  },
});

const select = fastRow({
  name: 'select',
  arity: 2,
  since: '1.0.0',
  summary: 'Change the selected database for the current connection',
  complexity: 'O(1)',
  syntax: 'SELECT index',
  run({ argv, client, server, reply }) {
    const index = parseInt64(argv[1]);
    if (index === undefined) return reply.error(Errors.notInteger);
    // Redis reads a C int, and says so when it does not fit.
    if (index !== Number(BigInt.asIntN(32, BigInt(index)))) return reply.error(INT_RANGE);
    if (index < 0 || index >= server.settings.values.databases) {
      return reply.error('ERR DB index is out of range');
    }
    client.db = Number(index);
    reply.ok();
  },
});

const INT_RANGE = 'ERR value is out of range, value must between -2147483648 and 2147483647';

const reset = handshakeRow({
  name: 'reset',
  arity: 1,
  since: '6.2.0',
  summary: 'Reset the connection',
  complexity: 'O(1)',
  syntax: 'RESET',
  run(call) {
    forgetAll(call);
    call.reply.simple('RESET');
  },
});

/** Makes the connection what it was when it was accepted; what it told of its library stays, as in Redis. */
function forgetAll({ client, server }: ServerCall): void {
  client.transaction.discard();
  server.tracking.disable(client);
  client.subscribed = false;
  client.db = 0;
  client.resp = 2;
  client.replyMode = 'on';
  client.name = '';
  client.user = 'default';
  client.authenticated = server.settings.values.requirepass === '';
  client.noEvict = false;
  client.noTouch = false;
  client.readonlyMode = false;
  client.knowsSlots = false;
  client.habit = new RoutingHabit();
  client.readLevel = DEFAULT;
  client.writeLevel = DEFAULT;
}

/** READONLY, READWRITE, ASKING: what clients of a Redis Cluster send. */
function clusterRow(
  name: string,
  flags: readonly CommandFlag[],
  summary: string,
  effect: (call: ServerCall) => void,
): ServerCommandSpec {
  return {
    name,
    arity: 1,
    flags,
    keys: NO_KEYS,
    since: '3.0.0',
    group: 'cluster',
    extraCategories: ['@connection'],
    summary,
    complexity: 'O(1)',
    syntax: name.toUpperCase(),
    run(call) {
      effect(call);
      call.reply.ok();
    },
  };
}

const readonly = clusterRow(
  'readonly',
  ['loading', 'stale', 'fast'],
  'Enables read queries for a connection to a cluster replica node',
  ({ client }) => {
    client.readonlyMode = true;
    client.knowsSlots = true;
  },
);

const readwrite = clusterRow(
  'readwrite',
  ['loading', 'stale', 'fast'],
  'Disables read queries for a connection to a cluster replica node',
  ({ client }) => {
    client.readonlyMode = false;
    client.knowsSlots = true;
  },
);

/** Without effect: no slot is ever half moved, so nobody was sent here by -ASK. */
const asking = clusterRow('asking', ['fast'], 'Sent by cluster clients after an -ASK redirect', () => {});

/** PING, ECHO, QUIT, SELECT, RESET, READONLY, READWRITE, ASKING. */
export const pingCommands: readonly ServerCommandSpec[] = [
  ping,
  echo,
  quit,
  select,
  reset,
  readonly,
  readwrite,
  asking,
];
