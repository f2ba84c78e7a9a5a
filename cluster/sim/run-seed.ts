import { type Report, simulate } from './simulation.js';
import { type SwarmOptions, swarmPlan } from './swarm.js';

/** What came of one seed: fit for JSON. */
export interface SeedResult {
  readonly seed: number;
  readonly hash: number;
  readonly violations: readonly string[];
  readonly simulatedMinutes: number;
  readonly acknowledged: number;
  readonly reads: number;
  readonly freshReads: number;
  readonly steps: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly struck: Readonly<Record<string, number>>;
  readonly most: Readonly<Record<string, number>>;
  /** Of the key that was asked for, or of the first that is not as it has to be. */
  readonly timeline: string | undefined;
}

export interface RunOptions extends SwarmOptions {
  /** The key whose timeline is wanted. */
  readonly key?: string;
  /** Lines of the timeline, at most; 0: none. */
  readonly lines: number;
  /** Run it once more, and hold the two runs against each other. */
  readonly twice: boolean;
}

const ALL_KEYS = '';

export function runSeed(options: RunOptions): SeedResult {
  const { seed, key, lines, twice } = options;
  const first = run(options, key);
  if ('error' in first) return broken(seed, first.error);
  const { report } = first;
  const violations = [...report.violations];
  let timeline = key === undefined || lines === 0 ? undefined : report.world.timeline!.text(lines);
  const wanted = violations.length > 0 && key === undefined && lines > 0;
  if (wanted || twice) {
    const guilty = report.world.checker.found.find((one) => one.key !== undefined)?.key ?? ALL_KEYS;
    const second = run(options, wanted ? guilty : key);
    if ('error' in second || second.report.hash !== report.hash)
      violations.push('a second run of the same seed was another');
    else if (wanted) timeline = `of ${guilty || 'the world'}:\n${second.report.world.timeline!.text(lines)}`;
  }
  return {
    seed,
    hash: report.hash,
    violations,
    simulatedMinutes: report.world.queue.now / 60_000,
    acknowledged: report.acknowledged,
    reads: report.reads,
    freshReads: report.world.checker.freshReads,
    steps: report.steps,
    failures: Object.fromEntries(report.failures),
    struck: Object.fromEntries(report.world.struck),
    most: Object.fromEntries(report.world.gauges.most),
    timeline,
  };
}

function run(options: RunOptions, traced: string | undefined): { report: Report } | { error: Error } {
  try {
    return { report: simulate({ ...swarmPlan(options), traced }) };
  } catch (error) {
    return { error: error as Error };
  }
}

/** A seed that could not be run to its end. */
export function broken(seed: number, error: Error): SeedResult {
  return {
    seed,
    hash: 0,
    violations: [`the run broke off: ${error.stack}`],
    simulatedMinutes: 0,
    acknowledged: 0,
    reads: 0,
    freshReads: 0,
    steps: 0,
    failures: {},
    struck: {},
    most: {},
    timeline: undefined,
  };
}
