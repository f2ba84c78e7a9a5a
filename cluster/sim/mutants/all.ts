import { contextMutants } from './context-mutants.js';
import { healingMutants } from './healing-mutants.js';
import type { Mutant } from './mutant.js';
import { quorumMutants } from './quorum-mutants.js';
import { registerMutants } from './register-mutants.js';
import { ringMutants } from './ring-mutants.js';
import { versionMutants } from './version-mutants.js';

/** Every deliberate mistake, by its name. */
export const MUTANTS: ReadonlyMap<string, Mutant> = new Map(
  [quorumMutants, versionMutants, contextMutants, healingMutants, registerMutants, ringMutants]
    .flat()
    .map((mutant) => [mutant.name, mutant]),
);
