import { type Level, levelName, parseLevel } from '../../../cluster/core/levels.js';
import type { ServerCommandSpec } from '../../server-call.js';
import { NO_KEYS } from '../spec.js';

const LEVELS = 'DEFAULT, ONE, TWO, QUORUM, ALL, SERIAL or a number of replicas';

function levelError(text: string): string {
  return `ERR unknown consistency level '${text.slice(0, 64)}', expected ${LEVELS}`;
}

/** `KV.CONSISTENCY [READ level] [WRITE level]`: for this connection. Without arguments: what it is now. */
const consistency: ServerCommandSpec = {
  name: 'kv.consistency',
  arity: -1,
  flags: ['noscript', 'loading', 'stale', 'fast'],
  keys: NO_KEYS,
  since: '0.1.0',
  group: 'ringkv',
  summary: 'Set how many replicas the reads and writes of this connection must reach',
  complexity: 'O(1)',
  syntax: 'KV.CONSISTENCY [READ level] [WRITE level]',
  run(call) {
    const { argv, client, reply } = call;
    if (argv.length === 1) {
      reply.map(2);
      reply.bulk('read');
      reply.bulk(levelName(client.readLevel));
      reply.bulk('write');
      reply.bulk(levelName(client.writeLevel));
      return;
    }
    const chosen: { READ?: Level; WRITE?: Level } = {};
    for (let i = 1; i < argv.length; i += 2) {
      const side = argv[i].toUpperCase();
      if ((side !== 'READ' && side !== 'WRITE') || i + 1 >= argv.length)
        return reply.error('ERR syntax error');
      const level = parseLevel(argv[i + 1]);
      if (level === undefined) return reply.error(levelError(argv[i + 1]));
      chosen[side] = level;
    }
    client.readLevel = chosen.READ ?? client.readLevel;
    client.writeLevel = chosen.WRITE ?? client.writeLevel;
    reply.ok();
  },
};

/** `KV.AT level command ...`: one command at a level of its own. */
const at: ServerCommandSpec = {
  name: 'kv.at',
  arity: -3,
  flags: ['noscript', 'no_multi'],
  keys: NO_KEYS,
  since: '0.1.0',
  group: 'ringkv',
  summary: 'Run one command at a consistency level of its own',
  note: 'Not inside of MULTI: the commands of a transaction run at the level of the connection',
  complexity: 'Depends on the command',
  syntax: 'KV.AT level command [arg ...]',
  run(call) {
    const level = parseLevel(call.argv[1]);
    if (level === undefined) return call.reply.error(levelError(call.argv[1]));
    const inner = call.argv.slice(2);
    // A million of them in each other would not fit on the stack.
    if (inner[0].toLowerCase() === 'kv.at') return call.reply.error('ERR KV.AT inside KV.AT is not allowed');
    const late = call.later();
    call.server.execute(call.client, inner, level, (bytes) => {
      late.reply.raw(bytes);
      late.done();
    });
  },
};

export const consistencyCommands: readonly ServerCommandSpec[] = [consistency, at];
