import type { ServerCommandSpec } from '../../server-call.js';
import { container, helpRow } from '../container.js';
import { NO_KEYS } from '../spec.js';
import type { CommandRow } from '../table.js';

const COMMON = {
  flags: ['admin', 'noscript', 'loading', 'stale'],
  keys: NO_KEYS,
  group: 'server',
  since: '2.8.13',
} as const;

const history: ServerCommandSpec = {
  ...COMMON,
  name: 'latency|history',
  arity: 3,
  summary: 'Return timestamp-latency samples for the event.',
  complexity: 'O(1)',
  syntax: 'LATENCY HISTORY event',
  run({ argv, reply, server }) {
    const samples = server.stats.latency.events.get(argv[2])?.samples ?? [];
    reply.array(samples.length);
    for (const sample of samples) {
      reply.array(2);
      reply.integer(sample.at);
      reply.integer(sample.ms);
    }
  },
};

const latest: ServerCommandSpec = {
  ...COMMON,
  name: 'latency|latest',
  arity: 2,
  summary: 'Return the latest latency samples for all events.',
  complexity: 'O(1)',
  syntax: 'LATENCY LATEST',
  run({ reply, server }) {
    const { events } = server.stats.latency;
    reply.array(events.size);
    for (const [name, { samples, max }] of events) {
      const last = samples[samples.length - 1];
      reply.array(4);
      reply.bulk(name);
      reply.integer(last.at);
      reply.integer(last.ms);
      reply.integer(max);
    }
  },
};

const reset: ServerCommandSpec = {
  ...COMMON,
  name: 'latency|reset',
  arity: -2,
  summary: 'Reset latency data for one or more events.',
  complexity: 'O(1)',
  syntax: 'LATENCY RESET [event [event ...]]',
  run({ argv, reply, server }) {
    reply.integer(server.stats.latency.reset(argv.slice(2)));
  },
};

/** Cumulative counts per power of two of a microsecond, for commands that were called. */
const histogram: ServerCommandSpec = {
  ...COMMON,
  name: 'latency|histogram',
  arity: -2,
  since: '7.0.0',
  summary: 'Return the cumulative distribution of latencies of a subset of commands or all.',
  complexity: 'O(N) where N is the number of commands with latency information being retrieved.',
  syntax: 'LATENCY HISTOGRAM [command [command ...]]',
  run({ argv, reply, server }) {
    const named = argv.slice(2).flatMap((name) => server.table.lookup(name) ?? []);
    const candidates = argv.length > 2 ? named.flatMap(withSubcommands) : [...server.table.everyRow()];
    const rows = candidates.filter((row) => row.calls > 0);
    reply.map(rows.length);
    for (const row of rows) {
      reply.bulk(row.spec.name);
      reply.map(2);
      reply.bulk('calls');
      reply.integer(row.calls);
      reply.bulk('histogram_usec');
      const buckets = cumulative(row.histogram);
      reply.map(buckets.length);
      for (const [usec, calls] of buckets) {
        reply.integer(usec);
        reply.integer(calls);
      }
    }
  },
};

function withSubcommands(row: CommandRow): CommandRow[] {
  return [row, ...row.subcommands];
}

function cumulative(histogram: Uint32Array): [usec: number, calls: number][] {
  const buckets: [number, number][] = [];
  let sum = 0;
  histogram.forEach((calls, power) => {
    if (calls === 0) return;
    sum += calls;
    buckets.push([2 ** power, sum]);
  });
  return buckets;
}

const help = helpRow('latency', '2.8.13', [
  'HISTORY <event>',
  '    Return time-latency samples for the <event> class.',
  'LATEST',
  '    Return the latest latency samples for all events.',
  'RESET [<event> ...]',
  '    Reset latency data of one or more <event> classes.',
  '    (default: reset all data for all event classes)',
  'HISTOGRAM [COMMAND ...]',
  '    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.',
  '    If no commands are specified then all histograms are replied.',
]);

export const latency = container('latency', 'A container for latency diagnostics commands', '2.8.13', [
  history,
  latest,
  reset,
  histogram,
  // Redis's own text, with its dot.
  { ...help, summary: `${help.summary}.` },
]);
