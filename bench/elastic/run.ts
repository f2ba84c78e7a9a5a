import { rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { savePart } from '../report.js';
import { type Client, ioredis, ioredisCluster, nodeRedis } from './clients.js';
import { Load, perSecond } from './load.js';
import { Progress } from './progress.js';
import { missed, type Step, stepTable } from './report.js';
import { ElasticRing } from './ring.js';

const HELP = `npm run bench:elastic -- [--keys 1000000] [--clients 4] [--depth 4] [--seconds 20] [--only move,restart,replace] [--dry]
Three nodes under load become six and three again, are restarted one after the other, and one of them is killed for good and replaced.
Checks every acknowledged write. Writes bench/RESULTS.md (not with --dry or --only); ends with 1 when something was promised and is not so.`;

const FOUNDERS = 3;
const MOST = 6;
const VICTIM = 2;
/** Those that come and go. */
const LATER = range(MOST).slice(FOUNDERS);
const SUCCESSOR = MOST;
/** A node is away for so long while it is restarted, ms. */
const AWAY_MS = 500;
/** Between two restarts, and before a dead machine is replaced, ms. */
const BETWEEN_MS = 2000;

const { values: options } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000' },
    clients: { type: 'string', default: '4' },
    depth: { type: 'string', default: '4' },
    seconds: { type: 'string', default: '20' },
    only: { type: 'string' },
    dry: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) process.stdout.write(`${HELP}\n`);
else process.exit(await main());

async function main(): Promise<number> {
  const ring = await ElasticRing.start(MOST + 1, FOUNDERS);
  try {
    return await underLoad(ring);
  } finally {
    await ring.end();
  }
}

async function underLoad(ring: ElasticRing): Promise<number> {
  const load = new Load(await connect(ring, range(FOUNDERS)), Number(options.keys), Number(options.depth));
  say(`filling ${options.keys} keys ...`);
  await load.fill(range(FOUNDERS).map((node) => ring.portOf(node)));
  load.start();
  const steps: Step[] = [];
  const add = (step: Step): void => {
    steps.push(step);
    say(stepTable([step]).split('\n')[2]);
    for (const [text, count] of load.errors) say(`${count} x ${text}`);
  };
  await pause(BETWEEN_MS);
  const isWanted = (name: string): boolean =>
    options.only === undefined || options.only.split(',').includes(name);
  if (isWanted('move')) add(await grow(ring, load));
  if (isWanted('move')) add(await shrink(ring, load));
  // Those who are told to go may all be clients of one node by now.
  if (isWanted('move')) await load.changeTo(await connect(ring, range(FOUNDERS)));
  if (isWanted('restart')) add(await restartAll(ring, load));
  if (isWanted('replace')) add(await replaceDead(ring, load));
  await load.stop();
  say('reading everything ...');
  const lost = await load.verify([ring.portOf(0)]);

  const inSteps = steps.reduce((all, { span }) => all + span.failed, 0);
  const between = load.failures - inSteps;
  const told = [
    ...steps.flatMap(missed),
    ...(between > 0 ? [`${between} commands failed between the steps`] : []),
    ...lost.map((text) => `lost: ${text}`),
    ...load.objections,
  ];
  const sum = `${load.ledger.total.toLocaleString('en')} acknowledged writes, lost: ${bold(lost.length)}; commands that failed, from the first to the last: ${bold(load.failures)}.`;
  const table = `${stepTable(steps)}\n\n${Number(options.keys).toLocaleString('en')} keys; ${sum}`;
  say(`\n${table}\n`);
  if (!options.dry && options.only === undefined) savePart('npm run bench:elastic', table);
  for (const line of told.slice(0, 50)) say(line);
  return told.length === 0 ? 0 : 1;
}

/** So many clients of each of these nodes, half of them with either library. */
function connect(ring: ElasticRing, nodes: readonly number[]): Promise<Client[]> {
  return Promise.all(
    nodes.flatMap((node) =>
      range(Number(options.clients)).map((i) => (i % 2 === 0 ? ioredis : nodeRedis)(ring.portOf(node))),
    ),
  );
}

