import { median } from '../measure.js';
import type { CasFigures } from './load.js';

/** What was measured of one system at one work. */
export interface CasRow {
  readonly work: string;
  readonly system: string;
  readonly runs: readonly CasFigures[];
  readonly goals: readonly Goal[];
}

/** A promise about a row, held against another one of the same run. */
export interface Goal {
  readonly text: string;
  /** What there is of the other row's figure. */
  share(own: CasFigures): number;
  reached(own: CasFigures): boolean;
}

const HEAD = [
  'work',
  'system',
  'successes/s',
  'lowest and highest',
  'attempts/s',
  'p50 ms',
  'p99 ms',
  'CPU µs/success',
  'to reach',
  '',
];

/** The table as Markdown. */
export function casTable(rows: readonly CasRow[]): string {
  return [line(HEAD), line(HEAD.map(() => '---')), ...rows.map(rowLine)].join('\n');
}

/** The medians of several runs. */
export function medianOf(runs: readonly CasFigures[]): CasFigures {
  const of = (field: keyof CasFigures): number => median(runs.map((one) => one[field]));
  return {
    successes: of('successes'),
    attempts: of('attempts'),
    p50: of('p50'),
    p99: of('p99'),
    cpu: of('cpu'),
  };
}

function rowLine({ work, system, runs, goals }: CasRow): string {
  const own = medianOf(runs);
  const rates = runs.map(({ successes }) => successes);
  const verdicts = goals.map(
    (goal) => `${goal.share(own).toFixed(2)}: ${goal.reached(own) ? 'yes' : '**no**'}`,
  );
  return line([
    work,
    system,
    whole(own.successes),
    `${whole(Math.min(...rates))} to ${whole(Math.max(...rates))}`,
    whole(own.attempts),
    own.p50.toFixed(2),
    own.p99.toFixed(2),
    whole(own.cpu),
    goals.map(({ text }) => text).join('; '),
    verdicts.join('; '),
  ]);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
