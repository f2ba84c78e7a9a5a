import { Command } from 'commander';
import { savePart } from '../report.js';
import { failures, trialTable } from './report.js';
import { type Trial, trial } from './trial.js';

const options = new Command('bench:serial')
  .description(
    'Kills, stops and cuts off real nodes at random under clients of linearizable operations, and judges what these were told.',
  )
  .option('--seconds <n>', 'for each size of cluster', Number, 600)
  .option('--nodes <list>', 'sizes of clusters', '3,5')
  .option('--seed <n>', 'of what is done to the nodes', Number, 1)
  .option('--dry', 'leave bench/RESULTS.md as it is', false)
  .parse()
  .opts<{ seconds: number; nodes: string; seed: number; dry: boolean }>();

const trials: Trial[] = [];
for (const nodes of options.nodes.split(',').map(Number)) {
  process.stdout.write(`${nodes} nodes, ${options.seconds} s, seed ${options.seed} ...\n`);
  const one = await trial({ nodes, seconds: options.seconds, seed: options.seed });
  trials.push(one);
  for (const line of failures(one)) process.stdout.write(`${line}\n`);
}
const table = trialTable(trials);
process.stdout.write(`\n${table}\n`);
if (!options.dry) savePart('npm run bench:serial', table);
process.exitCode = trials.every((one) => failures(one).length === 0) ? 0 : 1;
