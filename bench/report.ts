import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import type { Figures } from './measure.js';

export interface Row {
  readonly system: string;
  readonly work: string;
  /** Of a load; a single fact has `result` instead. */
  readonly figures?: Figures;
  /** Of the peer's throughput in the same run. */
  readonly ratio?: number;
  readonly result?: string;
  readonly target: string;
  /** undefined where nothing was promised. */
  readonly reached: boolean | undefined;
}

const RESULTS = 'bench/RESULTS.md';

/** The table as Markdown; with `save` it takes the place of the latest run in RESULTS.md. */
export function writeResults(rows: readonly Row[], save: boolean): string {
  const table = [
    '| work | system | requests/s | of redis | p50 ms | p99 ms | CPU µs/request | to reach | |',
    '|---|---|---|---|---|---|---|---|---|',
    ...rows.map(line),
  ].join('\n');
  if (save) savePart('npm run bench', table);
  return table;
}

/** Puts what a program has measured in its place in RESULTS.md, which has marks for it. */
export function savePart(program: string, table: string): void {
  const whole = readFileSync(RESULTS, 'utf8');
  const begin = `<!-- latest run: written by ${program} -->`;
  const at = whole.indexOf(begin);
  if (at < 0) throw new Error(`${RESULTS} has no place for ${program}`);
  const head = whole.slice(0, at + begin.length);
  const tail = whole.slice(whole.indexOf('<!-- end of the latest run -->', at));
  writeFileSync(RESULTS, `${head}\n\n${machine()}\n\n${table}\n\n${tail}`);
}

function line({ system, work, figures, ratio, result, target, reached }: Row): string {
  const numbers =
    figures === undefined
      ? [result ?? '', '', '', '', '']
      : [
          Math.round(figures.throughput).toLocaleString('en'),
          (ratio ?? 1).toFixed(2),
          figures.p50.toFixed(2),
          figures.p99.toFixed(2),
          figures.cpu.toFixed(1),
        ];
  const verdict = reached === undefined ? '' : reached ? 'yes' : '**no**';
  return `| ${[work, system, ...numbers, target, verdict].join(' | ')} |`;
}

function machine(): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, ${cpus().length} cores (${cpu.model.trim()}), ${memory} GiB, Node.js ${process.version}.`;
}
