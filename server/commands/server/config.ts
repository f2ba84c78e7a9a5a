import { Errors } from '../../errors.js';
import type { ServerCommandSpec } from '../../server-call.js';
import { container, helpRow } from '../container.js';
import { globMatch } from '../generic/glob.js';
import { NO_KEYS } from '../spec.js';

const COMMON = {
  flags: ['admin', 'noscript', 'loading', 'stale'],
  keys: NO_KEYS,
  group: 'server',
  since: '2.0.0',
} as const;

const get: ServerCommandSpec = {
  ...COMMON,
  name: 'config|get',
  arity: -3,
  summary: 'Get the values of configuration parameters',
  complexity: 'O(N) when N is the number of configuration parameters provided',
  syntax: 'CONFIG GET parameter [parameter ...]',
  run({ argv, reply, server }) {
    const patterns = argv.slice(2);
    const found = server.settings.get((name) => patterns.some((pattern) => globMatch(pattern, name, true)));
    // A name that is no pattern comes back as the client has spelled it.
    for (const pair of found) pair[0] = patterns.find((one) => one.toLowerCase() === pair[0]) ?? pair[0];
    reply.map(found.length);
    for (const [name, value] of found) {
      reply.bulk(name);
      reply.bulk(value);
    }
  },
};

const set: ServerCommandSpec = {
  ...COMMON,
  name: 'config|set',
  arity: -4,
  summary: 'Set configuration parameters to the given values',
  complexity: 'O(N) when N is the number of configuration parameters provided',
  syntax: 'CONFIG SET parameter value [parameter value ...]',
  run({ argv, reply, server }) {
    if (argv.length % 2 !== 0) return reply.error(Errors.syntax);
    const pairs: [string, string][] = [];
    for (let i = 2; i < argv.length; i += 2) pairs.push([argv[i], argv[i + 1]]);
    const wrong = server.settings.set(pairs);
    if (wrong === null) reply.ok();
    else reply.error(wrong);
  },
};

const resetstat: ServerCommandSpec = {
  ...COMMON,
  name: 'config|resetstat',
  arity: 2,
  summary: 'Reset the stats returned by INFO',
  complexity: 'O(1)',
  syntax: 'CONFIG RESETSTAT',
  run({ reply, server }) {
    server.stats.reset();
    for (const row of server.table.everyRow()) row.resetStats();
    reply.ok();
  },
};

const rewrite: ServerCommandSpec = {
  ...COMMON,
  name: 'config|rewrite',
  arity: 2,
  since: '2.8.0',
  summary: 'Rewrite the configuration file with the in memory configuration',
  complexity: 'O(1)',
  syntax: 'CONFIG REWRITE',
  run({ reply, server }) {
    const wrong = server.settings.rewrite();
    if (wrong === null) reply.ok();
    else reply.error(wrong);
  },
};

const help = helpRow('config', '5.0.0', [
  'GET <pattern>',
  '    Return parameters matching the glob-like <pattern> and their values.',
  'SET <directive> <value>',
  '    Set the configuration <directive> to <value>.',
  'RESETSTAT',
  '    Reset statistics reported by the INFO command.',
  'REWRITE',
  '    Rewrite the configuration file.',
]);

export const config = container('config', 'A container for server configuration commands', '2.0.0', [
  get,
  set,
  resetstat,
  rewrite,
  help,
]);
