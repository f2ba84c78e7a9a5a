import { beforeNul, Errors } from '../../errors.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import { serverMode } from '../../server-mode.js';
import { parseInteger } from '../numbers.js';
import { BAD_NAME, isPlainWord } from './client-name.js';
import { handshakeRow } from './connection-row.js';
import { authenticate, WRONG_PASSWORD } from './password.js';

/** The version whose behaviour is kept to: client libraries choose what they send by it. */
const REDIS_VERSION = '7.0.15';

const NO_PASSWORD_SET =
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?';
const HELLO_NEEDS_AUTH =
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time';

const auth = handshakeRow({
  name: 'auth',
  arity: -2,
  since: '1.0.0',
  summary: 'Authenticate to the server',
  complexity: 'O(N) where N is the number of passwords defined for the user',
  syntax: 'AUTH [username] password',
  run(call) {
    const { argv, server, reply } = call;
    if (argv.length > 3) return reply.error(Errors.syntax);
    if (argv.length === 2 && server.settings.values.requirepass === '') return reply.error(NO_PASSWORD_SET);
    const [user, password] = argv.length === 2 ? ['default', argv[1]] : [argv[1], argv[2]];
    if (authenticate(call, user, password)) reply.ok();
    else reply.error(WRONG_PASSWORD);
  },
});

interface HelloOptions {
  /** undefined = stays what it is. */
  resp?: 2 | 3;
  credentials?: readonly [user: string, password: string];
  name?: string;
}

/** The options, or an error text. */
function parseHello(argv: readonly string[]): HelloOptions | string {
  const options: HelloOptions = {};
  if (argv.length > 1) {
    const version = parseInteger(argv[1]);
    if (version === undefined) return 'ERR Protocol version is not an integer or out of range';
    if (version !== 2 && version !== 3) return 'NOPROTO unsupported protocol version';
    options.resp = version;
  }
  for (let i = 2; i < argv.length; i++) {
    const word = argv[i].toLowerCase();
    const left = argv.length - 1 - i;
    if (word === 'auth' && left >= 2) {
      options.credentials = [argv[i + 1], argv[i + 2]];
      i += 2;
    } else if (word === 'setname' && left >= 1) {
      if (!isPlainWord(argv[i + 1])) return BAD_NAME;
      options.name = argv[++i];
    } else {
      return `ERR Syntax error in HELLO option '${beforeNul(argv[i])}'`;
    }
  }
  return options;
}

const hello = handshakeRow({
  name: 'hello',
  arity: -1,
  since: '6.0.0',
  summary: 'Handshake with Redis',
  complexity: 'O(1)',
  syntax: 'HELLO [protover [AUTH username password] [SETNAME clientname]]',
  run(call) {
    const { argv, client, reply } = call;
    const options = parseHello(argv);
    if (typeof options === 'string') return reply.error(options);
    const { credentials, name, resp } = options;
    if (credentials !== undefined && !authenticate(call, ...credentials)) return reply.error(WRONG_PASSWORD);
    if (!client.authenticated) return reply.error(HELLO_NEEDS_AUTH);
    if (name !== undefined) client.name = name;
    if (resp !== undefined) {
      client.resp = resp;
      // The answer already speaks the new version.
      reply.resp = resp;
    }
    writeGreeting(call);
  },
});

function writeGreeting({ client, reply, server }: ServerCall): void {
  reply.map(7);
  for (const text of ['server', 'redis', 'version', REDIS_VERSION, 'proto']) reply.bulk(text);
  reply.integer(client.resp);
  reply.bulk('id');
  reply.integer(client.id);
  for (const text of ['mode', serverMode(server.settings), 'role', 'master', 'modules']) reply.bulk(text);
  reply.array(0);
}

/** AUTH and HELLO. */
export const authCommands: readonly ServerCommandSpec[] = [auth, hello];
