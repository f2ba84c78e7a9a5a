import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { runAll } from './cli/pool.js';
import { Summary } from './cli/summary.js';
import type { RunOptions, SeedResult } from './run-seed.js';

/** Every so many seeds one is run twice: the same seed has to give the same run. */
const TWICE_EVERY = 20;
const PROGRESS_MS = 5000;

interface Options {
  readonly seeds: number;
  readonly from: number;
  readonly seed?: number;
  readonly nodes: number;
  readonly minutes: number;
  readonly strict?: true;
  readonly sloppy?: true;
  readonly key?: string;
  readonly lines: number;
  readonly workers: number;
  readonly failures: number;
}

const options = new Command('simulate')
  .description(
    'Runs whole clusters on a simulated clock, network and disk, in a hostile world, and checks what is promised.',
  )
  .option('--seeds <n>', 'how many seeds', whole, 100)
  .option('--from <seed>', 'the first of them', whole, 1)
  .option('--seed <n>', 'this seed alone, with the timeline of what went wrong', whole)
  .option('--nodes <n>', 'nodes of each cluster', whole, 5)
  .option('--minutes <n>', 'simulated minutes of trouble in each run', positive, 10)
  .option('--strict', 'always `sloppy no` (otherwise the seed decides)')
  .option('--sloppy', 'always `sloppy yes`')
  .option('--key <key>', 'with --seed: the key whose timeline is shown')
  .option('--lines <n>', 'lines of a timeline, at most', whole, 80)
  .option('--workers <n>', 'processes', whole, availableParallelism())
  .option('--failures <n>', 'stop after so many failing seeds', whole, 5)
  .parse()
  .opts<Options>();

process.exitCode = await main(options);

async function main({ seed, seeds, from, workers, failures }: Options): Promise<number> {
  const summary = new Summary();
  const beganAt = performance.now();
  const minutes = (): number => (performance.now() - beganAt) / 60_000;
  const all = seed === undefined ? range(from, from + seeds) : range(seed, seed + 1);
  const progress = setInterval(() => {
    const speed = Math.round(summary.simulatedMinutes / minutes());
    print(
      `${summary.seeds} of ${seeds} seeds, ${summary.failed} failed, ${speed} simulated minutes per minute`,
    );
  }, PROGRESS_MS);
  await runAll(jobs(all), seed === undefined ? workers : 1, (result) => {
    summary.add(result);
    if (result.violations.length > 0) print(failure(result));
    else if (seed !== undefined)
      print(`seed ${seed}: nothing wrong, hash ${result.hash}\n${result.timeline ?? ''}`);
    return summary.failed < failures;
  });
  clearInterval(progress);
  print(`\n${summary.text(minutes())}`);
  return summary.failed > 0 ? 1 : 0;
}

function* jobs(seeds: Iterable<number>): Generator<RunOptions> {
  const { nodes, minutes, strict, sloppy, key, lines } = options;
  for (const seed of seeds) {
    const twice = seed % TWICE_EVERY === 0;
    yield { seed, nodes, minutes, lines, twice, key, sloppy: strict ? false : sloppy };
  }
}

function failure({ seed, violations, timeline }: SeedResult): string {
  const { nodes, minutes, strict, sloppy } = options;
  const mode = strict ? ' --strict' : sloppy ? ' --sloppy' : '';
  return [
    `\nseed ${seed} failed: npm run simulate -- --seed ${seed} --nodes ${nodes} --minutes ${minutes}${mode}`,
    ...violations.slice(0, 10).map((text) => `  ${text}`),
    ...(violations.length > 10 ? [`  and ${violations.length - 10} more`] : []),
    timeline ?? '',
  ].join('\n');
}

function* range(from: number, to: number): Generator<number> {
  for (let one = from; one < to; one++) yield one;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is wanted');
  return value;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a number above 0 is wanted');
  return value;
}
