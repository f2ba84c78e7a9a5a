import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { slotOf } from '../cluster/core/slot.js';
import { type Script, stepsOf } from './cases/script.js';
import { parseReply, type Reply } from './differential/reply-tree.js';
import type { RespConnection } from './harness/connection.js';
import { RedisCluster } from './harness/redis-cluster.js';
import { RingCluster } from './harness/servers.js';

/** One node of a cluster, and who has which keys as it tells. */
interface Side {
  open(): Promise<RespConnection>;
  /** By slot: the master's port. */
  readonly masters: readonly number[];
  readonly port: number;
}

let theirs: RedisCluster;
let ours: RingCluster;
/** A master, and a replica of some of its slots that is asked with READONLY. */
let redis: Side;
let redisReplica: Side;
let ring: Side;

beforeAll(async () => {
  [theirs, ours] = await Promise.all([
    RedisCluster.start(),
    RingCluster.start(3, { 'cluster-redirects': 'yes' }),
  ]);
  redis = await sideOf(theirs.masters[0]);
  redisReplica = await sideOf(theirs.replica);
  ring = await sideOf(ours.nodes[0]);
});
afterAll(async () => {
  await Promise.all([theirs?.stop(), ours?.stop()]);
});

async function sideOf(server: { port: number; connect(): Promise<RespConnection> }): Promise<Side> {
  const connection = await server.connect();
  const masters: number[] = [];
  for (const { elements } of parseReply(await connection.command('CLUSTER', 'SLOTS')).elements) {
    const [start, end, master] = elements;
    for (let slot = Number(start.text); slot <= Number(end.text); slot++)
      masters[slot] = Number(master.elements[1].text);
  }
  connection.close();
  return { port: server.port, masters, open: () => server.connect() };
}

/** Keys of as many slots as there are keys: `own` or another's, and where the second is theirs, of its master. */
function keysOf({ masters, port }: Side, own: boolean, master = port): string[] {
  const found: string[] = [];
  for (let i = 0; found.length < 3; i++)
    if ((masters[slotOf(`key:${i}`)] === master) === own) found.push(`key:${i}`);
  return found;
}

/** The replies to a script on one side, with what differs between two clusters under one name. */
async function replies(side: Side, script: Script, { HERE, THERE }: Keys): Promise<string[]> {
  const connection = await side.open();
  const found: string[] = [];
  try {
    for (const { argv } of stepsOf(script)) {
      const named = argv.map((word) =>
        word.replace(
          /(HERE|THERE)(\d)/,
          (_, name: string, i: string) => (name === 'HERE' ? HERE : THERE).at(Number(i))!,
        ),
      );
      found.push(checkedMoved(side, await connection.command(...named)));
    }
  } finally {
    connection.close();
  }
  return found;
}

interface Keys {
  readonly HERE: readonly string[];
  readonly THERE: readonly string[];
}

/** A MOVED has to name the slot's master; which one that is differs. */
function checkedMoved({ masters }: Side, reply: string): string {
  const moved = /^-MOVED (\d+) 127\.0\.0\.1:(\d+)\r\n$/.exec(reply);
  if (moved === null) return reply;
  return masters[Number(moved[1])] === Number(moved[2]) ? '-MOVED to its master' : reply;
}

