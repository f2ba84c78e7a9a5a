import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandTable } from '../server/commands/all.js';
import { parseReply, type Reply } from './differential/reply-tree.js';
import type { RespConnection } from './harness/connection.js';
import { RedisServer, RingCluster } from './harness/servers.js';

let redis: RedisServer;
let cluster: RingCluster;
let theirs: RespConnection;
let ours: RespConnection;

beforeAll(async () => {
  redis = await RedisServer.start();
  cluster = await RingCluster.start(1);
  theirs = await redis.connect();
  ours = await cluster.nodes[0].connect();
});
afterAll(async () => {
  theirs?.close();
  ours?.close();
  await Promise.all([redis?.stop(), cluster?.stop()]);
});

/** Not in Redis 7.0.15: RingKV's own, and subcommands of later versions. */
const OURS = /^(kv\.|cas$|delifeq$|delex$|client\|(setinfo|no-touch|maint_notifications)$)/;
const names = [...commandTable().everyRow()].map(({ spec }) => spec.name).filter((name) => !OURS.test(name));
const whole = names.filter((name) => !name.includes('|'));

async function ask(connection: RespConnection, ...argv: string[]): Promise<Reply> {
  return parseReply(await connection.command(...argv));
}

/** A reply as plain data; `unordered` sorts every list in it. */
function plain(reply: Reply, unordered = false): unknown {
  if (reply.type !== '*') return `${reply.type}${reply.text}`;
  const elements = reply.elements.map((element) => plain(element, unordered));
  return unordered ? elements.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : elements;
}

/** Everything of COMMAND INFO but tips and subcommands, which are looked at one by one. */
function facts({ elements }: Reply): unknown {
  const [name, arity, flags, first, last, step, categories, , keySpecs] = elements;
  return {
    name: name.text,
    arity: arity.text,
    flags: plain(flags, true),
    positions: [first.text, last.text, step.text],
    categories: plain(categories, true),
    keySpecs: keySpecs.elements.map(({ elements: pairs }) => withoutNotes(pairs)),
  };
}

function withoutNotes(pairs: readonly Reply[]): unknown {
  const at = pairs.findIndex(({ text }) => text === 'notes');
  return pairs.filter((_, i) => at < 0 || (i !== at && i !== at + 1)).map((one) => plain(one, true));
}

/** The fields of COMMAND DOCS that RingKV has too. */
async function docs(connection: RespConnection, name: string): Promise<Record<string, string>> {
  const [, fields] = (await ask(connection, 'COMMAND', 'DOCS', name)).elements;
  const found: Record<string, string> = {};
  for (let i = 0; i < fields.elements.length; i += 2) {
    const field = fields.elements[i].text;
    if (['summary', 'since', 'group', 'complexity'].includes(field))
      found[field] = fields.elements[i + 1].text;
  }
  return found;
}

describe("every row says what redis-server's does", () => {
  it.each(names)('%s', async (name) => {
    const [redisInfo, ringInfo] = await Promise.all([
      ask(theirs, 'COMMAND', 'INFO', name),
      ask(ours, 'COMMAND', 'INFO', name),
    ]);
    expect(facts(ringInfo.elements[0])).toEqual(facts(redisInfo.elements[0]));
    expect(await docs(ours, name)).toEqual(await docs(theirs, name));
  });
});

describe('COMMAND', () => {
  it('lists subcommands inside their container', async () => {
    for (const name of whole) {
      const [redisInfo, ringInfo] = [
        await ask(theirs, 'COMMAND', 'INFO', name),
        await ask(ours, 'COMMAND', 'INFO', name),
      ];
      const all = redisInfo.elements[0].elements[9].elements.map(({ elements }) => elements[0].text);
      const own = ringInfo.elements[0].elements[9].elements.map(({ elements }) => elements[0].text);
      expect(all).toEqual(expect.arrayContaining(own.filter((sub) => !OURS.test(sub))));
    }
  });

  it('COUNT, LIST, INFO and DOCS tell of the same commands', async () => {
    const count = commandTable().rows.length;
    expect(await ours.command('COMMAND', 'COUNT')).toBe(`:${count}\r\n`);
    expect((await ask(ours, 'COMMAND', 'LIST')).elements).toHaveLength(count);
    expect((await ask(ours, 'COMMAND')).elements).toHaveLength(count);
    expect((await ask(ours, 'COMMAND', 'INFO')).elements).toHaveLength(count);
    expect((await ask(ours, 'COMMAND', 'DOCS')).elements).toHaveLength(count * 2);
  });

  it.each(['keyspace', 'write', 'bitmap', 'transaction', 'connection', 'fast', 'dangerous'])(
    'LIST FILTERBY ACLCAT %s',
    async (category) => {
      const argv = ['COMMAND', 'LIST', 'FILTERBY', 'ACLCAT', category];
      const known = new Set(names);
      const sorted = async (connection: RespConnection): Promise<string[]> =>
        (await ask(connection, ...argv)).elements
          .map(({ text }) => text)
          .filter((name) => known.has(name))
          .sort();
      expect(await sorted(ours)).toEqual(await sorted(theirs));
    },
  );
});
