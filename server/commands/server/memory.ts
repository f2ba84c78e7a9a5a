import { Errors } from '../../errors.js';
import type { ServerCommandSpec } from '../../server-call.js';
import { container, helpRow } from '../container.js';
import { parseInteger } from '../numbers.js';

/** About what a cached record costs beside its key and value, in bytes: the entry, its context and its version. */
const RECORD_OVERHEAD = 200;

const usage: ServerCommandSpec = {
  name: 'memory|usage',
  arity: -3,
  flags: ['readonly'],
  keys: { first: 2, last: 2, step: 1 },
  since: '4.0.0',
  group: 'server',
  summary: 'Estimate the memory usage of a key',
  complexity: 'O(N) where N is the number of samples.',
  syntax: 'MEMORY USAGE key [SAMPLES count]',
  run(call) {
    const { argv, reply } = call;
    for (let i = 3; i < argv.length; i += 2) {
      if (argv[i].toLowerCase() !== 'samples' || i + 1 >= argv.length) return reply.error(Errors.syntax);
      const samples = parseInteger(argv[i + 1]);
      if (samples === undefined) return reply.error(Errors.notInteger);
      if (samples < 0) return reply.error(Errors.syntax);
    }
    const value = call.read(argv[2]);
    if (value === undefined) reply.null();
    else reply.integer(RECORD_OVERHEAD + argv[2].length + value.payload.length);
  },
};

const help = helpRow('memory', '4.0.0', [
  'USAGE <key> [SAMPLES <count>]',
  '    Return memory in bytes used by <key> and its value. Nested values are',
  '    sampled up to <count> times (default: 5, 0 means sample all).',
]);

export const memory = container('memory', 'A container for memory diagnostics commands', '4.0.0', [
  usage,
  help,
]);
