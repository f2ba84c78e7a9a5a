import { setTimeout as pause } from 'node:timers/promises';
import { seeded } from '../../compat-tests/harness/seeded.js';
import { WiredCluster } from '../../compat-tests/harness/wired-cluster.js';
import { Campaign, type Judgement } from './campaign.js';
import { Chaos } from './chaos.js';

/** Others take over sooner than by default, so that it happens more often. */
const SETTINGS = { 'heartbeat-interval': '50', 'request-timeout': '1000' };
const CALM_PATIENCE_MS = 30_000;
const ASK_EVERY_MS = 100;

export interface Conditions {
  readonly nodes: number;
  readonly seconds: number;
  readonly seed: number;
}

/** What a cluster went through and how it bore it. */
export interface Trial extends Conditions, Judgement {
  readonly kills: number;
  readonly stops: number;
  readonly cuts: number;
}

/** A cluster of real processes of which anything may break, under clients whose operations are promised to be linearizable. */
export async function trial(conditions: Conditions): Promise<Trial> {
  const random = seeded(conditions.seed);
  const cluster = await WiredCluster.start(conditions.nodes, SETTINGS);
  const campaign = new Campaign(cluster.nodes, random);
  const chaos = new Chaos(cluster, random);
  const harm = chaos.run();
  const timer = setTimeout(() => chaos.end(), conditions.seconds * 1000);
  try {
    // Clients do not end before they are told to, unless something is wrong.
    await Promise.race([harm, campaign.run()]);
    await calm(cluster);
    const judgement = await campaign.finish();
    const { kills, stops, cuts } = chaos;
    return { ...conditions, ...judgement, kills, stops, cuts };
  } finally {
    clearTimeout(timer);
    chaos.end();
    await Promise.allSettled([harm]);
    await cluster.stop();
  }
}

/** Resolves when every node sees all others up and serves. */
async function calm({ nodes }: WiredCluster): Promise<void> {
  const deadline = performance.now() + CALM_PATIENCE_MS;
  for (const node of nodes) {
    for (;;) {
      const connection = await node.connect();
      const members = await connection.command('KV.NODES');
      connection.close();
      if (members.split('\r\nup\r\n').length > nodes.length) break;
      if (performance.now() > deadline) throw new Error(`not calm: ${members}\n${node.process.output}`);
      await pause(ASK_EVERY_MS);
    }
    await node.serves();
  }
}
