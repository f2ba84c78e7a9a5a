import { Command, InvalidArgumentError } from 'commander';
import { keepPeace, knowDeath, roundsAllowed } from './gossip-scale.js';

/** `npm run bench:gossip`: how fast a death is known, and how often a living node is suspected, by the number of nodes. */

interface Size {
  readonly nodes: number;
  readonly deaths: number;
  readonly peaceHours: number;
}

interface Options {
  readonly nodes?: number;
  readonly hours?: number;
}

/** A node's hour costs with the square of their number: what is watched is told in pairs of nodes times days as well. */
const SIZES: readonly Size[] = [
  { nodes: 10, deaths: 100, peaceHours: 24 },
  { nodes: 100, deaths: 30, peaceHours: 2 },
  { nodes: 1000, deaths: 10, peaceHours: 0.02 },
];
const HOUR_MS = 3_600_000;

const options = new Command('bench:gossip')
  .description(
    'Simulates clusters that do nothing but gossip: who knows of a death when, and who is suspected in peace.',
  )
  .option('--nodes <n>', 'this size alone: 10, 100 or 1000', positive)
  .option(
    '--hours <n>',
    'how much peace is simulated: a day of 100 nodes takes minutes, an hour of 1,000 half an hour',
    positive,
  )
  .parse()
  .opts<Options>();

const middle = (sorted: readonly number[]): number => sorted[sorted.length >> 1];
const ascending = (list: readonly number[]): number[] => [...list].sort((a, b) => a - b);

function row({ nodes, deaths, peaceHours }: Size): string {
  const { rumour, death } = knowDeath(nodes, deaths);
  const byHearsay = ascending(rumour);
  const fromDeath = ascending(death);
  const hours = options.hours ?? peaceHours;
  const { suspicions, downs } = keepPeace(nodes, 1, hours * HOUR_MS);
  const pairDays = (nodes * (nodes - 1) * hours) / 24;
  const cells = [
    nodes,
    roundsAllowed(nodes).toFixed(1),
    middle(byHearsay).toFixed(2),
    byHearsay.at(-1)!.toFixed(2),
    middle(fromDeath).toFixed(2),
    fromDeath.at(-1)!.toFixed(2),
    `${hours} h (${Math.round(pairDays).toLocaleString('en')} pair-days)`,
    suspicions,
    downs,
  ];
  return `| ${cells.join(' | ')} |`;
}

function positive(text: string): number {
  if (!(Number(text) > 0)) throw new InvalidArgumentError('Allowed are numbers above 0.');
  return Number(text);
}

console.log('1 % of all messages and heartbeats lost; a round is 1 s; deaths are silent, as of a machine.\n');
console.log(
  '| nodes | allowed: log2(n) + 3 | rounds by hearsay alone: median | worst | rounds from the death: median | worst | peace | false suspicions | false downs |',
);
console.log('|---|---|---|---|---|---|---|---|---|');
for (const size of SIZES)
  if (options.nodes === undefined || options.nodes === size.nodes) console.log(row(size));
