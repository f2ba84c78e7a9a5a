import { DEFAULT, type Level } from '../core/levels.js';
import { SimChaos, type Troubles } from './sim-chaos.js';
import { SimClient } from './sim-client.js';
import type { SimSettings } from './sim-life.js';
import { SimWorld } from './sim-world.js';

export interface Plan {
  readonly seed: number | string;
  readonly nodes: number;
  readonly seconds: number;
  readonly troubles?: Troubles;
  readonly settings?: Partial<SimSettings>;
  /** What clients ask for, one for each request; the default is the settings' levels. */
  readonly levels?: readonly Level[];
  /** Changes the world before it begins: a test's way to break it. */
  readonly prepare?: (world: SimWorld) => void;
}

export interface Report {
  readonly world: SimWorld;
  readonly hash: number;
  readonly violations: readonly string[];
  readonly acknowledged: number;
  readonly reads: number;
  readonly failed: number;
}

const CLIENTS = 6;
const KEYS = 8;
const THINK_MS = 30;

/** One run: a cluster forms, clients work, trouble comes, all is healed, and what is left is judged. */
export function simulate(plan: Plan): Report {
  const world = new SimWorld(plan.seed, plan.nodes, plan.settings);
  plan.prepare?.(world);
  world.form();
  const strict = plan.troubles === undefined;
  const keys = Array.from({ length: KEYS }, (_, i) => `key${i}`);
  const clients = Array.from(
    { length: CLIENTS },
    (_, i) =>
      new SimClient(world, `c${i}`, { keys, thinkMs: THINK_MS, strict, levels: plan.levels ?? [DEFAULT] }),
  );
  for (const client of clients) client.start();
  const chaos = new SimChaos(world, plan.troubles ?? {});
  chaos.start();
  world.runFor(plan.seconds * 1000);
  chaos.stop();
  for (const client of clients) client.stop();
  world.runFor(10_000);
  world.heal();
  if (strict) checkCounters(world, clients, keys);
  const { checker } = world;
  return {
    world,
    hash: world.hash,
    violations: checker.violations,
    acknowledged: checker.acknowledged,
    reads: checker.reads,
    failed: clients.reduce((sum, client) => sum + client.counts.failed, 0),
  };
}

/** Where nothing failed, a counter stands at the number of its increments. */
function checkCounters(world: SimWorld, clients: readonly SimClient[], keys: readonly string[]): void {
  for (const key of keys.map((one) => `${one}.count`)) {
    const increments = clients.reduce((sum, client) => sum + (client.increments.get(key) ?? 0), 0);
    if (increments === 0) continue;
    const { sights } = world.ask(world.nodes[0], { kind: 'get', keys: [key] });
    const value = sights[0]?.siblings[0]?.value;
    if (value !== String(increments))
      world.checker.violation(`${key} is ${value} after ${increments} increments`);
  }
}
