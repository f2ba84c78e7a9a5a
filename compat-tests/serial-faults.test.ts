import { describe, expect, it } from 'vitest';
import { failures } from '../bench/serial/report.js';
import { trial } from '../bench/serial/trial.js';

/** `npm run bench:serial` does the same for minutes. */
const SECONDS = 15;

describe('random kill -9, SIGSTOP and cut wires under clients of everything that is linearizable', () => {
  it.each([3, 5])(
    '%i nodes: some order of all operations explains every answer',
    { timeout: 180_000 },
    async (nodes) => {
      const outcome = await trial({ nodes, seconds: SECONDS, seed: Date.now() % 1_000_000 });
      expect(failures(outcome), `seed ${outcome.seed}`).toEqual([]);
      expect(outcome.kills + outcome.stops + outcome.cuts).toBeGreaterThan(0);
      expect(outcome.tally.answered).toBeGreaterThan(50);
    },
  );
});
