import { describe, expect, it } from 'vitest';
import { hunt } from './mutants/hunt.js';
import type { Sight } from './sight.js';
import type { Mix } from './sim-client.js';
import type { SimNode } from './sim-node.js';
import { SimWorld } from './sim-world.js';
import { simulate } from './simulation.js';

const MIX: Mix = { get: 20, put: 20, forget: 6, set: 4, del: 2, once: 2 };

describe('clients that put and delete with what they have read', () => {
  it.each([
    [1, 'no'],
    [2, 'yes'],
    [3, 'no'],
    [4, 'yes'],
  ])('seed %i, sloppy %s: just that is replaced, whatever dies or is cut', (seed, sloppy) => {
    const report = simulate({
      seed,
      nodes: 4,
      seconds: 40,
      rounds: 2,
      keys: 4,
      mix: MIX,
      settings: { sloppy: sloppy === 'yes' },
      troubles: { faults: ['crash', 'partition', 'one-way cut', 'partial partition'], everyMs: 1500 },
    });
    expect(report.violations).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(100);
  });

  it.each(['put over the unseen', 'put over nothing'])('would be found out: %s', (name) => {
    const { seed, without } = hunt(name, 3);
    expect([seed === undefined, without]).toEqual([false, '']);
  });
});

describe('two clients that have read the same', () => {
  const KEY = 'plate';

  it('write side by side; who deletes what both wrote leaves what came meanwhile', () => {
    const world = new SimWorld('contexts', 4);
    world.form();
    const [one, other] = world.nodes;
    const read = (node: SimNode): Sight => world.ask(node, { kind: 'get', keys: [KEY] }).sights[0];
    const values = ({ siblings }: Sight) => siblings.map(({ value }) => value);
    world.ask(one, { kind: 'set', keys: [KEY], value: 'before' });
    const seen = read(one);
    world.ask(one, { kind: 'put', keys: [KEY], value: 'of one', seen });
    world.ask(other, { kind: 'put', keys: [KEY], value: 'of the other', seen });
    const both = read(other);
    expect(values(both)).toEqual(['of the other', 'of one']);
    world.ask(one, { kind: 'put', keys: [KEY], value: 'meanwhile' });
    world.ask(other, { kind: 'forget', keys: [KEY], seen: both });
    expect(values(read(one))).toEqual(['meanwhile']);
    world.ask(other, { kind: 'forget', keys: [KEY], seen: read(other) });
    expect(values(read(one))).toEqual([null]);
    expect(world.checker.violations).toEqual([]);
  });
});
