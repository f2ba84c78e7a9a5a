import { describe, expect, it } from 'vitest';
import { runSeed } from './run-seed.js';
import type { SwarmOptions } from './swarm.js';

/** A few hundred seeds; `npm run simulate` has as many as one likes. */

const SEEDS_AT_ONCE = 20;
/** Twenty seeds take seconds; a machine that has much else to do may take its time. */
const PATIENCE_MS = 300_000;

interface Swarm {
  readonly name: string;
  readonly seeds: number;
  readonly options: Partial<SwarmOptions> & Pick<SwarmOptions, 'minutes'>;
}

const SWARMS: readonly Swarm[] = [
  { name: 'plain commands', seeds: 120, options: { minutes: 0.5 } },
  { name: 'contexts', seeds: 40, options: { minutes: 0.5, contexts: true } },
  { name: 'steps that have to be linearizable', seeds: 60, options: { minutes: 0.3, serial: true } },
  { name: 'an elastic ring', seeds: 40, options: { minutes: 0.4, elastic: true } },
  { name: 'steps on an elastic ring', seeds: 40, options: { minutes: 0.4, elastic: true, serial: true } },
];

describe.each(SWARMS)('any faults, any settings: $name', ({ seeds, options }) => {
  it.each(Array.from({ length: seeds / SEEDS_AT_ONCE }, (_, i) => 1 + i * SEEDS_AT_ONCE))(
    'seeds from %i on',
    (from) => {
      for (let seed = from; seed < from + SEEDS_AT_ONCE; seed++) {
        const { violations } = runSeed({ seed, nodes: 5, lines: 0, twice: false, ...options });
        expect(violations, `seed ${seed}`).toEqual([]);
      }
    },
    PATIENCE_MS,
  );
});
