import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { broken, type RunOptions, type SeedResult } from '../run-seed.js';

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));

/** Runs all of them on so many processes; `visit` hears of each as it ends. False from it: no more. */
export function runAll(
  jobs: Iterator<RunOptions>,
  workers: number,
  visit: (result: SeedResult) => boolean,
): Promise<void> {
  let stopped = false;
  const next = (): RunOptions | undefined => (stopped ? undefined : (jobs.next().value ?? undefined));
  const keep = (result: SeedResult): void => {
    if (!visit(result)) stopped = true;
  };
  return Promise.all(Array.from({ length: workers }, () => work(next, keep))).then(() => {});
}

/** One process after another, should one not survive a seed. */
async function work(next: () => RunOptions | undefined, keep: (result: SeedResult) => void): Promise<void> {
  let child: ChildProcess | undefined;
  for (let job = next(); job !== undefined; job = next()) {
    child ??= fork(WORKER);
    const result = await runOn(child, job);
    if (child.exitCode !== null || child.signalCode !== null) child = undefined;
    keep(result);
  }
  child?.disconnect();
}

function runOn(child: ChildProcess, job: RunOptions): Promise<SeedResult> {
  return new Promise((resolve) => {
    const died = (): void => resolve(broken(job.seed, new Error('its process ended')));
    child.once('exit', died);
    child.once('message', (result) => {
      child.off('exit', died);
      resolve(result as SeedResult);
    });
    child.send(job);
  });
}
