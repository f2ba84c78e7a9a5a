import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { savePart } from '../report.js';
import { type Outcome, suffer } from './campaign.js';
import { FAULTS, NODES } from './faults.js';
import { missing, Network } from './namespaces.js';
import { errorTexts, failures, table } from './report.js';

const INSIDE = 'FAULTS_NETWORK';
const FOLDER = 'FAULTS_FOLDER';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

interface Options {
  readonly only?: string;
  readonly seconds?: number;
  readonly rate: number;
}

const options = new Command('bench:faults')
  .description(
    'Breaks a cluster of real processes under load in every way there is, and tells what clients saw and what was lost.',
  )
  .addOption(new Option('--only <name>', 'this fault alone').choices(FAULTS.map(({ name }) => name)))
  .option('--seconds <n>', 'how long each fault lasts, instead of its own time', positive)
  .option('--rate <n>', 'requests per second of all clients together', positive, 1000)
  .parse()
  .opts<Options>();

const prefix = process.env[INSIDE];
process.exitCode = prefix === undefined ? await supervise() : await runInside(new Network(prefix, NODES));

/**
 * Makes the network and runs this program once more inside its hub; whatever ends that, removes all that was made: here is
 * nothing that can go wrong on the way.
 */
async function supervise(): Promise<number> {
  const lacking = await missing();
  if (lacking !== null) {
    process.stderr.write(`bench:faults cannot run: ${lacking}\n`);
    return 1;
  }
  const name = `ringkv-faults-${process.pid}`;
  const network = new Network(name, NODES);
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  let interrupted: NodeJS.Signals | undefined;
  let stop = (): void => {};
  for (const signal of SIGNALS)
    process.on(signal, () => {
      interrupted = signal;
      stop();
    });
  try {
    await network.create();
    if (interrupted !== undefined) return 1;
    const again = [process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
    const env = { ...process.env, [INSIDE]: name, [FOLDER]: folder };
    const child = spawn('ip', ['netns', 'exec', network.hub, ...again], { env, stdio: 'inherit' });
    stop = () => void child.kill('SIGKILL');
    const [code] = await once(child, 'exit');
    return code ?? 1;
  } finally {
    await network.remove();
    // Processes that were just ended may still be writing.
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

async function runInside(network: Network): Promise<number> {
  const outcomes: Outcome[] = [];
  const wrong: string[] = [];
  for (const fault of FAULTS.filter(({ name }) => options.only === undefined || name === options.only)) {
    process.stdout.write(`${fault.name} ...\n`);
    try {
      const { rate, seconds } = options;
      const outcome = await suffer(fault, { network, rate, seconds, folder: process.env[FOLDER]! });
      outcomes.push(outcome);
      process.stdout.write([...errorTexts(outcome), ''].join('\n'));
      wrong.push(...failures(outcome));
    } catch (error) {
      // The others can still be told about.
      wrong.push(`${fault.name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  process.stdout.write(`\n${table(outcomes)}\n`);
  if (options.only === undefined) savePart('npm run bench:faults', table(outcomes));
  for (const line of wrong) process.stdout.write(`${line}\n`);
  return wrong.length === 0 ? 0 : 1;
}

function positive(text: string): number {
  if (!(Number(text) > 0)) throw new InvalidArgumentError('Allowed are numbers above 0.');
  return Number(text);
}
