import { spawnSync } from 'node:child_process';
import { Command } from 'commander';
import { savePart } from '../report.js';
import { startEtcd } from './etcd.js';
import { type CasFigures, measureCas, type Work } from './load.js';
import { type CasRow, casTable, medianOf } from './report.js';
import { startRing } from './ring.js';
import type { Store } from './store.js';

const NODES = 3;
const KEYS = 10_000;
const MIN_TIMES_ETCD = 5;
const MAX_SHARE_OF_P99 = 1 / 3;
const MIN_SHARE_OF_SET = 0.4;
const MIN_TIMES_ETCD_CONTENDED = 20;

const FIRST: Work = 'first swaps of own keys';
const OWN_KEYS: Work = 'swaps of own keys';
const ONE_KEY: Work = 'swaps of one key';
const SETS: Work = 'sets of own keys';

const options = new Command('bench:cas')
  .description(
    'Measures compare-and-swap of RingKV beside etcd on this machine and writes bench/RESULTS.md (not with --dry).',
  )
  .option('--seconds <n>', 'of each measurement', Number, 10)
  .option('--repeat <n>', 'rounds, whose medians are told', Number, 3)
  .option('--dry', 'leave bench/RESULTS.md as it is', false)
  .parse()
  .opts<{ seconds: number; repeat: number; dry: boolean }>();

/** A system, how it is started, and what it is measured at. */
interface Contestant {
  readonly name: string;
  readonly works: readonly Work[];
  start(): Promise<Store>;
}

const ETCD = 'etcd';
/** What CAS has to confirm is synced whatever the setting; plain writes are not, by default. */
const RING = 'RingKV';
const RING_ALWAYS = 'RingKV, `appendfsync always`';

const CONTESTANTS: readonly Contestant[] = [
  { name: ETCD, works: [FIRST, OWN_KEYS, ONE_KEY, SETS], start: () => startEtcd(NODES) },
  { name: RING, works: [FIRST, OWN_KEYS, ONE_KEY], start: () => startRing(NODES, RING, {}) },
  {
    name: RING_ALWAYS,
    works: [FIRST, OWN_KEYS, ONE_KEY, SETS],
    start: () => startRing(NODES, RING_ALWAYS, { appendfsync: 'always' }),
  },
];

process.exitCode = await main();

async function main(): Promise<number> {
  if (spawnSync('etcd', ['--version']).status !== 0) {
    process.stderr.write(
      'bench:cas cannot run: etcd is not there (Debian, Ubuntu: apt-get install etcd-server)\n',
    );
    return 1;
  }
  const runs = new Map<string, CasFigures[]>();
  for (let round = 0; round < options.repeat; round++)
    for (const contestant of CONTESTANTS) await measureAll(contestant, runs);
  const table = casTable(rowsOf(runs));
  process.stdout.write(`\n${table}\n`);
  if (!options.dry) savePart('npm run bench:cas', table);
  return 0;
}

/** On a cluster of its own, so that nobody pays for another one's compactions and heartbeats. */
async function measureAll(
  { name, works, start }: Contestant,
  runs: Map<string, CasFigures[]>,
): Promise<void> {
  const store = await start();
  try {
    const figures = await measureCas(store, works, KEYS, options.seconds);
    works.forEach((work, i) => {
      const known = runs.get(nameOf(work, name)) ?? [];
      runs.set(nameOf(work, name), [...known, figures[i]]);
      const rate = `${Math.round(figures[i].successes)} successes/s, p99 ${figures[i].p99.toFixed(1)} ms`;
      process.stdout.write(`${work.padEnd(24)} ${name.padEnd(30)} ${rate}\n`);
    });
  } finally {
    await store.stop();
  }
}

function rowsOf(runs: ReadonlyMap<string, CasFigures[]>): CasRow[] {
  const of = (work: Work, name: string): CasFigures => medianOf(runs.get(nameOf(work, name))!);
  const times = (least: number, work: Work, peer: string, what: string): CasRow['goals'][number] => {
    const { successes } = of(work, peer);
    const needed = least * successes;
    return {
      text: `${what} (${Math.round(needed)}/s)`,
      share: (own) => own.successes / successes,
      reached: (own) => own.successes >= needed,
    };
  };
  const goals = (work: Work, name: string): CasRow['goals'] => {
    if (name === ETCD) return [];
    if (work === ONE_KEY) return [times(MIN_TIMES_ETCD_CONTENDED, ONE_KEY, ETCD, '20 times etcd')];
    if (work === SETS) return [];
    const { p99 } = of(work, ETCD);
    const worst = MAX_SHARE_OF_P99 * p99;
    return [
      times(MIN_TIMES_ETCD, work, ETCD, '5 times etcd'),
      {
        text: `a third of its p99 (${worst.toFixed(1)} ms)`,
        share: (own) => own.p99 / p99,
        reached: (own) => own.p99 <= worst,
      },
      times(MIN_SHARE_OF_SET, SETS, RING_ALWAYS, '0.4 of synced sets'),
    ];
  };
  return [FIRST, OWN_KEYS, ONE_KEY, SETS].flatMap((work) =>
    CONTESTANTS.filter(({ works }) => works.includes(work)).map(({ name }) => ({
      work,
      system: name,
      runs: runs.get(nameOf(work, name))!,
      goals: goals(work, name),
    })),
  );
}

function nameOf(work: Work, system: string): string {
  return `${work} by ${system}`;
}
