import { hunt } from '../mutants/hunt.js';
import { runSeed } from '../run-seed.js';
import type { Job } from './pool.js';

/** A process that does the jobs it is sent. */
process.on('message', (job: Job) => {
  process.send!('mutant' in job ? hunt(job.mutant, job.mostSeeds) : runSeed(job));
});
