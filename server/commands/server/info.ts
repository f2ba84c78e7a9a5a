import type { ServerCommandSpec } from '../../server-call.js';
import { NO_KEYS } from '../spec.js';

/** Shown only when asked for by name, or with `all` or `everything`. */
const EXTRA_SECTIONS = new Set(['commandstats', 'latencystats']);
const EVERYTHING = new Set(['all', 'everything']);

export const infoCommand: ServerCommandSpec = {
  name: 'info',
  arity: -1,
  flags: ['loading', 'stale'],
  keys: NO_KEYS,
  since: '1.0.0',
  group: 'server',
  summary: 'Get information and statistics about the server',
  complexity: 'O(1)',
  syntax: 'INFO [section [section ...]]',
  extraCategories: ['@dangerous'],
  run({ argv, reply, server }) {
    const asked = argv.slice(1).map((name) => name.toLowerCase());
    const all = asked.some((name) => EVERYTHING.has(name));
    const usual = asked.length === 0 || asked.includes('default');
    const parts: string[] = [];
    for (const [title, fields] of Object.entries(server.infoSections())) {
      const name = title.toLowerCase();
      if (!all && !asked.includes(name) && !(usual && !EXTRA_SECTIONS.has(name))) continue;
      const lines = Object.entries(fields).map(([field, value]) => `${field}:${value}\r\n`);
      parts.push(`# ${title}\r\n${lines.join('')}`);
    }
    reply.verbatim('txt', parts.join('\r\n'));
  },
};
