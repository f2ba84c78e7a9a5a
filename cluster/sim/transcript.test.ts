import { describe, expect, it } from 'vitest';
import { ALL } from '../core/levels.js';
import { Scenario } from './scenario.js';

const ONE = 1;
/** What a node missed while it was away is found by reads alone. */
const NO_HINTS = { maxHintsBytes: 0 };

/** Golden files: `vitest -u` writes them anew; a change in one has to be looked at line by line. */
function expectTranscript(name: string, scenario: Scenario): Promise<void> {
  expect(scenario.world.checker.violations).toEqual([]);
  return expect(scenario.text).toMatchFileSnapshot(`../testdata/${name}.txt`);
}

describe('what nodes say to each other', () => {
  it('writes while a replica is away, handed over when it is back: a hint for the key, not for each write', async () => {
    const scenario = new Scenario('plate');
    const { first, third } = scenario;
    scenario.set(first, 'one');
    scenario.dies(third);
    scenario.set(first, 'two');
    scenario.set(first, 'three');
    scenario.starts(third);
    scenario.get(third, ALL);
    await expectTranscript('handoff', scenario);
  });

  it('the holder of a hint dies before it has delivered it, and does so in its next life', async () => {
    const scenario = new Scenario('plate');
    const { first, second, third } = scenario;
    scenario.dies(third);
    scenario.set(first, 'one');
    scenario.dies(first);
    scenario.starts(third);
    scenario.starts(first);
    scenario.get(second, ALL);
    await expectTranscript('handoff-after-crash', scenario);
  });

  it('a write while a replica is away, which is repaired when the key is read', async () => {
    const scenario = new Scenario('plate', NO_HINTS);
    const { first, third } = scenario;
    scenario.set(first, 'one');
    scenario.dies(third);
    scenario.set(first, 'two');
    scenario.starts(third);
    scenario.get(third);
    scenario.get(third);
    await expectTranscript('read-repair', scenario);
  });

  it('the coordinator dies and comes back: writes go on without a sibling', async () => {
    const scenario = new Scenario('plate', NO_HINTS);
    const { first, second, third } = scenario;
    scenario.set(first, 'one');
    scenario.dies(first);
    scenario.set(third, 'two');
    scenario.starts(first);
    scenario.set(first, 'three');
    scenario.get(second, ALL);
    await expectTranscript('failover', scenario);
  });

  it('two writers in two halves: both values stay until a later write has seen both', async () => {
    const scenario = new Scenario('plate', NO_HINTS);
    const { first, second } = scenario;
    scenario.set(first, 'before');
    scenario.isolate(first);
    scenario.set(first, 'left', ONE);
    scenario.set(second, 'right');
    scenario.heal();
    scenario.get(second, ALL);
    scenario.set(second, 'after');
    scenario.get(first, ALL);
    await expectTranscript('partition', scenario);
  });
});
