import { ALL, DEFAULT, type Level, QUORUM } from '../core/levels.js';
import { FAULTS, RACK_FAULTS, RING_CHANGES, RING_STEP_FAULTS, ROUND_FAULTS } from './faults/all.js';
import { type Mix, USUAL_MIX } from './sim-client.js';
import type { SimSettings } from './sim-life.js';
import { SimRandom } from './sim-random.js';
import type { Plan } from './simulation.js';

/** What is asked for on the command line; the seed decides the rest. */
export interface SwarmOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly minutes: number;
  /** Undefined: the seed decides. */
  readonly sloppy?: boolean;
  /** Clients whose steps have to be linearizable, more often than not without any others. */
  readonly serial?: boolean;
  /** Clients that put and delete with what they have seen. */
  readonly contexts?: boolean;
  /** Nodes join, leave, are replaced and removed. */
  readonly elastic?: boolean;
  /** Clients that walk the whole keyspace, of what is promised to them: see `withWalks`. */
  readonly walks?: boolean;
}

const FAULT_CHANCE = 0.4;
const CHANGE_CHANCE = 0.6;
const LEAST_VOTERS = 3;
const HOUR_MS = 3_600_000;
/** By which a replica lacks what it has confirmed. */
const UNWALKED = new Set(['rotten disk', 'misreading disk', 'lost disk', 'backup restored']);

/**
 * The plan of a seed: each has some of the faults, some of the commands, settings of its own (Groce et al., "Swarm Testing", 2012:
 * what is left out brings out what it would have hidden). The choices do not depend on the options, as far as they can.
 */
export function swarmPlan(options: SwarmOptions): Plan {
  let plan = plainPlan(options);
  if (options.contexts === true) plan = withContexts(plan, new SimRandom(`contexts ${options.seed}`));
  if (options.serial === true) plan = withSteps(plan, new SimRandom(`serial ${options.seed}`));
  if (options.elastic === true) plan = withRingChanges(plan, new SimRandom(`elastic ${options.seed}`));
  return options.walks === true ? withWalks(plan, new SimRandom(`walks ${options.seed}`)) : plan;
}

/**
 * A step of a walk asks one replica. So a walk finds what all home replicas have confirmed, whoever is down or cut off, as long as no disk
 * forgets or misreads what it has confirmed. While slots move, a node that is cut off answers by the ring it knows: then nothing is promised
 * of what was written since, and the seed has nothing worse than changes of the ring.
 */
function withWalks(plan: Plan, random: SimRandom): Plan {
  const { faults, everyMs } = plan.troubles!;
  const harmless = faults.filter((name) =>
    plan.elastic === undefined ? !UNWALKED.has(name) : RING_CHANGES.has(name),
  );
  return {
    ...plan,
    troubles: { faults: harmless, everyMs },
    // A stand-in confirms in the place of a home, a log that is not synced is lost with the power; a flush voids whatever is there.
    settings: { ...plan.settings, sloppy: false, syncMode: 'always' },
    mix: { ...plan.mix, flush: 0 },
    walks: { clients: 2 + random.below(4), thinkMs: between(random, 5, 50), level: ALL },
  };
}

/** A seed in four has nothing worse than changes of the ring: then all that goes wrong is theirs. */
function withRingChanges(plan: Plan, random: SimRandom): Plan {
  const { faults } = plan.troubles!;
  const changes = [...RING_CHANGES.keys()].filter(() => random.chance(CHANGE_CHANCE));
  const steps = [...RING_STEP_FAULTS.keys()].filter(() => random.chance(FAULT_CHANCE));
  const usual = random.chance(0.25) ? [] : [...faults, ...steps];
  const first = random.pick([...RING_CHANGES.keys()]);
  const everyMs = between(random, 1500, 10_000);
  const racks = random.pick([0, 0, 2, 3]);
  const lost = racks === 0 ? [] : [...RACK_FAULTS.keys()].filter(() => random.chance(0.5));
  return {
    ...plan,
    troubles: { faults: [...usual, ...new Set([first, ...changes]), ...lost], everyMs },
    // With two voters nothing is decided without one that is dead.
    elastic: {
      leastMembers: Math.max(LEAST_VOTERS, Math.min(plan.nodes, plan.settings?.replicas ?? 0)),
      racks,
    },
  };
}

