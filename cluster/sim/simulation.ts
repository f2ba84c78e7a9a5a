import { DEFAULT, type Level, majority, replicasNeeded } from '../core/levels.js';
import type { BusyClient } from './client-habits.js';
import { judge } from './judgement.js';
import { type SerialPlan, SerialWorkload } from './linearizability/serial-workload.js';
import { SimChaos, type Troubles } from './sim-chaos.js';
import { type Mix, SimClient, USUAL_MIX } from './sim-client.js';
import { type SimSettings, USUAL } from './sim-life.js';
import { SimWorld } from './sim-world.js';
import { WalkClient, type WalkHabits } from './walk-client.js';

export interface Plan {
  readonly seed: number | string;
  readonly nodes: number;
  readonly seconds: number;
  readonly troubles?: Troubles;
  readonly settings?: Partial<SimSettings>;
  /** What clients ask for, one for each request; the default is the settings' levels. */
  readonly levels?: readonly Level[];
  /** In how many parts the time is cut; after each everything is healed and looked at. */
  readonly rounds?: number;
  /** What makes replicas the same when all is healed: comparing trees (the default), or reading every key from all of them. */
  readonly repairedBy?: 'trees' | 'reads';
  readonly clients?: number;
  readonly keys?: number;
  /** From one answer to the next request, ms. */
  readonly thinkMs?: number;
  readonly mix?: Mix;
  readonly popularity?: number;
  /** Clients whose steps have to be linearizable, beside the others. */
  readonly serial?: SerialPlan;
  /** Clients that walk the whole keyspace, beside the others. */
  readonly walks?: WalkHabits & { readonly clients: number };
  /** The ring may have so few members while slots move about, and the machines stand in so many racks. */
  readonly elastic?: { readonly leastMembers: number; readonly racks: number };
  /** The key whose timeline is kept. */
  readonly traced?: string;
  /** What is promised, where a test wants more than the plan can keep. */
  readonly losses?: number;
  readonly fresh?: boolean;
  /** Changes the world before it begins: a test's way to break it. */
  readonly prepare?: (world: SimWorld) => void;
}

export interface Report {
  readonly world: SimWorld;
  readonly hash: number;
  readonly violations: readonly string[];
  readonly acknowledged: number;
  readonly reads: number;
  /** Steps that were taken at `SERIAL`. */
  readonly steps: number;
  /** Keys that walks of the keyspace had to find, and did. */
  readonly walked: number;
  readonly failed: number;
  /** By what was asked and the error. */
  readonly failures: ReadonlyMap<string, number>;
}

const CLOCK_FAULTS_MS = 25_000;
const LITTLE_MS = 500;
const SAMPLE_MS = 500;
const FINISH_WITHIN_MS = 120_000;
/** Two of the slowest messages there are without any fault, and the slowest disk, are over within this. */
const PATIENT_MS = 2000;

/** One run: a cluster forms, clients work, trouble comes, all is healed, and what is left is judged. */
export function simulate(plan: Plan): Report {
  const { troubles = { faults: [], everyMs: 0 }, rounds = 1 } = plan;
  const world = new SimWorld(plan.seed, plan.nodes, plan.settings, {
    traced: plan.traced,
    losses: plan.losses ?? lossesBorne(plan),
    logsMatter: plan.clients !== 0,
    votesMatter: plan.serial !== undefined,
    clocksOffMs: troubles.faults.some((name) => name.startsWith('clock')) ? CLOCK_FAULTS_MS : LITTLE_MS,
    deadMayReturn: readsMeet(plan) && writesMeet(plan),
    ...plan.elastic,
  });
  plan.prepare?.(world);
  world.form();
  const serial = plan.serial && new SerialWorkload(world, plan.serial, stepsPromised(plan, troubles));
  const clients = makeClients(world, plan, troubles, serial?.mixedKeys);
  const walkers = makeWalkers(world, plan);
  const busy: readonly BusyClient[] = [...clients, ...(serial?.clients ?? []), ...walkers];
  const chaos = new SimChaos(world, troubles);
  for (let round = 0; round < rounds; round++) {
    for (const client of busy) client.start();
    world.calm = false;
    chaos.start();
    runAndSample(world, (plan.seconds * 1000) / rounds);
    chaos.stop();
    world.calm = true;
    for (const client of busy) client.stop();
    world.runFor(2000);
    world.healFaults();
    if (!world.runUntil(() => busy.every((client) => client.idle), FINISH_WITHIN_MS))
      for (const client of busy.filter(({ idle }) => !idle)) world.checker.violation(client.waitsFor);
    judge(world, plan.repairedBy);
    if (world.whole) serial?.readAll();
    if (world.checker.found.length > 0) break;
  }
  if (world.whole) checkCounters(world, clients);
  serial?.judge();
  const walked = walkers.reduce((sum, { looked }) => sum + looked, 0);
  return reportOf(world, busy, serial?.steps ?? 0, walked);
}

function makeWalkers(world: SimWorld, { walks }: Plan): WalkClient[] {
  if (walks === undefined) return [];
  const planted = new Map<string, number>();
  return Array.from({ length: walks.clients }, (_, i) => new WalkClient(world, `w${i}`, walks, planted));
}

/** Fewer machines may forget than an acknowledged write has copies. */
function lossesBorne(plan: Plan): number {
  const { writeQuorum, n } = replication(plan);
  const copies = plan.clients === 0 ? n : leastOf(plan, writeQuorum);
  return Math.min(copies, plan.serial === undefined ? n : majority(n)) - 1;
}

