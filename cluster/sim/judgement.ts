import { ALL, DEFAULT, type Level } from '../core/levels.js';
import { holdings, replicasDiffer, together } from './replicas.js';
import { join, type Sight } from './sight.js';
import { WORLD_BEGINS } from './sim-clock.js';
import type { SimWorld } from './sim-world.js';

/** How long what is left to do may take once nothing is wrong any more. */
const SETTLE_WITHIN_MS = 180_000;
const STEP_MS = 2000;

/**
 * Ends all trouble, lets every replica come to the same, and holds what is left against what clients were told. Nobody may be
 * asking anything.
 */
export function judge(world: SimWorld): void {
  const { checker, nodes } = world;
  world.healFaults();
  if (!world.runUntil(() => world.whole, SETTLE_WITHIN_MS)) {
    checker.violation('the cluster did not become whole again after everything was healed');
    return;
  }
  outwaitClocks(world);
  if (!settles(world, () => hintsLeft(world) === 0)) checker.violation(`${hintsLeft(world)} hints are left`);
  readAll(world, ALL, () => {});
  settles(world, () => replicasDiffer(nodes).length === 0);
  for (const { key, text } of replicasDiffer(nodes)) checker.violation(text, key);
  const left = holdings(nodes);
  for (const key of checker.keys) {
    const holding = left.get(key);
    checker.final(key, holding === undefined ? NOTHING : together(holding, join));
  }
  readAgain(world);
  world.runFor(STEP_MS);
  for (const text of world.gauges.leftovers()) checker.violation(text);
  world.renewBudget();
}

const NOTHING: Sight = { context: {}, siblings: [] };

/** Who was ahead has made versions that others refuse until their clocks are there too. */
function outwaitClocks(world: SimWorld): void {
  const latest = Math.max(...world.nodes.map(({ life }) => life?.latestMs ?? 0));
  const ahead = latest - (WORLD_BEGINS + world.queue.now);
  if (ahead > 0) world.runFor(ahead);
}

function settles(world: SimWorld, holds: () => boolean): boolean {
  for (let waited = 0; waited < SETTLE_WITHIN_MS; waited += STEP_MS) {
    if (holds()) return true;
    world.runFor(STEP_MS);
  }
  return holds();
}

function hintsLeft({ nodes }: SimWorld): number {
  return nodes.reduce((sum, { life }) => sum + (life?.assembly.hints.count ?? 0), 0);
}

/** All replicas are the same: whoever is asked, at whatever level, has everything. */
function readAgain(world: SimWorld): void {
  const { checker } = world;
  const floors = new Map(checker.keys.map((key) => [key, checker.floor(key)]));
  readAll(world, DEFAULT, (key, sight, failure) => {
    if (failure !== null) checker.violation(`${key} could not be read at the end: ${failure}`, key);
    else checker.saw(key, sight, floors.get(key));
  });
}

/** Reads every key, each at some node. */
function readAll(
  world: SimWorld,
  level: Level,
  visit: (key: string, sight: Sight, failure: string | null) => void,
): void {
  const { checker, random, nodes } = world;
  let left = checker.keys.length;
  for (const key of checker.keys) {
    random.pick(nodes).ask({ kind: 'get', keys: [key], value: '', level }, ({ failure, sights }) => {
      left--;
      visit(key, sights[0] ?? NOTHING, failure);
    });
  }
  if (!world.runUntil(() => left === 0)) checker.violation(`${left} reads were never answered`);
}