const SCRIPTS: Readonly<Record<string, Script>> = {
  'single keys': `
    SET HERE0 v
    GET HERE0
    GET THERE0
    SET THERE0 v
    OBJECT ENCODING THERE0
    GETRANGE THERE1 0 1
    GET
    NOSUCH
    DEL HERE0`,
  'several keys': `
    MGET HERE0 HERE1
    MGET THERE0 HERE0
    MGET THERE0 THERE1
    MSET HERE0 1 THERE1 2
    DEL HERE0 HERE1
    EXISTS {HERE0}a {HERE0}b
    UNLINK {THERE0}a {THERE0}b
    COPY HERE0 THERE0
    RENAME HERE0 HERE1
    TOUCH HERE0 HERE0`,
  'a transaction that is spoilt by a key of another node': `
    MULTI
    GET HERE0
    GET THERE0
    GET HERE0
    EXEC
    GET HERE0
    EXEC`,
  'a transaction on several slots': `
    MULTI
    GET HERE0
    GET HERE1
    EXEC
    EXEC
    MULTI
    MGET HERE0 HERE1
    EXEC
    MULTI
    SET {HERE0}a 1
    SET {HERE0}b 2
    PING
    EXEC
    MULTI
    EXEC
    MULTI
    GET THERE0
    DISCARD
    DEL {HERE0}a {HERE0}b`,
  WATCH: `
    WATCH HERE0 HERE1
    WATCH THERE0
    WATCH HERE0
    MULTI
    SET HERE0 1
    EXEC
    DEL HERE0`,
  'what is no use on a master': `
    ASKING
    GET THERE0
    READONLY
    GET THERE0
    SET THERE0 v
    GET HERE0
    READWRITE
    GET THERE0
    RESET
    GET THERE0
    READONLY x
    SWAPDB 0 1`,
};

