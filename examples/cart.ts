/**
 * The shopping cart of the Dynamo paper (DeCandia et al. 2007, 4.4): what is put into it is never lost, also when two halves of
 * the cluster cannot see each other and both go on selling.
 *
 *     npm run example:cart
 *
 * It starts four nodes of its own, cuts the wires between two and two, and heals them. Carts are JSON arrays under `cart:*`, for
 * which the cluster is told to show the union of concurrent versions; under `list:*` it shows them as what they are, and the
 * program decides. As in the paper, the union never loses what was added, but may bring back what was taken out meanwhile.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import { WiredCluster } from '../compat-tests/harness/wired-cluster.js';

const POLICY = { 'conflict-policy': 'cart:* union list:* siblings' };

type Items = readonly string[];

/** Adds to a cart that the cluster itself merges: reads it, and writes what takes the place of just what was read. */
export async function add(redis: Redis, cart: string, item: string): Promise<void> {
  const [value, context] = (await redis.call('KV.GET', cart)) as [string | null, string];
  const items = value === null ? [] : (JSON.parse(value) as string[]);
  await redis.call('KV.PUT', cart, context, JSON.stringify([...items, item]));
}

/** The same for a list that the cluster does not merge: the program does, of all the versions there are. */
export async function addMerging(redis: Redis, list: string, item: string): Promise<void> {
  const { context, versions } = await versionsOf(redis, list);
  await redis.call('KV.PUT', list, context, JSON.stringify([...new Set([...versions.flat(), item])]));
}

/** All concurrent versions of a cart, oldest first, and a context that has seen them. */
export async function versionsOf(
  redis: Redis,
  key: string,
): Promise<{ readonly context: string; readonly versions: readonly Items[] }> {
  const [context, versions] = (await redis.call('KV.SIBLINGS', key)) as [string, [string | null][]];
  const carts = versions.map(([value]): Items => (value === null ? [] : JSON.parse(value)));
  return { context, versions: carts.reverse() };
}

/** What became of the two carts. */
export interface Told {
  readonly siblings: readonly Items[];
  readonly union: Items;
  readonly after: readonly Items[];
  /** What GET said of the one that is not merged. */
  readonly conflict: string;
  readonly merged: readonly Items[];
}

/** Alice fills her carts on her phone and on her laptop while the two cannot know of each other. */
export async function story(say: (line: string) => void = () => {}): Promise<Told> {
  const cluster = await WiredCluster.start(4, POLICY);
  const clients = cluster.nodes.map(({ port }) => new Redis(port));
  const [phone, , laptop] = clients;
  try {
    await add(phone, 'cart:alice', 'book');
    await addMerging(phone, 'list:alice', 'book');
    cluster.wires.part([0, 1], [2, 3]);
    await Promise.all(clients.map((client) => misses(client, 2)));
    say('The wires are cut. Both halves go on taking orders:');
    await add(phone, 'cart:alice', 'pen');
    await add(laptop, 'cart:alice', 'lamp');
    await addMerging(phone, 'list:alice', 'pen');
    await addMerging(laptop, 'list:alice', 'lamp');
    say(`  phone:  ${await phone.get('cart:alice')}`);
    say(`  laptop: ${await laptop.get('cart:alice')}`);

    cluster.wires.heal();
    await Promise.all(clients.map((client) => misses(client, 0)));
    const [siblings] = await Promise.all(clients.map((client) => twoVersionsOf(client, 'cart:alice')));
    say('The wires are whole again. The cart has two versions,');
    for (const items of siblings) say(`  ${JSON.stringify(items)}`);
    const union = JSON.parse((await laptop.get('cart:alice'))!) as Items;
    say(`and whoever reads it sees their union: ${JSON.stringify(union)}`);
    await add(laptop, 'cart:alice', 'ink');
    const { versions: after } = await versionsOf(phone, 'cart:alice');
    say(`Adding something makes them one again: ${JSON.stringify(after)}`);

    await Promise.all(clients.map((client) => twoVersionsOf(client, 'list:alice')));
    const conflict = await phone.get('list:alice').catch((error: Error) => error.message);
    say(`The list is not merged by the cluster: ${conflict}`);
    await addMerging(phone, 'list:alice', 'ink');
    const { versions: merged } = await versionsOf(laptop, 'list:alice');
    say(`The program has looked at both and merged them: ${JSON.stringify(merged)}`);
    return { siblings, union, after, conflict: conflict!, merged };
  } finally {
    for (const client of clients) client.disconnect();
    await cluster.stop();
  }
}

const PATIENCE_MS = 30_000;

async function until<T>(read: () => Promise<T>, isWanted: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const value = await read();
    if (isWanted(value)) return value;
    if (performance.now() > deadline) throw new Error(`it stays ${JSON.stringify(value)}`);
    await pause(50);
  }
}

/** Until the node does not count on so many others: it needs about a second of silence to stop, and a little to begin again. */
async function misses(redis: Redis, count: number): Promise<void> {
  await until(
    async () => JSON.stringify(await redis.call('KV.NODES')).match(/"(suspect|down)"/g)?.length ?? 0,
    (lost) => lost === count,
  );
}

/** Both versions, as soon as they have met; who reads them brings them to the replicas that it asks. */
async function twoVersionsOf(redis: Redis, key: string): Promise<readonly Items[]> {
  const { versions } = await until(
    () => versionsOf(redis, key),
    (seen) => seen.versions.length === 2,
  );
  return versions;
}

const isProgram = import.meta.url === pathToFileURL(process.argv[1]).href;
if (isProgram) await story((line) => process.stdout.write(`${line}\n`));
