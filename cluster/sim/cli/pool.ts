import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { RunOptions } from '../run-seed.js';

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));

/** A seed to run, or a mutant to look for. */
export type Job = RunOptions | { readonly mutant: string; readonly mostSeeds: number };

/**
 * Has them all done by so many processes; `visit` hears of each as it ends, with undefined where the process has died of it.
 * False from it: no more.
 */
export function doAll<J extends Job, Result>(
  jobs: Iterator<J>,
  workers: number,
  visit: (job: J, result: Result | undefined) => boolean,
): Promise<unknown> {
  let stopped = false;
  const next = (): J | undefined => (stopped ? undefined : (jobs.next().value ?? undefined));
  const keep = (job: J, result: Result | undefined): void => {
    if (!visit(job, result)) stopped = true;
  };
  return Promise.all(Array.from({ length: workers }, () => work(next, keep)));
}

/** One process after another, should one not survive a job. */
async function work<J extends Job, Result>(
  next: () => J | undefined,
  keep: (job: J, result: Result | undefined) => void,
): Promise<void> {
  let child: ChildProcess | undefined;
  for (let job = next(); job !== undefined; job = next()) {
    child ??= fork(WORKER);
    const result = await ask<Result>(child, job);
    if (result === undefined) child = undefined;
    keep(job, result);
  }
  child?.disconnect();
}

function ask<Result>(child: ChildProcess, job: Job): Promise<Result | undefined> {
  return new Promise((resolve) => {
    const died = (): void => resolve(undefined);
    child.once('exit', died);
    child.once('message', (result) => {
      child.off('exit', died);
      resolve(result as Result);
    });
    child.send(job);
  });
}
