import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Fault, NODES } from './faults.js';
import { Load } from './load.js';
import type { Network } from './namespaces.js';
import { Ring } from './ring.js';
import type { Service } from './service.js';
import { type Verdict, verify } from './verify.js';

const WARM_UP_MS = 3000;
/** The load goes on when all is well again: what comes late belongs to the fault. */
const AFTERWARDS_MS = 3000;

export interface Conditions {
  readonly network: Network;
  readonly folder: string;
  /** Requests per second of all clients together. */
  readonly rate: number;
  /** Instead of each fault's own duration. */
  readonly seconds: number | undefined;
}

/** All that was seen of one fault. */
export interface Outcome {
  readonly fault: Fault;
  readonly seconds: number;
  /** Slowest request before the fault: what the machine does to anybody. */
  readonly slowestBeforeMs: number;
  /** From the mending to when every node serves and sees all others up. */
  readonly calmAfterMs: number;
  readonly services: readonly Service[];
  readonly verdict: Verdict;
}

/** One fault on a fresh cluster under load, from its start to what is on its disks. */
export async function suffer(fault: Fault, conditions: Conditions): Promise<Outcome> {
  const folder = join(conditions.folder, fault.name);
  const ring = new Ring(conditions.network, NODES, folder);
  try {
    await ring.start();
    return await underLoad(fault, ring, conditions);
  } finally {
    await ring.stop();
    await conditions.network.heal();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function underLoad(
  fault: Fault,
  ring: Ring,
  { network, rate, seconds: asked }: Conditions,
): Promise<Outcome> {
  const seconds = asked ?? fault.seconds;
  const load = new Load(
    ring.nodes.map((node) => node.address),
    rate,
  );
  try {
    await load.start();
    await pause(WARM_UP_MS);
    const before = load.newTally();
    await fault.run({ network, ring, load, seconds });
    const mendedAt = performance.now();
    await ring.calm();
    const calmAfterMs = performance.now() - mendedAt;
    await pause(AFTERWARDS_MS);
    const { services } = await load.stop();
    const verdict = await verify(ring, load.ledgers);
    const slowestBeforeMs = Math.max(...before.services.map((service) => service.slowestMs));
    return { fault, seconds, slowestBeforeMs, calmAfterMs, services, verdict };
  } finally {
    await load.end();
  }
}