/** A client of either kind that can outlive the node, from the moment it serves. */
async function visit(ring: ElasticRing, load: Load, node: number): Promise<void> {
  await ring.serves(node);
  for (const guest of await Promise.all([nodeRedis, ioredisCluster].map((open) => open(ring.portOf(node)))))
    load.invite(guest);
}

/** Three nodes join at once, and have clients as soon as they serve. */
async function grow(ring: ElasticRing, load: Load): Promise<Step> {
  return moving(ring, load, '3 nodes become 6', range(MOST), async () => {
    for (const node of LATER) ring.nodes[node].spawn();
    await Promise.all(LATER.map((node) => visit(ring, load, node)));
  });
}

/** Those three leave again, with clients that are told where to go, or find it out. */
async function shrink(ring: ElasticRing, load: Load): Promise<Step> {
  return moving(ring, load, '6 nodes become 3', range(FOUNDERS), async () => {
    for (const node of LATER) await ring.ask(node, 'KV.LEAVE');
  });
}

/** A change of the ring from its beginning to its end. */
async function moving(
  ring: ElasticRing,
  load: Load,
  name: string,
  nodes: readonly number[],
  begin: () => Promise<void>,
): Promise<Step> {
  const before = perSecond(await load.rest(Number(options.seconds) * 1000));
  const had = await ring.streamedKeys(range(FOUNDERS));
  const from = await ring.places(0);
  const many = (await ring.view(0)).members.length;
  const progress = new Progress(load);
  const span = await load.during(async () => {
    await begin();
    await ring.becomes(nodes, (view) => progress.saw(view));
  });
  const to = await ring.places(0);
  const copies = [...to].filter((pair) => !from.has(pair)).length;
  const ideal = (to.size * Math.abs(nodes.length - many)) / Math.max(nodes.length, many);
  const after = perSecond(await load.rest(Number(options.seconds) * 1000));
  const keys = (await ring.view(0)).members.map((one) => one.keys);
  const has = await ring.streamedKeys(nodes);
  const received = {
    added: has.added - had.added,
    renewed: has.renewed - had.renewed,
    due: (keys.reduce((all, one) => all + one, 0) * ideal) / to.size,
  };
  return {
    name,
    before,
    after,
    span,
    moved: { copies, ideal },
    received,
    bytes: progress.bytes,
    keys,
    keepsUp: true,
  };
}

/** As an upgrade goes: one node after the other is stopped, and started again. */
async function restartAll(ring: ElasticRing, load: Load): Promise<Step> {
  const before = perSecond(await load.rest(Number(options.seconds) * 1000));
  const span = await load.during(async () => {
    for (const node of range(FOUNDERS)) {
      await ring.nodes[node].process.stop('SIGTERM');
      await pause(AWAY_MS);
      await ring.nodes[node].start();
      await ring.becomes(range(FOUNDERS));
      await pause(BETWEEN_MS);
    }
  });
  return { name: 'rolling restart of 3 nodes', before, span, keepsUp: false };
}

/**
 * A machine has died with its disk; a new one takes its place. What the death itself costs is measured by `npm run bench:faults`; the dead
 * node's own clients have nobody to talk to.
 */
async function replaceDead(ring: ElasticRing, load: Load): Promise<Step> {
  const others = range(FOUNDERS).filter((node) => node !== VICTIM);
  await load.changeTo(await connect(ring, others));
  const name = 'a dead node is replaced';
  const nodes = [...others, SUCCESSOR];
  await ring.nodes[VICTIM].process.stop('SIGKILL');
  rmSync(ring.nodes[VICTIM].dir, { recursive: true });
  await pause(BETWEEN_MS);
  const before = perSecond(await load.rest(Number(options.seconds) * 1000));
  const progress = new Progress(load);
  const span = await load.during(async () => {
    ring.nodes[SUCCESSOR].spawn({ replace: ring.busOf(VICTIM) });
    await ring.becomes(nodes, (view) => progress.saw(view));
  });
  const keys = (await ring.view(0)).members.map((one) => one.keys);
  return { name, before, span, bytes: progress.bytes, keys, keepsUp: false };
}

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

function bold(count: number): string {
  return count === 0 ? '0' : `**${count}**`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
