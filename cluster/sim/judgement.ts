import { hlcToMs } from '../core/hlc.js';
import { ALL, DEFAULT, type Level } from '../core/levels.js';
import { DAMAGED, holdings, replicasDiffer, together } from './replicas.js';
import { ringText } from './ring-watch.js';
import { join, type Sight } from './sight.js';
import type { Outcome } from './sim-call.js';
import { WORLD_BEGINS } from './sim-clock.js';
import { SLOWEST_WIRE_MS } from './sim-network.js';
import { LITTLE_OFF_MS, type SimNode } from './sim-node.js';
import type { SimWorld } from './sim-world.js';
import { strayRegisters } from './strays.js';

/** How long what is left to do may take once nothing is wrong any more. */
const SETTLE_WITHIN_MS = 180_000;
/**
 * A repair that meets a tombstone while it is being forgotten may spread it again; the next one shows all replicas that it is
 * time. So one repair is not always enough where deletions are forgotten after seconds; elsewhere it is.
 */
const REPAIRS_OF_THE_FORGETFUL = 3;
const LONG_GRACE_MS = 3_600_000;
const SAME_WITHIN_MS = 60_000;
const STEP_MS = 2000;

/**
 * Ends all trouble, lets every replica come to the same, and holds what is left against what clients were told. Nobody may be
 * asking anything.
 */
export function judge(world: SimWorld, repairedBy: 'trees' | 'reads' = 'trees'): void {
  const { checker, nodes } = world;
  world.healFaults();
  // What was sent before still travels, and what is sent behind it comes behind it (seed 401768).
  world.runFor(SLOWEST_WIRE_MS);
  if (!world.runUntil(() => world.settled, SETTLE_WITHIN_MS)) {
    for (const text of unsettled(world)) checker.violation(text);
    return;
  }
  checkClocks(world);
  outwaitClocks(world);
  if (!settles(world, () => votersLack(world).length === 0))
    for (const text of votersLack(world)) checker.violation(text);
  if (!settles(world, () => hintsLeft(world) === 0)) checker.violation(`${hintsLeft(world)} hints are left`);
  const repairs = world.settings.gcGraceMs < LONG_GRACE_MS ? REPAIRS_OF_THE_FORGETFUL : 1;
  for (let repaired = 0; repaired < repairs; repaired++) {
    if (repairedBy === 'trees') repairAll(world);
    else readAll(world, ALL, () => {});
    // What is due to be forgotten, or has expired, goes one after another.
    if (settles(world, () => replicasDiffer(nodes).length === 0, SAME_WITHIN_MS)) break;
  }
  for (const { key, text } of replicasDiffer(nodes)) checker.violation(text, key);
  if (!settles(world, () => strayRegisters(nodes).length === 0, SAME_WITHIN_MS))
    for (const text of strayRegisters(nodes)) checker.violation(text);
  const left = holdings(nodes);
  for (const key of checker.keys) {
    const holding = left.get(key);
    checker.final(key, holding === undefined ? NOTHING : together(holding, join));
  }
  compareTrees(world);
  readAgain(world);
  settles(world, () => world.gauges.leftovers().length === 0);
  for (const text of world.gauges.exceeded) checker.violation(text);
  for (const text of world.gauges.leftovers()) checker.violation(text);
  world.renewBudget();
}

/** Why the ring has not come to rest. */
function unsettled({ operator, nodes }: SimWorld): string[] {
  const states = nodes.map(({ address, life }) => {
    if (life === undefined || !life.node.ready) return `${address} serves nobody`;
    const { topology } = life.node;
    const missed = topology.peers.filter((peer) => topology.alive[peer] === 0);
    const names = missed.map((peer) => topology.members[peer].name);
    return `${address} is at ${ringText(topology.ring)}${names.length > 0 ? `, without ${names.join(' ')}` : ''}`;
  });
  return [
    'the cluster did not become whole again after everything was healed',
    ...operator.wishes.map((wish) => `it did not come true to ${wish}`),
    ...states,
  ];
}

const NOTHING: Sight = { context: {}, siblings: [] };

/** Who was ahead has made versions that others refuse until their clocks are there too. */
function outwaitClocks(world: SimWorld): void {
  let latest = Math.max(...world.nodes.map(({ life }) => life?.latestMs ?? 0));
  for (const { held } of holdings(world.nodes).values())
    for (const { sight } of held.values())
      if (sight !== DAMAGED)
        for (const hlc of Object.values(sight.context)) latest = Math.max(latest, hlcToMs(hlc));
  const ahead = latest - (WORLD_BEGINS + world.queue.now);
  if (ahead > 0) world.runFor(ahead);
}