function withContexts(plan: Plan, random: SimRandom): Plan {
  return { ...plan, mix: { ...plan.mix, put: between(random, 3, 40), forget: between(random, 1, 15) } };
}

function withSteps(plan: Plan, random: SimRandom): Plan {
  const alone = random.chance(0.7);
  const { faults, everyMs } = plan.troubles!;
  const more = [...ROUND_FAULTS.keys()].filter(() => random.chance(FAULT_CHANCE));
  return {
    ...plan,
    troubles: { faults: [...faults, ...more], everyMs: Math.min(everyMs, 4000) },
    clients: alone ? 0 : plan.clients,
    // A flush voids whatever is there, by the clock.
    mix: { ...plan.mix, flush: 0 },
    serial: {
      clients: 2 + random.below(6),
      registers: 1 + random.below(2),
      pairs: random.below(2),
      counters: random.below(2),
      banks: random.below(2),
      locks: random.below(2),
      mixed: alone ? 0 : random.below(2),
      slots: 1 + random.below(3),
      thinkMs: between(random, 20, 300),
    },
  };
}

function plainPlan({ seed, nodes, minutes, sloppy }: SwarmOptions): Plan {
  const random = new SimRandom(`swarm ${seed}`);
  const faults = [...FAULTS.keys()].filter(() => random.chance(FAULT_CHANCE));
  const everyMs = between(random, 300, 20_000);
  const { settings, levels } = chooseSettings(random);
  const seconds = minutes * 60;
  const repairedBy = random.chance(0.2) ? 'reads' : 'trees';
  return {
    seed,
    nodes,
    seconds,
    troubles: { faults, everyMs },
    settings: sloppy === undefined ? settings : { ...settings, sloppy },
    levels,
    repairedBy,
    rounds: Math.max(1, Math.round(minutes / random.between(0.5, 4))),
    clients: 2 + random.below(6),
    keys: 1 + Math.floor(between(random, 1, 60)),
    thinkMs: between(random, 60, 600),
    mix: chooseMix(random),
    popularity: random.pick([1, 1, 2, 4]),
  };
}

function chooseSettings(random: SimRandom): { settings: Partial<SimSettings>; levels: readonly Level[] } {
  const levels = random.pick<readonly Level[]>([
    ...Array.from({ length: 6 }, () => [DEFAULT]),
    [1, QUORUM, ALL],
    [2],
  ]);
  const [readQuorum, writeQuorum] = random.pick<readonly [Level, Level]>([
    ...Array.from({ length: 6 }, () => [QUORUM, QUORUM] as const),
    [1, ALL],
    [ALL, 1],
    [1, 1],
  ]);
  return {
    levels,
    settings: {
      readQuorum,
      writeQuorum,
      replicas: random.pick([3, 3, 3, 3, 2, 5]),
      syncMode: random.pick(['everysec', 'everysec', 'always', 'no']),
      sloppy: random.chance(0.5),
      requestTimeoutMs: random.pick([500, 2000, 5000]),
      cacheBytes: random.pick([1000, 10_000, 1 << 20]),
      gcGraceMs: random.pick([10_000, 60_000, 72 * HOUR_MS]),
      hintThrottle: random.pick([5000, 100_000, 10 << 20]),
      hintWindowSeconds: random.pick([5, 60, 3 * 3600]),
      maxHintsBytes: random.pick([0, 5000, 1 << 20, 1 << 20]),
      repairIntervalSeconds: random.pick([0, 5, 60, 600]),
      repairThrottle: random.pick([20_000, 10 << 20]),
    },
  };
}

function chooseMix(random: SimRandom): Mix {
  const mix: Record<string, number> = {};
  for (const [kind, weight] of Object.entries({ ...USUAL_MIX, expiring: 10 }))
    if (kind === 'get' || random.chance(0.8)) mix[kind] = weight * random.between(0.2, 1.5);
  // Each is one key more for ever.
  if (mix['once'] !== undefined) mix['once'] /= 5;
  if (random.chance(0.3)) mix['scan'] = 0.5;
  if (random.chance(0.2)) mix['flush'] = 0.05;
  return mix;
}

/** As likely between 10 and 20 as between 100 and 200. */
function between(random: SimRandom, from: number, to: number): number {
  return from * (to / from) ** random.next();
}
