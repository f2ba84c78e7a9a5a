import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { doAll, type Job } from './cli/pool.js';
import { Summary } from './cli/summary.js';
import { MUTANTS } from './mutants/all.js';
import type { Catch } from './mutants/hunt.js';
import { broken, type RunOptions, type SeedResult } from './run-seed.js';

/** Every so many seeds one is run twice: the same seed has to give the same run. */
const TWICE_EVERY = 20;
const PROGRESS_MS = 5000;
const SEEDS_PER_MUTANT = 300;

interface Options {
  readonly seeds: number;
  readonly from: number;
  readonly seed?: number;
  readonly nodes: number;
  readonly minutes: number;
  readonly strict?: true;
  readonly sloppy?: true;
  readonly serial?: true;
  readonly contexts?: true;
  readonly elastic?: true;
  readonly walks?: true;
  readonly key?: string;
  readonly lines: number;
  readonly workers: number;
  readonly failures: number;
  readonly mutants?: true;
  readonly mutant?: string;
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
  .option('--serial', 'clients that compare and swap, and count and pay at SERIAL: judged to be linearizable')
  .option('--contexts', 'clients that put and delete with the context of what they have read')
  .option('--elastic', 'nodes join, leave, are replaced and removed, at the worst moments')
  .option('--walks', 'clients that walk the whole keyspace, and miss nothing that was there all the time')
  .option('--key <key>', 'with --seed: the key whose timeline is shown')
  .option('--lines <n>', 'lines of a timeline, at most', whole, 80)
  .option('--workers <n>', 'processes', whole, availableParallelism())
  .option('--failures <n>', 'stop after so many failing seeds', whole, 5)
  .option(
    '--mutants',
    'runs the protocol with one mistake after another in it, which the checks have to find',
  )
  .option('--mutant <name>', 'with --mutants: this one alone')
  .parse()
  .opts<Options>();

process.exitCode = options.mutants ? await huntMutants(options) : await main(options);

async function main({ seed, seeds, from, workers, failures }: Options): Promise<number> {
  const summary = new Summary();
  const beganAt = performance.now();
  const minutes = (): number => (performance.now() - beganAt) / 60_000;
  const [first, count] = seed === undefined ? [from, seeds] : [seed, 1];
  const all = jobs(range(first, first + count));
  const progress = setInterval(() => {
    const speed = Math.round(summary.simulatedMinutes / minutes());
    print(
      `${summary.seeds} of ${count} seeds, ${summary.failed} failed, ${speed} simulated minutes per minute`,
    );
  }, PROGRESS_MS);
  await doAll<RunOptions, SeedResult>(all, seed === undefined ? workers : 1, (job, done) => {
    const result = done ?? broken(job.seed, new Error('its process ended'));
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

/** Every one has to be found, by a run in which nothing is wrong without it. */
async function huntMutants({ workers, mutant }: Options): Promise<number> {
  const names = mutant === undefined ? [...MUTANTS.keys()] : [mutant];
  const caught: Catch[] = [];
  const hunts = names.map((name) => ({ mutant: name, mostSeeds: SEEDS_PER_MUTANT }));
  let escaped = 0;
  await doAll<Extract<Job, { mutant: string }>, Catch>(hunts.values(), workers, (job, one) => {
    const found = one?.seed !== undefined && one.without === '';
    if (one !== undefined) caught.push(one);
    if (!found) escaped++;
    print(
      `${found ? 'found' : 'NOT FOUND'}  ${job.mutant}${one?.without ? `: wrong without it too: ${one.without}` : ''}`,
    );
    return true;
  });
  caught.sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
  print('\n| mutant | mistake | seed | found by |\n|---|---|---|---|');
  for (const { name, mistake, seed, violation } of caught)
    print(`| ${name} | ${mistake} | ${seed ?? '-'} | ${violation.split('\n')[0].slice(0, 160)} |`);
  print(`\n${names.length - escaped} of ${names.length} found`);
  return escaped > 0 ? 1 : 0;
}

function* jobs(seeds: Iterable<number>): Generator<RunOptions> {
  const { nodes, minutes, strict, sloppy, serial, contexts, key, lines, elastic, walks } = options;
  for (const seed of seeds) {
    const twice = seed % TWICE_EVERY === 0;
    yield {
      seed,
      nodes,
      minutes,
      lines,
      twice,
      key,
      serial,
      contexts,
      elastic,
      walks,
      sloppy: strict ? false : sloppy,
    };
  }
}

function failure({ seed, violations, timeline }: SeedResult): string {
  const { nodes, minutes, strict, sloppy, serial, contexts, elastic, walks } = options;
  const said = { strict, sloppy, serial, contexts, elastic, walks };
  const modes = Object.entries(said).filter(([, is]) => is === true);
  const mode = modes.map(([name]) => ` --${name}`).join('');
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
