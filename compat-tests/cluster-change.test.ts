import { afterEach, describe, expect, it } from 'vitest';
import { asked, coordinators, KEYS, MOVE_MS, routesAs, until } from './harness/cluster-sight.js';
import { goOn, ProgramWork, printed, SmartWork, ToldWork, type Work } from './harness/cluster-work.js';
import { PYTHON_WORK, python } from './harness/redis-py.js';
import { RingCluster, type RingNode } from './harness/servers.js';
import { openSmartClient, type SmartClient } from './harness/smart-clients.js';

/**
 * Rounds that a dying node may break off, by client: each had so many connections with a command under way on them, and a round that is tried again
 * before the client has heard of the death may break too. Everything else that fails is a failure of the test.
 */
const MAY_BREAK = 40;
const PROGRAMS_MAY_BREAK = 5;
/** Pipelines of ioredis of which a slot may move on the way: at most a few at each of five changes of coordinators. */
const MAY_MOVE = 20;

let cluster: RingCluster;
let clients: SmartClient[] = [];
let works: Work[] = [];
/** Where programs are started: not at a node that is known to be dead. */
let ports: number[] = [];

afterEach(async () => {
  await Promise.all(works.map((work) => work.stop()));
  await Promise.all(clients.map((client) => client.close()));
  await cluster?.stop();
  works = [];
  clients = [];
});

/** The node is taken out, unless the change that took it in is not over yet. */
async function leaves(node: RingNode): Promise<boolean> {
  return /^[+*]/.test(String(await asked(node, (connection) => connection.command('KV.LEAVE'))));
}

interface Stage {
  readonly smart: readonly SmartWork[];
  /** These, and redis-py. */
  readonly libraries: readonly Work[];
  readonly programs: readonly Work[];
  readonly py?: ToldWork;
}

async function begin(redirects: string): Promise<Stage> {
  const open = [cluster.nodes[0].port];
  const ioredis = await openSmartClient('ioredis Cluster', open);
  const nodeRedis = await openSmartClient('node-redis createCluster', open);
  clients = [ioredis, nodeRedis];
  // node-redis splits an MGET by slots, ioredis leaves that to its caller.
  const split = redirects === 'yes' ? ioredis.mgetBySlot : ioredis.mget;
  const smart = [
    new SmartWork('ioredis', ioredis, split),
    new SmartWork('node-redis', nodeRedis, nodeRedis.mget),
  ];
  const libraries: Work[] = [...smart];
  const programs: Work[] = [cliWork(redirects), benchmarkWork(redirects)];
  works = [...libraries, ...programs];
  if (python === undefined) return { smart, libraries, programs };
  const py = new ToldWork('redis-py', python, ['-c', PYTHON_WORK, ...ports.map(String)]);
  libraries.push(py);
  works.push(py);
  return { smart, libraries, programs, py };
}

/** A session of SET, GET and MGET, in which `-c` follows each MOVED; it has no pipelines. */
function cliWork(redirects: string): Work {
  const some = KEYS.slice(0, 12);
  // Of a slot, where it would have to split the keys itself.
  const lists = redirects === 'yes' ? some.map((key) => [key]) : [some];
  let round = 0;
  const sends = (): string => {
    round++;
    const sets = some.map((key) => `SET ${key}:cli ${round}\nGET ${key}:cli\n`);
    const gets = lists.map((keys) => `MGET ${keys.map((key) => `${key}:cli`).join(' ')}\n`);
    return [...sets, ...gets].join('');
  };
  const objection = (output: string): string | null => {
    const lines = output.split('\n').filter((line) => line !== '' && !line.startsWith('-> Redirected'));
    const expected = [...some.flatMap(() => ['OK', `${round}`]), ...some.map(() => `${round}`)];
    return lines.join() === expected.join() ? null : `redis-cli: ${output}`;
  };
  return new ProgramWork(
    'redis-cli',
    () => ports,
    (port) => printed('redis-cli', ['-p', String(port), '-c'], sends()),
    objection,
  );
}

