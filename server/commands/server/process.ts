import { beforeNul, Errors } from '../../errors.js';
import type { ServerCommandSpec } from '../../server-call.js';
import { NO_KEYS } from '../spec.js';

const time: ServerCommandSpec = {
  name: 'time',
  arity: 1,
  flags: ['loading', 'stale', 'fast'],
  keys: NO_KEYS,
  since: '2.6.0',
  group: 'server',
  summary: 'Return the current server time',
  complexity: 'O(1)',
  syntax: 'TIME',
  run({ now, reply }) {
    reply.array(2);
    reply.bulk(String(Math.floor(now / 1000)));
    reply.bulk(String((now % 1000) * 1000));
  },
};

/** Seconds; longer sleeps are refused, they could only be a mistake. */
const MAX_SLEEP = 3600;

/** DEBUG SLEEP seconds: as in Redis nobody is served meanwhile. Other DEBUG commands look into Redis's own insides. */
const debug: ServerCommandSpec = {
  name: 'debug',
  arity: -2,
  flags: ['admin', 'noscript', 'loading', 'stale'],
  keys: NO_KEYS,
  since: '1.0.0',
  group: 'server',
  summary: 'A container for debugging commands',
  complexity: 'Depends on subcommand.',
  syntax: 'DEBUG SLEEP seconds',
  run(call) {
    const { argv, reply, server } = call;
    if (argv[1].toLowerCase() !== 'sleep' || argv.length !== 3)
      return reply.error(
        `ERR unknown subcommand or wrong number of arguments for '${beforeNul(argv[1]).slice(0, 128)}'. Try DEBUG HELP.`,
      );
    const seconds = Number(argv[2]);
    if (argv[2] === '' || !(seconds >= 0 && seconds <= MAX_SLEEP)) return reply.error(Errors.notFloat);
    const late = call.later();
    server.pause(server.nowMs() + seconds * 1000, false);
    server.setTimer(seconds * 1000, () => {
      late.reply.ok();
      late.done();
    });
  },
};

/** Everything acknowledged is in the log, so SAVE, NOSAVE, NOW and FORCE end the same way: answered, synced, closed. */
const shutdown: ServerCommandSpec = {
  name: 'shutdown',
  arity: -1,
  flags: ['admin', 'noscript', 'loading', 'stale', 'no_multi', 'allow_busy'],
  keys: NO_KEYS,
  since: '1.0.0',
  group: 'server',
  summary: 'Synchronously save the dataset to disk and then shut down the server',
  complexity:
    'O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)',
  syntax: 'SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]',
  run(call) {
    const { argv, client, reply, server } = call;
    const options = argv.slice(1).map((option) => option.toLowerCase());
    const known = options.every((option) => ['nosave', 'save', 'now', 'force', 'abort'].includes(option));
    const both = options.includes('nosave') && options.includes('save');
    const abort = options.includes('abort');
    if (!known || both || (abort && options.length > 1)) return reply.error(Errors.syntax);
    if (abort) return reply.error('ERR No shutdown in progress.');
    client.closeAfterReply = true;
    server.shutdown();
  },
};

export const processCommands: readonly ServerCommandSpec[] = [time, debug, shutdown];
