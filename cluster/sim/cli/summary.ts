import type { SeedResult } from '../run-seed.js';

/** Adds up what came of many seeds. */
export class Summary {
  seeds = 0;
  failed = 0;
  simulatedMinutes = 0;
  private acknowledged = 0;
  private reads = 0;
  private freshReads = 0;
  private steps = 0;
  private readonly failures = new Map<string, number>();
  private readonly struck = new Map<string, number>();
  private readonly most = new Map<string, number>();

  add(result: SeedResult): void {
    this.seeds++;
    if (result.violations.length > 0) this.failed++;
    this.simulatedMinutes += result.simulatedMinutes;
    this.acknowledged += result.acknowledged;
    this.reads += result.reads;
    this.freshReads += result.freshReads;
    this.steps += result.steps;
    for (const [what, times] of Object.entries(result.failures)) add(this.failures, what, times);
    for (const [what, times] of Object.entries(result.struck)) add(this.struck, what, times);
    for (const [what, value] of Object.entries(result.most))
      this.most.set(what, Math.max(this.most.get(what) ?? 0, value));
  }

  text(realMinutes: number): string {
    const head = [
      ['seeds', `${this.seeds}`],
      ['seeds that failed', `${this.failed}`],
      ['simulated minutes', this.simulatedMinutes.toFixed(0)],
      ['simulated minutes per minute', (this.simulatedMinutes / realMinutes).toFixed(0)],
      ['acknowledged writes', `${this.acknowledged}`],
      ['reads checked', `${this.reads}`],
      ['of them for being fresh', `${this.freshReads}`],
      ['steps found linearizable', `${this.steps}`],
    ];
    return [
      table('in all', head),
      table('faults injected', sorted(this.struck)),
      table('requests that failed', sorted(this.failures)),
      table('the most there was on a node', sorted(this.most)),
    ].join('\n\n');
  }
}

function add(map: Map<string, number>, what: string, times: number): void {
  map.set(what, (map.get(what) ?? 0) + times);
}

function sorted(map: ReadonlyMap<string, number>): string[][] {
  return [...map].sort((a, b) => b[1] - a[1]).map(([what, times]) => [what, String(Math.round(times))]);
}

/** Two columns under a title. */
export function table(title: string, rows: readonly (readonly string[])[]): string {
  const width = Math.max(title.length, ...rows.map(([what]) => what.length));
  return [title, ...rows.map(([what, value]) => `  ${what.padEnd(width)}  ${value.padStart(10)}`)].join('\n');
}
