import { DEFAULT, QUORUM } from '../../core/levels.js';
import { type Plan, simulate } from '../simulation.js';
import { swarmPlan } from '../swarm.js';
import { MUTANTS } from './all.js';
import type { Mutant } from './mutant.js';

const NODES = 5;
const MINUTES = 2;
const EVERY_MS = 2000;
const BROKEN_OFF = 'the run broke off';

/** How a mutant fared. */
export interface Catch {
  readonly name: string;
  readonly mistake: string;
  /** The seed whose run showed the mistake; undefined: none did. */
  readonly seed: number | undefined;
  readonly violation: string;
  /** The very same run without the mistake: what is wrong with it, which should be nothing. */
  readonly without: string;
}

/** Runs seed after seed with the mistake in, until the checker finds something wrong. */
export function hunt(name: string, mostSeeds: number): Catch {
  const mutant = MUTANTS.get(name);
  if (mutant === undefined) throw new Error(`there is no mutant called ${name}`);
  const { mistake } = mutant;
  for (let seed = 1; seed <= mostSeeds; seed++) {
    const plan = planFor(mutant, seed);
    const undo = mutant.make();
    const violation = firstViolation(plan, undo);
    // A mistake that breaks the run off shows itself, and proves nothing of the checks.
    if (violation === '' || violation.startsWith(BROKEN_OFF)) continue;
    return { name, mistake, seed, violation, without: firstViolation(plan, () => {}) };
  }
  return { name, mistake, seed: undefined, violation: '', without: '' };
}

function firstViolation(plan: Plan, undo: () => void): string {
  try {
    return simulate(plan).violations[0] ?? '';
  } catch (error) {
    return `${BROKEN_OFF}: ${(error as Error).stack}`;
  } finally {
    undo();
  }
}

function planFor({ faults, everyMs = EVERY_MS, plan = {} }: Mutant, seed: number): Plan {
  const base = swarmPlan({ seed, nodes: NODES, minutes: MINUTES });
  const usual = { replicas: 3, readQuorum: QUORUM, writeQuorum: QUORUM };
  return {
    ...base,
    levels: [DEFAULT],
    ...plan,
    rounds: 1,
    settings: { ...base.settings, ...usual, ...plan.settings },
    troubles: { faults, everyMs },
  };
}
