import { type RunOptions, runSeed } from '../run-seed.js';

/** A process that runs the seeds it is sent. */
process.on('message', (options: RunOptions) => process.send!(runSeed(options)));
