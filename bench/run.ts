import { parseArgs } from 'node:util';
import { fill } from './fill.js';
import { type Figures, KEYS, measure, median, medianFigures, residentMB, type Workload } from './measure.js';
import { type Row, writeResults } from './report.js';
import { restartSeconds } from './restart.js';
import { redis, ringkv, type System } from './systems.js';

const HELP = `npm run bench -- [--repeat 3] [--scale 1] [--skip-restart] [--dry]
Measures RingKV against redis-server on this machine and writes bench/RESULTS.md (not with --dry).`;

const WORKLOADS: readonly (Workload & { readonly title: string })[] = [
  { title: 'GET', test: 'get', pipeline: 1, requests: 100_000 },
  { title: 'SET', test: 'set', pipeline: 1, requests: 100_000 },
  { title: 'GET `-P 16`', test: 'get', pipeline: 16, requests: 600_000 },
  { title: 'SET `-P 16`', test: 'set', pipeline: 16, requests: 400_000 },
];

/** Least share of Redis's throughput, by system and workload: the promises of this part. */
const TARGETS: Readonly<Record<string, readonly number[]>> = {
  'one node': [0.95, 0.85, 0.6, 0.45],
  '3 nodes': [0.4, 0.35, 0.25, 0.15],
};
/** Most CPU of all three nodes per request, µs. */
const CPU_TARGETS: Readonly<Record<string, number>> = { GET: 45, SET: 60 };
const IDLE_MB = 120;
const RESTART_KEYS = 5_000_000;
const RESTART_SECONDS = 3;
const IDLE_WAIT_MS = 3000;

const { values: options } = parseArgs({
  options: {
    repeat: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    'skip-restart': { type: 'boolean', default: false },
    dry: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) {
  process.stdout.write(`${HELP}\n`);
} else {
  await main(Number(options.repeat), Number(options.scale));
}

async function main(repeat: number, scale: number): Promise<void> {
  const systems = [await redis(), await ringkv(1), await ringkv(3)];
  const rows: Row[] = [];
  try {
    await sleep(IDLE_WAIT_MS);
    const idle = residentMB(systems[1].pids[0]);
    for (const system of systems) await fill(system.ports[0], KEYS);
    for (const workload of WORKLOADS) rows.push(...(await compare(systems, workload, repeat, scale)));
    rows.push({
      system: 'one node',
      work: 'memory when idle',
      result: `${idle.toFixed(0)} MB`,
      target: `at most ${IDLE_MB} MB`,
      reached: idle <= IDLE_MB,
    });
  } finally {
    for (const system of systems) await system.stop();
  }
  if (!options['skip-restart']) rows.push(await restartRow());
  const table = writeResults(rows, !options.dry);
  process.stdout.write(`\n${table}\n`);
}

/** Alternating runs, so that a noisy minute hurts all of them. */
async function compare(
  systems: readonly System[],
  workload: (typeof WORKLOADS)[number],
  repeat: number,
  scale: number,
): Promise<Row[]> {
  const runs = new Map<System, Figures[]>(systems.map((system) => [system, []]));
  for (let round = 0; round < repeat; round++) {
    for (const system of systems) {
      const figures = await measure(system, { ...workload, requests: workload.requests * scale });
      runs.get(system)!.push(figures);
      process.stdout.write(
        `${workload.title.padEnd(12)} ${system.name.padEnd(9)} ${Math.round(figures.throughput)}/s ${figures.cpu.toFixed(1)} µs\n`,
      );
    }
  }
  const peer = medianFigures(runs.get(systems[0])!);
  return systems.map((system) => rowOf(system.name, workload, medianFigures(runs.get(system)!), peer));
}

function rowOf(system: string, workload: (typeof WORKLOADS)[number], own: Figures, peer: Figures): Row {
  const ratio = own.throughput / peer.throughput;
  const wanted = TARGETS[system]?.[WORKLOADS.indexOf(workload)];
  const cpuWanted = system === '3 nodes' ? CPU_TARGETS[workload.title] : undefined;
  const targets = [
    wanted === undefined ? undefined : `at least ${wanted.toFixed(2)}`,
    cpuWanted === undefined ? undefined : `at most ${cpuWanted} µs`,
  ].filter((text) => text !== undefined);
  return {
    system,
    work: workload.title,
    figures: own,
    ratio,
    target: targets.join(', '),
    reached:
      targets.length === 0
        ? undefined
        : (wanted === undefined || ratio >= wanted) && (cpuWanted === undefined || own.cpu <= cpuWanted),
  };
}

async function restartRow(): Promise<Row> {
  const seconds = median([await restartSeconds(RESTART_KEYS)]);
  return {
    system: 'one node',
    work: `restart after \`kill -9\`, ${RESTART_KEYS / 1e6} M keys of 100 bytes, to the first reply`,
    result: `${seconds.toFixed(2)} s`,
    target: `at most ${RESTART_SECONDS} s`,
    reached: seconds <= RESTART_SECONDS,
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