/** SET and GET in pipelines, and MGET of two slots where one command may name them. */
function benchmarkWork(redirects: string): Work {
  const load = ['-n', '300', '-r', '500', '-c', '4', '-q', '--cluster'];
  const mget = redirects === 'yes' ? [] : ['MGET', 'key:__rand_int__', 'other:__rand_int__'];
  return new ProgramWork(
    'redis-benchmark',
    () => ports,
    async (port) => {
      const at = ['-p', String(port), ...load];
      const pipelined = await printed('redis-benchmark', [...at, '-P', '8', '-t', 'set,get']);
      return mget.length === 0
        ? pipelined
        : `${pipelined}${await printed('redis-benchmark', [...at, ...mget])}`;
    },
    (output) => {
      const wanted = mget.length === 0 ? 2 : 3;
      const isWhole = output.match(/requests per second/g)?.length === wanted;
      return isWhole && !/error|ERR|MOVED|NOQUORUM|CROSSSLOT/i.test(output)
        ? null
        : `redis-benchmark: ${output}`;
    },
  );
}

async function allRouteAs(node: RingNode): Promise<boolean> {
  for (const client of clients) if (!(await routesAs(client, node))) return false;
  return true;
}

describe.each(['auto', 'yes'])('clients of three nodes, cluster-redirects %s', (redirects) => {
  it('go on while one node dies, comes back, and one joins and leaves', { timeout: 240_000 }, async () => {
    // Everybody has the machine at once: replicas that are merely slow are no failure here.
    cluster = await RingCluster.start(3, { 'cluster-redirects': redirects, 'request-timeout': '8000' });
    ports = cluster.nodes.map(({ port }) => port);
    const { smart, libraries, programs, py } = await begin(redirects);
    const goesOn = async (): Promise<void> => {
      await Promise.all([goOn(libraries, 100), goOn(programs, 2)]);
    };
    await goesOn();

    const [survivor, , victim] = cluster.nodes;
    await victim.process.stop('SIGKILL');
    ports = ports.filter((port) => port !== victim.port);
    await until('the clients have left the dead node', () => allRouteAs(survivor), 15_000);
    await goesOn();
    await victim.start();
    await victim.serves();
    await until('it coordinates again', async () => (await coordinators(survivor)).includes(victim.port));
    await until('the clients have found it again', () => allRouteAs(survivor), 15_000);
    ports.push(victim.port);
    await goesOn();
    const brokenByDeath = libraries.map(({ broken }) => broken);

    const joined = await cluster.join();
    const has = async (): Promise<boolean> => (await coordinators(survivor)).includes(joined.port);
    await until('the newcomer coordinates', has, MOVE_MS);
    ports.push(joined.port);
    await until('the clients have found it', () => allRouteAs(survivor), MOVE_MS);
    if (py !== undefined)
      await until('redis-py knows the newcomer', () => py.known.includes(joined.port), MOVE_MS);
    await goesOn();
    // No connection broke, so no library has an excuse. redis-benchmark gives up where it cannot read the slots at the very first try.
    expect(libraries.map(({ broken }) => broken)).toEqual(brokenByDeath);

    ports = ports.filter((port) => port !== joined.port);
    await until('the change is over', () => leaves(joined), MOVE_MS);
    await until('the newcomer coordinates nothing', async () => !(await has()), MOVE_MS);
    await until('the clients have left it', () => allRouteAs(survivor), MOVE_MS);
    await goesOn();

    await Promise.all(works.map((work) => work.stop()));
    const counts = works.map(({ name, done, broken }) => `${name}: ${done} rounds, ${broken} broken`);
    console.info(`cluster-redirects ${redirects}: ${counts.join('; ')}`);
    expect(works.flatMap(({ failures }) => failures)).toEqual([]);
    for (const { name, moved } of smart)
      expect(moved, name).toBeLessThanOrEqual(name === 'ioredis' ? MAY_MOVE : 0);
    for (const { name, broken } of libraries) expect(broken, name).toBeLessThanOrEqual(MAY_BREAK);
    for (const { name, broken } of programs) expect(broken, name).toBeLessThanOrEqual(PROGRAMS_MAY_BREAK);
  });
});