/**
 * Whether every read has to show every write acknowledged before it, as long as no replica has forgotten anything: it is on as many home
 * replicas as its level says, and one of them is among those that are read.
 */
function readsAreFresh(plan: Plan, { faults }: Troubles): boolean {
  const { sloppy } = { ...USUAL, ...plan.settings };
  if (sloppy && faults.length > 0) return false;
  // What is linearizable is acknowledged by a majority, whatever the level of writes; fewer than that do not show it.
  if (plan.serial !== undefined && !readsMeet(plan)) return false;
  const { readQuorum, writeQuorum, n } = replication(plan);
  return leastOf(plan, readQuorum) + leastOf(plan, writeQuorum) > n;
}

/** The fewest replicas that a client of the plan is content with. */
function leastOf(plan: Plan, byDefault: Level): number {
  const { levels = [DEFAULT] } = plan;
  const { n } = replication(plan);
  return Math.min(...levels.map((level) => replicasNeeded(level, n, byDefault)));
}

function replication({ settings, nodes }: Plan): { readQuorum: Level; writeQuorum: Level; n: number } {
  const { readQuorum, writeQuorum, replicas } = { ...USUAL, ...settings };
  return { readQuorum, writeQuorum, n: Math.min(replicas, nodes) };
}

/**
 * Whether any two reads have a replica in common: then what one of them has shown, the other shows too, even if the write was never
 * acknowledged. A read of one replica cannot know whether others have what it found.
 */
function readsMeet(plan: Plan): boolean {
  const { readQuorum, n } = replication(plan);
  return leastOf(plan, readQuorum) * 2 > n;
}

/** Whether no two writes are acknowledged by different replicas. */
function writesMeet(plan: Plan): boolean {
  const { writeQuorum, n } = replication(plan);
  return leastOf(plan, writeQuorum) * 2 > n;
}

function makeClients(
  world: SimWorld,
  plan: Plan,
  troubles: Troubles,
  moreKeys: readonly string[] = [],
): SimClient[] {
  const { clients = 6, keys = 8, thinkMs = 30, mix = USUAL_MIX, popularity = 1, levels = [DEFAULT] } = plan;
  const nothingFails = troubles.faults.length === 0;
  const { fresh = readsAreFresh(plan, troubles) } = plan;
  const options = {
    keys: [...Array.from({ length: keys }, (_, i) => `key${i}`), ...moreKeys],
    thinkMs,
    reliable: isReliable(plan, troubles),
    fresh,
    monotonic: fresh && (nothingFails || readsMeet(plan)),
    levels,
    mix,
    popularity,
  };
  return Array.from({ length: clients }, (_, i) => new SimClient(world, `c${i}`, options));
}

/** Whether every request has to succeed: the slowest messages there are without any fault may take longer than an impatient one waits. */
function isReliable({ settings }: Plan, { faults }: Troubles): boolean {
  return faults.length === 0 && (settings?.requestTimeoutMs ?? USUAL.requestTimeoutMs) >= PATIENT_MS;
}

/**
 * Where nobody is taken for dead one node coordinates plain writes and steps. Elsewhere a step need not see a plain write that another
 * node has taken meanwhile; both stay.
 */
function stepsPromised(plan: Plan, troubles: Troubles): { reliable: boolean; fresh: boolean } {
  return { reliable: isReliable(plan, troubles), fresh: troubles.faults.length === 0 };
}

function runAndSample(world: SimWorld, ms: number): void {
  const end = world.queue.now + ms;
  while (world.queue.now < end) {
    world.runFor(Math.min(SAMPLE_MS, end - world.queue.now));
    world.gauges.sample();
    world.noteFounded();
  }
}

function reportOf(world: SimWorld, clients: readonly BusyClient[], steps: number, walked: number): Report {
  const failures = new Map<string, number>();
  for (const client of clients)
    for (const [what, times] of client.failures) failures.set(what, (failures.get(what) ?? 0) + times);
  const { checker } = world;
  return {
    world,
    hash: world.hash,
    violations: checker.violations,
    acknowledged: checker.acknowledged,
    reads: checker.reads,
    steps,
    walked,
    failed: [...failures.values()].reduce((sum, times) => sum + times, 0),
    failures,
  };
}

/**
 * Every acknowledged increment counts once, wherever it was made, unless there was a flush; one whose outcome nobody knows once at most; one
 * that was certainly not applied, never.
 */
function checkCounters(world: SimWorld, clients: readonly SimClient[]): void {
  const { checker, flushes, nodes } = world;
  for (const key of checker.keys.filter((one) => one.endsWith('.count'))) {
    const sum = (of: (client: SimClient) => ReadonlyMap<string, number>): number =>
      clients.reduce((total, client) => total + (of(client).get(key) ?? 0), 0);
    const least = flushes.lastEnd < 0 ? sum(({ increments }) => increments.acknowledged) : 0;
    const most = sum(({ increments }) => increments.possible);
    const { failure, answer } = world.ask(nodes[0], { kind: 'step', keys: [key], step: { do: 'get' } });
    if (failure !== null) checker.violation(`${key} could not be read at the end: ${failure}`, key);
    const value = Number(answer?.saw[0] ?? 0);
    if (value < least || value > most)
      checker.violation(`${key} is ${value} after ${least} to ${most} increments`, key);
  }
}