function settles(world: SimWorld, holds: () => boolean, withinMs = SETTLE_WITHIN_MS): boolean {
  for (let waited = 0; waited < withinMs; waited += STEP_MS) {
    if (holds()) return true;
    world.runFor(STEP_MS);
  }
  return holds();
}

/** Who does not vote in registers yet, or does not know what came of a vote. */
function votersLack({ nodes }: SimWorld): readonly string[] {
  return nodes.flatMap(({ address, life }) => {
    const { memory, registers } = life!.assembly;
    const lacks: string[] = memory.complete ? [] : [`${address} does not remember what it voted`];
    if (registers.held.size > 0) lacks.push(`${address} does not settle ${registers.held.size} units`);
    return lacks;
  });
}

function hintsLeft({ nodes }: SimWorld): number {
  return nodes.reduce((sum, { life }) => sum + (life?.assembly.hints.count ?? 0), 0);
}

/** Every node once repairs all it has with all others that have it. */
function repairAll(world: SimWorld): void {
  for (const { address, life } of world.nodes) {
    let failures: readonly string[] | undefined;
    life!.assembly.repair.repair(null, (all) => {
      failures = all;
    });
    if (!settles(world, () => failures !== undefined))
      world.checker.violation(`the repair of ${address} does not end`);
    for (const failure of failures ?? [])
      world.checker.violation(`the repair of ${address} failed: ${failure}`);
  }
}

/** Nodes that hold the same have the same trees over it, once these are known to tell of everything. */
function compareTrees(world: SimWorld): void {
  const counted = (): boolean => world.nodes.every(({ life }) => life!.assembly.recounter.known);
  if (!settles(world, counted))
    world.checker.violation('a node does not come to an end with counting its records');
  settles(world, () => treesDiffer(world).length === 0, SAME_WITHIN_MS);
  for (const [one, other] of treesDiffer(world))
    world.checker.violation(`the trees of ${one.address} and ${other.address} differ`);
}

function treesDiffer({ nodes }: SimWorld): (readonly [SimNode, SimNode])[] {
  const rootOf = (one: SimNode, other: SimNode): string => {
    const { assembly, node } = one.life!;
    const peer = node.topology.members.findIndex(({ busAddress }) => busAddress === other.address);
    const { a, b } = assembly.repair.rootWith(peer);
    return `${a} ${b}`;
  };
  const pairs = nodes.flatMap((one, i) => nodes.slice(i + 1).map((other) => [one, other] as const));
  return pairs.filter(([one, other]) => rootOf(one, other) !== rootOf(other, one));
}

/** Nobody's hybrid clock follows one that was far off. */
function checkClocks({ nodes, checker, settings, queue }: SimWorld): void {
  for (const { address, life, clockWasOff } of nodes) {
    const ahead = life!.latestMs - (WORLD_BEGINS + queue.now);
    if (!clockWasOff && ahead > settings.maxClockDriftMs + LITTLE_OFF_MS)
      checker.violation(`the hybrid clock of ${address} is ${Math.round(ahead)} ms ahead`);
  }
}

/** All replicas are the same: whoever is asked has everything that was ever acknowledged. */
function readAgain(world: SimWorld): void {
  const { checker } = world;
  const floors = new Map(checker.keys.map((key) => [key, checker.floor(key)]));
  readAll(world, DEFAULT, (key, { failure, sights }) => {
    if (failure !== null) checker.violation(`${key} could not be read at the end: ${failure}`, key);
    else checker.saw(key, sights[0], floors.get(key));
  });
}

/** Reads every key that was written, or of which there is anything, each at some node. */
function readAll(world: SimWorld, level: Level, visit: (key: string, outcome: Outcome) => void): void {
  const { checker, random, nodes } = world;
  const keys = new Set([...checker.keys, ...[...holdings(nodes).keys()].sort()]);
  let left = keys.size;
  for (const key of keys) {
    random.pick(nodes).ask({ kind: 'get', keys: [key], value: '', level }, (outcome) => {
      left--;
      visit(key, outcome);
    });
  }
  if (!world.runUntil(() => left === 0)) checker.violation(`${left} reads were never answered`);
}
