import { beforeNul, Errors } from '../../errors.js';
import { parseInteger } from '../numbers.js';
import { clientAdminRow } from './connection-row.js';

/** Node's timers end at 2^31 - 1 ms, 24 days; nobody waits longer for a server. */
const LONGEST_PAUSE_MS = 2 ** 31 - 2;

/** Too many arguments for a subcommand whose arity is open: Redis checks these by hand and says so in other words. */
function badSubcommand(name: string): string {
  return `ERR unknown subcommand or wrong number of arguments for '${beforeNul(name).slice(0, 128)}'. Try CLIENT HELP.`;
}

export const clientPause = clientAdminRow({
  name: 'client|pause',
  arity: -3,
  since: '2.9.50',
  summary: 'Stop processing commands from clients for some time',
  complexity: 'O(1)',
  syntax: 'CLIENT PAUSE timeout [WRITE | ALL]',
  run({ argv, now, server, reply }) {
    if (argv.length > 4) return reply.error(badSubcommand(argv[1]));
    const mode = argv.length === 4 ? argv[3].toLowerCase() : 'all';
    if (mode !== 'write' && mode !== 'all') {
      return reply.error('ERR CLIENT PAUSE mode must be WRITE or ALL');
    }
    const timeout = parseInteger(argv[2]);
    if (timeout === undefined) return reply.error('ERR timeout is not an integer or out of range');
    if (timeout < 0) return reply.error('ERR timeout is negative');
    server.pause(now + Math.min(timeout, LONGEST_PAUSE_MS), mode === 'write');
    reply.ok();
  },
});

export const clientUnpause = clientAdminRow({
  name: 'client|unpause',
  arity: 2,
  since: '6.2.0',
  summary: 'Resume processing of clients that were paused',
  complexity: 'O(N) Where N is the number of paused clients',
  syntax: 'CLIENT UNPAUSE',
  run({ server, reply }) {
    server.pause(0, false);
    reply.ok();
  },
});

/** No command blocks, so nobody is ever unblocked. */
export const clientUnblock = clientAdminRow({
  name: 'client|unblock',
  arity: -3,
  since: '5.0.0',
  summary: 'Unblock a client blocked in a blocking command from a different connection',
  complexity: 'O(log N) where N is the number of client connections',
  syntax: 'CLIENT UNBLOCK client-id [TIMEOUT | ERROR]',
  run({ argv, reply }) {
    if (argv.length > 4) return reply.error(badSubcommand(argv[1]));
    const reason = argv.length === 4 ? argv[3].toLowerCase() : 'timeout';
    if (reason !== 'timeout' && reason !== 'error') {
      return reply.error('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR');
    }
    if (parseInteger(argv[2]) === undefined) return reply.error(Errors.notInteger);
    reply.integer(0);
  },
});
