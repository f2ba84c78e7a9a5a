import type { ClientState } from '../../client.js';
import { beforeNul, Errors } from '../../errors.js';
import type { ServerCall } from '../../server-call.js';
import type { ServerContext } from '../../server-context.js';
import { parseInteger } from '../numbers.js';
import { clientAdminRow, clientRow } from './connection-row.js';

export type ClientType = 'normal' | 'master' | 'replica' | 'pubsub';

/** Nodes talk over ports of their own: clients are normal ones, or listen for what they are to forget. */
export function typeOf(client: ClientState): ClientType {
  return client.subscribed ? 'pubsub' : 'normal';
}

/** undefined when there is no such type. */
export function parseClientType(text: string): ClientType | undefined {
  const word = text.toLowerCase();
  if (word === 'slave') return 'replica';
  return word === 'normal' || word === 'master' || word === 'replica' || word === 'pubsub' ? word : undefined;
}

/** The caller and those that are not already on their way out: a killed client is gone for whoever asks next. */
export function presentClients(server: ServerContext, self: ClientState): ClientState[] {
  return [...server.clients.values()].filter((client) => client === self || !client.closeAfterReply);
}

/** Redis's flag letters, in its order (`catClientInfoString`). */
function flagsOf(client: ClientState): string {
  const flags =
    (client.subscribed ? 'P' : '') +
    (client.queued >= 0 ? 'x' : '') +
    (client.tracking !== null ? 't' : '') +
    (client.tracking?.brokenRedirect ? 'R' : '') +
    (client.tracking?.options.bcast ? 'B' : '') +
    (client.closeAfterReply ? 'c' : '') +
    (client.readonlyMode ? 'r' : '') +
    (client.noEvict ? 'e' : '') +
    (client.noTouch ? 'T' : '');
  return flags === '' ? 'N' : flags;
}

/** One client as Redis 7.0 shows it, and its library as 7.2 does. What has no meaning here is 0 (or -1 for `fd`). */
export function clientLine(client: ClientState, now: number): string {
  const { input, output } = client.buffers();
  const seconds = (since: number): number => Math.max(0, Math.floor((now - since) / 1000));
  const fields: readonly (readonly [string, string | number])[] = [
    ['id', client.id],
    ['addr', client.address],
    ['laddr', client.localAddress],
    ['fd', -1],
    ['name', client.name],
    ['age', seconds(client.createdMs)],
    ['idle', seconds(client.lastCommandMs)],
    ['flags', flagsOf(client)],
    ['db', client.db],
    ['sub', client.subscribed ? 1 : 0],
    ['psub', 0],
    ['ssub', 0],
    ['multi', client.queued],
    ['qbuf', input],
    ['qbuf-free', 0],
    ['argv-mem', 0],
    ['multi-mem', 0],
    ['rbs', 0],
    ['rbp', 0],
    ['obl', 0],
    ['oll', output > 0 ? 1 : 0],
    ['omem', output],
    ['tot-mem', input + output],
    ['events', output > 0 ? 'rw' : 'r'],
    ['cmd', client.lastCommand],
    ['user', client.user],
    ['redir', client.tracking?.options.redirect ?? -1],
    ['resp', client.resp],
    ['lib-name', client.libName],
    ['lib-ver', client.libVersion],
  ];
  return fields.map(([name, value]) => `${name}=${value}`).join(' ');
}

/** The clients that `CLIENT LIST`'s options name, or an error text. */
function selected({ argv, client, server }: ServerCall): ClientState[] | string {
  if (argv.length === 2) return presentClients(server, client);
  const option = argv[2].toLowerCase();
  if (option === 'type' && argv.length === 4) {
    const type = parseClientType(argv[3]);
    if (type === undefined) return `ERR Unknown client type '${beforeNul(argv[3])}'`;
    return presentClients(server, client).filter((one) => typeOf(one) === type);
  }
  if (option !== 'id' || argv.length < 4) return Errors.syntax;
  const ids = argv.slice(3).map(parseInteger);
  if (ids.includes(undefined)) return 'ERR Invalid client ID';
  const present = new Map(presentClients(server, client).map((one) => [one.id, one]));
  return ids.flatMap((id) => present.get(id!) ?? []);
}

export const clientList = clientAdminRow({
  name: 'client|list',
  arity: -2,
  since: '2.4.0',
  summary: 'Get the list of client connections',
  complexity: 'O(N) where N is the number of client connections',
  syntax: 'CLIENT LIST [TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]',
  run(call) {
    const found = selected(call);
    if (typeof found === 'string') return call.reply.error(found);
    call.reply.verbatim('txt', found.map((client) => `${clientLine(client, call.now)}\n`).join(''));
  },
});

export const clientInfo = clientRow({
  name: 'client|info',
  arity: 2,
  since: '6.2.0',
  summary: 'Returns information about the current client connection.',
  complexity: 'O(1)',
  syntax: 'CLIENT INFO',
  run({ client, now, reply }) {
    reply.verbatim('txt', `${clientLine(client, now)}\n`);
  },
});
