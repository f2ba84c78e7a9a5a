import type { ClientState } from '../../client.js';
import { beforeNul, Errors } from '../../errors.js';
import type { ServerCall } from '../../server-call.js';
import { parseInteger } from '../numbers.js';
import { type ClientType, parseClientType, presentClients, typeOf } from './client-list.js';
import { clientAdminRow } from './connection-row.js';

interface Filter {
  id?: number;
  address?: string;
  localAddress?: string;
  type?: ClientType;
  user?: string;
  skipMe: boolean;
}

/** `CLIENT KILL`'s options, or an error text. */
function parseFilter(argv: readonly string[]): Filter | string {
  // The old form may kill the caller itself.
  if (argv.length === 3) return { address: argv[2], skipMe: false };
  const filter: Filter = { skipMe: true };
  for (let i = 2; i < argv.length; i += 2) {
    if (i + 1 === argv.length) return Errors.syntax;
    const objection = takeOption(filter, argv[i].toLowerCase(), argv[i + 1]);
    if (objection !== null) return objection;
  }
  return filter;
}

function takeOption(filter: Filter, option: string, value: string): string | null {
  switch (option) {
    case 'id':
      filter.id = parseInteger(value);
      return filter.id === undefined || filter.id < 1 ? 'ERR client-id should be greater than 0' : null;
    case 'type':
      filter.type = parseClientType(value);
      return filter.type === undefined ? `ERR Unknown client type '${beforeNul(value)}'` : null;
    case 'addr':
      filter.address = value;
      return null;
    case 'laddr':
      filter.localAddress = value;
      return null;
    case 'user':
      filter.user = value;
      return value === 'default' ? null : `ERR No such user '${beforeNul(value)}'`;
    case 'skipme': {
      const word = value.toLowerCase();
      filter.skipMe = word === 'yes';
      return word === 'yes' || word === 'no' ? null : Errors.syntax;
    }
    default:
      return Errors.syntax;
  }
}

function matches(filter: Filter, client: ClientState): boolean {
  const { id, address, localAddress, type, user } = filter;
  return (
    (id === undefined || client.id === id) &&
    (address === undefined || client.address === address) &&
    (localAddress === undefined || client.localAddress === localAddress) &&
    (type === undefined || type === typeOf(client)) &&
    (user === undefined || client.user === user)
  );
}

/** How many were killed. The caller itself gets its reply first. */
function killAll({ client: self, server }: ServerCall, filter: Filter): number {
  let killed = 0;
  for (const client of presentClients(server, self)) {
    if (!matches(filter, client) || (client === self && filter.skipMe)) continue;
    client.closeAfterReply = true;
    if (client !== self) client.kill();
    killed++;
  }
  return killed;
}

export const clientKill = clientAdminRow({
  name: 'client|kill',
  arity: -3,
  since: '2.4.0',
  summary: 'Kill the connection of a client',
  complexity: 'O(N) where N is the number of client connections',
  syntax:
    'CLIENT KILL <ip:port | <[ID client-id] | [TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] | [USER username] | [ADDR ip:port] | [LADDR ip:port] | [SKIPME <YES | NO>] [...]>>',
  run(call) {
    const { argv, reply } = call;
    const filter = parseFilter(argv);
    if (typeof filter === 'string') return reply.error(filter);
    const killed = killAll(call, filter);
    if (argv.length > 3) reply.integer(killed);
    else if (killed > 0) reply.ok();
    else reply.error('ERR No such client');
  },
});
