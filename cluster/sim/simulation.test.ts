import { describe, expect, it } from 'vitest';
import { type FolderLife, folderLives } from '../../storage/folder-lives.js';
import { ALL, QUORUM } from '../core/levels.js';
import { Message } from '../messages.js';
import { LENGTH_BYTES } from '../transport/limits.js';
import { replace } from './mutants/mutant.js';
import { runSeed } from './run-seed.js';
import type { Troubles } from './sim-chaos.js';
import type { SimWorld } from './sim-world.js';
import { type Plan, type Report, simulate } from './simulation.js';

const EVERYTHING: Troubles = {
  faults: [
    'crash',
    'clean stop',
    'partition',
    'partial partition',
    'one-way cut',
    'broken connection',
    'clock a little off',
  ],
  everyMs: 1600,
};

function and(...faults: string[]): Troubles {
  return { faults: [...EVERYTHING.faults, ...faults], everyMs: EVERYTHING.everyMs };
}

/** Runs it and holds it to having done some work. */
function run(plan: Plan): Report {
  const report = simulate(plan);
  expect(report.acknowledged).toBeGreaterThan(50);
  expect(report.reads).toBeGreaterThan(50);
  return report;
}

function expectSound(plan: Plan): void {
  const { violations, world } = run(plan);
  expect(violations, `seed ${plan.seed}`).toEqual([]);
  expect(world.logged, `seed ${plan.seed}`).toEqual([]);
}

describe('nothing fails', () => {
  it.each([
    [1, 3],
    [3, 5],
  ])(
    'seed %i, %i nodes: every request succeeds, no read is older than what was acknowledged or read before',
    (seed, nodes) => {
      expectSound({ seed, nodes, seconds: 30 });
    },
  );

  // Swarm seed 31491: a message or a disk access may take longer than this, which nobody may be blamed for.
  it('requests that wait for less than the slowest message takes: what is not confirmed may count or not', () => {
    const mix = { incr: 10, get: 1 };
    const report = run({ seed: 1, nodes: 5, seconds: 60, settings: { requestTimeoutMs: 300 }, mix });
    expect(report.violations).toEqual([]);
    expect(report.failed).toBeGreaterThan(0);
  });
});

describe('nodes die, restart and stop, wires are cut one way or both, connections break, clocks differ', () => {
  it('twenty seeds: nothing acknowledged is lost, no dot is issued twice', () => {
    for (let seed = 100; seed < 120; seed++)
      expectSound({ seed, nodes: seed % 2 === 0 ? 3 : 5, seconds: 20, troubles: EVERYTHING });
  });

  it.each([21, 22])(
    'seed %i: machines lose power; with a synced log nothing acknowledged is lost',
    (seed) => {
      const troubles = and('power loss', 'crash of all');
      expectSound({ seed, nodes: 3, seconds: 30, troubles, settings: { syncMode: 'always' } });
    },
  );

  it.each([2, 4])('seed %i: disks fill up; whatever was acknowledged is somewhere', (seed) => {
    expectSound({ seed, nodes: 3, seconds: 30, troubles: { faults: ['full disk'], everyMs: 1600 } });
    expectSound({ seed, nodes: 5, seconds: 30, troubles: and('full disk') });
  });

  it.each([1, 2])('seed %i: every client asks for its own level', (seed) => {
    const levels = [1, QUORUM, ALL];
    expectSound({ seed, nodes: 3, seconds: 30, troubles: and('full disk'), levels });
    expectSound({ seed, nodes: 5, seconds: 30, troubles: EVERYTHING, levels });
  });
});

it('the same seed gives the same run, another seed another', () => {
  const hashOf = (seed: number): number => {
    const { hash, violations } = runSeed({ seed, nodes: 5, minutes: 0.5, lines: 0, twice: true });
    expect(violations).toEqual([]);
    return hash;
  };
  expect(hashOf(31)).not.toBe(hashOf(32));
});

describe('what is broken on purpose is found (a checker that cannot fail checks nothing)', () => {
  it('disks that lose every other batch and say it is safe', () => {
    const prepare = ({ nodes, random }: SimWorld): void => {
      for (const { disk } of nodes)
        disk.filter = (batch) => (random.chance(0.5) ? batch : { ...batch, put: () => {}, del: () => {} });
    };
    const plan = { nodes: 3, seconds: 30, troubles: EVERYTHING, prepare };
    const found = [40, 41, 42].flatMap((seed) => run({ ...plan, seed }).violations);
    expect(found.join('\n')).toContain('is lost');
  });

  it('replicas that acknowledge what they do not store', () => {
    const prepare = ({ network }: SimWorld): void => {
      network.meddle = emptyGroups;
    };
    const settings = { readQuorum: 1, writeQuorum: ALL };
    const { violations } = run({ seed: 42, nodes: 3, seconds: 30, settings, prepare });
    expect(violations.join('\n')).toContain('read older than');
  });

  it('levels too low to overlap', () => {
    const settings = { readQuorum: 1, writeQuorum: 1 };
    const { violations } = run({ seed: 43, nodes: 3, seconds: 30, settings, fresh: true });
    expect(violations.join('\n')).toContain('read older than');
  });

  it('a node that keeps its incarnation although it may have forgotten, its clock set back', () => {
    const prepare = ({ nodes, queue }: SimWorld): void => {
      const setBack = (): void => {
        nodes[0].skewMs = -queue.now;
        queue.after(500, setBack);
      };
      setBack();
    };
    const settings = { syncMode: 'no' } as const;
    const sameName = ({ life, incarnation }: FolderLife): FolderLife => {
      return { life: life + 1, incarnation, cleanShutdown: false };
    };
    const undo = replace(folderLives, 'begin', () => sameName);
    const { violations } = run({
      seed: 44,
      nodes: 1,
      seconds: 30,
      troubles: { faults: ['power loss'], everyMs: 1600 },
      losses: 1,
      settings,
      prepare,
    });
    undo();
    expect(violations.join('\n')).toContain('was issued twice');
  });
});

/** Takes the records out of every group of writes and makes the group end fit: the replica acknowledges nothing at all. */
function emptyGroups(frame: Buffer): Buffer {
  const kept: Buffer[] = [];
  for (let at = 0; at < frame.length; ) {
    const end = at + LENGTH_BYTES + frame.readUInt32BE(at);
    const message = frame.subarray(at, end);
    const type = message[LENGTH_BYTES];
    if (type === Message.WriteEnd) message.writeUInt32BE(0, LENGTH_BYTES + 5);
    if (type !== Message.Write) kept.push(message);
    at = end;
  }
  return Buffer.concat(kept);
}