describe('as redis-server with cluster-enabled yes, with cluster-redirects yes', () => {
  it.each(Object.entries(SCRIPTS))('%s', async (_, script) => {
    const [expected, found] = await Promise.all(
      [redis, ring].map((side) => {
        // Each node of the ring is a replica of the others' slots: what it says of those after READONLY is the next test's.
        const reads = script.replace(/(READONLY\s+)GET THERE0/, '$1PING');
        return replies(side, reads, { HERE: keysOf(side, true), THERE: keysOf(side, false) });
      }),
    );
    expect(found).toEqual(expected);
  });

  it('a replica serves reads after READONLY, until READWRITE or RESET', async () => {
    const script = `
      GET THERE0
      READONLY
      GET THERE0
      MGET THERE0 THERE1
      EXISTS {THERE0}a {THERE0}b
      SET THERE0 v
      MULTI
      GET THERE0
      EXEC
      MULTI
      SET THERE0 v
      EXEC
      READWRITE
      GET THERE0
      READONLY
      RESET
      GET THERE0`;
    const [master] = theirs.masters;
    const [expected, found] = await Promise.all([
      replies(redisReplica, script, { HERE: [], THERE: keysOf(redisReplica, true, master.port) }),
      replies(ring, script, { HERE: [], THERE: keysOf(ring, false) }),
    ]);
    expect(found).toEqual(expected);
  });

  it.each(
    `
    COUNTKEYSINSLOT 16384
    COUNTKEYSINSLOT abc
    COUNTKEYSINSLOT -1
    COUNTKEYSINSLOT 99999999999999999999
    COUNTKEYSINSLOT 5
    GETKEYSINSLOT 5 10
    GETKEYSINSLOT 16384 10
    GETKEYSINSLOT 5 -1
    GETKEYSINSLOT a 1
    GETKEYSINSLOT 5 a
    COUNT-FAILURE-REPORTS zz
    REPLICAS zz
    SLAVES zz
    REPLICAS
    LINKS x
    SLOTS x
    MYSHARDID
    NOSUCH
    KEYSLOT
    KEYSLOT {user}:1
    MEET
    FORGET`
      .trim()
      .split('\n')
      .map((line) => line.trim()),
  )('CLUSTER %s', async (line) => {
    const argv = `CLUSTER ${line}`.split(' ');
    const [expected, found] = await Promise.all([redis, ring].map((side) => askOnce(side, argv)));
    expect(found).toBe(expected);
  });

  it.each(['2', '3'])(
    'CLUSTER SLOTS, SHARDS, LINKS and HELLO have the form of Redis in RESP%s',
    async (resp) => {
      const shapes = async (side: Side): Promise<unknown> => {
        const connection = await side.open();
        const hello = shape(parseReply(await connection.command('HELLO', resp)));
        const [slots, shards, links] = [
          parseReply(await connection.command('CLUSTER', 'SLOTS')),
          parseReply(await connection.command('CLUSTER', 'SHARDS')),
          parseReply(await connection.command('CLUSTER', 'LINKS')),
        ];
        connection.close();
        const [first] = slots.elements;
        const alone = shards.elements.find(({ elements }) => elements[3].elements.length === 1)!;
        return {
          hello,
          slots: [slots.type, first.type, ...first.elements.slice(0, 4).map(shape)],
          shards: [shards.type, alone.type, shape(alone.elements[2]), shape(alone.elements[3])],
          ranges: [alone.elements[0].text, alone.elements[1].type, shape(alone.elements[1].elements[0])],
          links: [links.type, shape(links.elements[0])],
        };
      };
      expect(await shapes(ring)).toEqual(await shapes(redis));
    },
  );

  it('CLUSTER NODES has the form of Redis', async () => {
    const form = async (side: Side): Promise<unknown> => {
      const { text } = parseReply(await askOnce(side, ['CLUSTER', 'NODES']));
      const lines = text.split('\n');
      return {
        last: lines.at(-1),
        forms: [
          ...new Set(
            lines
              .slice(0, -1)
              .filter((line) => line.includes('master'))
              .map((line) =>
                line
                  .replace(
                    /^[0-9a-f]{32,40} 127\.0\.0\.1:\d+@\d+ (myself,)?master - 0 \d+ \d+ connected/,
                    'a node',
                  )
                  .replace(/( \d+(-\d+)?)+$/, ' and its slots'),
              ),
          ),
        ],
      };
    };
    expect(await form(ring)).toEqual(await form(redis));
  });

  it("CLUSTER INFO has Redis's fields, in its order", async () => {
    const fields = async (side: Side): Promise<string[]> =>
      [...parseReply(await askOnce(side, ['CLUSTER', 'INFO'])).text.matchAll(/^(\w+):/gm)].map(
        ([, name]) => name,
      );
    const statistics = /^(cluster_stats_|total_cluster_links)/;
    expect(await fields(ring)).toEqual((await fields(redis)).filter((name) => !statistics.test(name)));
  });

  it('COUNTKEYSINSLOT and GETKEYSINSLOT are right on any node', async () => {
    const key = keysOf(ring, false)[0];
    const slot = String(slotOf(key));
    for (const end of ['1', '2', '3']) {
      const writer = await ours.nodes.find(({ port }) => port === ring.masters[Number(slot)])!.connect();
      // One replica is asked.
      await writer.command('KV.CONSISTENCY', 'WRITE', 'ALL');
      expect(await writer.command('SET', `{${key}}${end}`, 'v')).toBe('+OK\r\n');
      writer.close();
    }
    for (const node of ours.nodes) {
      const connection = await node.connect();
      const side: Side = { ...ring, open: () => node.connect() };
      expect(await askOnce(side, ['CLUSTER', 'COUNTKEYSINSLOT', slot])).toBe(':3\r\n');
      const all = parseReply(await askOnce(side, ['CLUSTER', 'GETKEYSINSLOT', slot, '10'])).elements;
      expect(all.map(({ text }) => text).sort()).toEqual(['1', '2', '3'].map((end) => `{${key}}${end}`));
      expect(parseReply(await askOnce(side, ['CLUSTER', 'GETKEYSINSLOT', slot, '2'])).elements).toHaveLength(
        2,
      );
      connection.close();
    }
  });
});

async function askOnce(side: Side, argv: readonly string[]): Promise<string> {
  const connection = await side.open();
  const reply = await connection.command(...argv);
  connection.close();
  return reply;
}

/** A reply without what differs from cluster to cluster: numbers, ids and addresses. */
function shape({ type, text, elements }: Reply): unknown {
  if ('*%~'.includes(type)) return [type, ...elements.map(shape)];
  return `${type}${text
    .replace(/^\d+$/, 'number')
    .replace(/^[0-9a-f]{32,40}$/, 'id')
    .replace(/^(to|from)$/, 'to or from')}`;
}
