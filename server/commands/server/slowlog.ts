import type { ServerCommandSpec } from '../../server-call.js';
import { container, helpRow } from '../container.js';
import { parseInteger } from '../numbers.js';
import { NO_KEYS } from '../spec.js';

const COMMON = {
  flags: ['admin', 'loading', 'stale'],
  keys: NO_KEYS,
  group: 'server',
  since: '2.2.12',
} as const;

const get: ServerCommandSpec = {
  ...COMMON,
  name: 'slowlog|get',
  arity: -2,
  summary: "Get the slow log's entries",
  complexity: 'O(N) where N is the number of entries returned',
  syntax: 'SLOWLOG GET [count]',
  run({ argv, reply, server }) {
    let count = 10;
    if (argv.length > 3)
      return reply.error(
        `ERR unknown subcommand or wrong number of arguments for '${argv[1]}'. Try SLOWLOG HELP.`,
      );
    if (argv.length === 3) {
      const given = parseInteger(argv[2]);
      if (given === undefined || given < -1)
        return reply.error('ERR count should be greater than or equal to -1');
      count = given === -1 ? Number.MAX_SAFE_INTEGER : given;
    }
    const entries = server.stats.slowLog.entries.slice(0, count);
    reply.array(entries.length);
    for (const entry of entries) {
      reply.array(6);
      reply.integer(entry.id);
      reply.integer(entry.at);
      reply.integer(entry.usec);
      reply.array(entry.argv.length);
      for (const argument of entry.argv) reply.bulk(argument);
      reply.bulk(entry.address);
      reply.bulk(entry.name);
    }
  },
};

const len: ServerCommandSpec = {
  ...COMMON,
  name: 'slowlog|len',
  arity: 2,
  summary: "Get the slow log's length",
  complexity: 'O(1)',
  syntax: 'SLOWLOG LEN',
  run({ reply, server }) {
    reply.integer(server.stats.slowLog.entries.length);
  },
};

const reset: ServerCommandSpec = {
  ...COMMON,
  name: 'slowlog|reset',
  arity: 2,
  summary: 'Clear all entries from the slow log',
  complexity: 'O(N) where N is the number of entries in the slowlog',
  syntax: 'SLOWLOG RESET',
  run({ reply, server }) {
    server.stats.slowLog.reset();
    reply.ok();
  },
};

const help = helpRow('slowlog', '6.2.0', [
  'GET [<count>]',
  '    Return top <count> entries from the slowlog (default: 10, -1 mean all).',
  '    Entries are made of:',
  '    id, timestamp, time in microseconds, arguments array, client IP and port,',
  '    client name',
  'LEN',
  '    Return the length of the slowlog.',
  'RESET',
  '    Reset the slowlog.',
]);

export const slowlog = container('slowlog', 'A container for slow log commands', '2.2.12', [
  get,
  len,
  reset,
  help,
]);
