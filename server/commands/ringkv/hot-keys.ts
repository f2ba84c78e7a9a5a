import { Errors } from '../../errors.js';
import type { ServerCommandSpec } from '../../server-call.js';
import { parseInteger } from '../numbers.js';
import { NO_KEYS } from '../spec.js';

const DEFAULT_COUNT = 16;

/**
 * `KV.HOTKEYS [count]` -> how many members were counted in (`nodes` of `members`), the reads a second of all keys, and of the keys that are
 * read far above the rest the database, the name and the reads a second, most first. Each node counts what its own clients ask it.
 */
const hotKeys: ServerCommandSpec = {
  name: 'kv.hotkeys',
  arity: -1,
  flags: ['loading', 'stale'],
  keys: NO_KEYS,
  since: '0.1.0',
  group: 'ringkv',
  summary: 'Show the keys that are read far above the rest, on all nodes together',
  complexity: 'O(N) where N is the number of members',
  syntax: 'KV.HOTKEYS [count]',
  run(call) {
    const { argv, server } = call;
    if (argv.length > 2) return call.reply.error(Errors.arity('kv.hotkeys'));
    const count = argv.length === 1 ? DEFAULT_COUNT : parseInteger(argv[1]);
    if (count === undefined || count < 1) return call.reply.error('ERR count must be a positive integer');
    const { reply, done } = call.later();
    server.hotKeys.report(count, ({ nodes, members, perSecond, keys }) => {
      reply.map(4);
      for (const [name, value] of [
        ['nodes', nodes],
        ['members', members],
        ['reads-per-second', Math.round(perSecond)],
      ] as const) {
        reply.bulk(name);
        reply.integer(value);
      }
      reply.bulk('keys');
      reply.array(keys.length);
      for (const one of keys) {
        reply.map(3);
        reply.bulk('db');
        reply.integer(one.db);
        reply.bulk('key');
        reply.bulk(one.key);
        reply.bulk('reads-per-second');
        reply.integer(Math.round(one.perSecond));
      }
      done();
    });
  },
};

export const hotKeyCommands: readonly ServerCommandSpec[] = [hotKeys];
