import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RespConnection } from './harness/connection.js';
import { parseReply, type Reply } from './harness/replies.js';
import { RingCluster, type RingNode, spawnRingKV, temporaryFolder } from './harness/servers.js';
import { WiredCluster } from './harness/wired-cluster.js';

const folder = temporaryFolder();
afterAll(() => folder.remove());

type Ask = (...argv: string[]) => Promise<Reply>;

function asker(connection: RespConnection): Ask {
  return async (...argv) => parseReply(await connection.command(...argv));
}

interface Versions {
  readonly context: string;
  readonly values: (string | null)[];
  readonly dots: string[];
}

async function siblings(ask: Ask, key: string): Promise<Versions> {
  const [context, versions] = (await ask('KV.SIBLINGS', key)) as [string, [string | null, string][]];
  return { context, values: versions.map(([value]) => value), dots: versions.map(([, dot]) => dot) };
}

const CONFLICT = '-SIBLINGS 2 concurrent versions, use KV.SIBLINGS';

describe('versions of a node alone', () => {
  let cluster: RingCluster;
  let ask: Ask;
  beforeAll(async () => {
    const module = join(folder.path, 'longest.mjs');
    writeFileSync(module, 'export const merge = (all) => all.toSorted((a, b) => b.length - a.length)[0];');
    cluster = await RingCluster.start(1, {
      'conflict-policy': `cart:* union max:* max min:* min sib:* siblings "long est:*" module:${module} @3 siblings`,
      'max-siblings': '5',
    });
    ask = asker(await cluster.nodes[0].connect());
  });
  afterAll(() => cluster.stop());

  it('KV.PUT supersedes exactly what its context has seen', async () => {
    const first = await ask('KV.PUT', 'a', '', 'one');
    expect(await ask('KV.GET', 'a')).toEqual(['one', expect.any(String), first, 1]);
    await ask('KV.PUT', 'a', '', 'two');
    const seen = await siblings(ask, 'a');
    expect(seen.values).toEqual(['two', 'one']);
    const third = await ask('KV.PUT', 'a', '', 'three');
    expect(await ask('GET', 'a')).toBe('three');
    const fourth = await ask('KV.PUT', 'a', seen.context, 'four');
    expect((await siblings(ask, 'a')).dots).toEqual([fourth, third]);
    expect(await ask('KV.GET', 'a')).toEqual(['four', expect.any(String), `${fourth}+${third}`, 2]);
    expect(await ask('KV.PUT', 'a', seen.context, 'five')).toMatch(/:\d+$/);
    expect((await siblings(ask, 'a')).values).toEqual(['five', 'four', 'three']);
    await ask('SET', 'a', 'all of them');
    expect((await siblings(ask, 'a')).values).toEqual(['all of them']);
  });

  it('KV.DEL takes away what its context has seen, and leaves what it has not', async () => {
    await ask('KV.PUT', 'd', '', 'one');
    const { context } = await siblings(ask, 'd');
    expect(await ask('KV.DEL', 'd', '')).toBe(0);
    await ask('KV.PUT', 'd', '', 'two');
    expect(await ask('KV.DEL', 'd', context)).toBe(1);
    expect(await ask('KV.DEL', 'd', context)).toBe(0);
    expect((await siblings(ask, 'd')).values).toEqual(['two']);
    expect(await ask('GET', 'd')).toBe('two');
    expect(await ask('KV.DEL', 'd', (await siblings(ask, 'd')).context)).toBe(1);
    expect(await ask('EXISTS', 'd')).toBe(0);
    expect((await siblings(ask, 'd')).values).toEqual([null]);
    expect(await ask('KV.DEL', 'no such key', context)).toMatch(/^-ERR invalid context/);
    expect(await ask('KV.DEL', 'no such key', '')).toBe(0);
  });

  it('what a deleted key had as its context does not undo what came after', async () => {
    await ask('KV.PUT', 'r', '', 'one');
    const { context } = await siblings(ask, 'r');
    await ask('DEL', 'r');
    await ask('SET', 'r', 'again');
    await ask('KV.PUT', 'r', context, 'late');
    expect((await siblings(ask, 'r')).values).toEqual(['late', 'again']);
  });

  it('contexts of other keys and garbled ones are errors, and nothing is written', async () => {
    await ask('SET', 'x', '1');
    const { context } = await siblings(ask, 'x');
    for (const bad of [context.slice(1), `${context}A`, 'x', 'null', '\xff'])
      expect(await ask('KV.PUT', 'x', bad, '2')).toMatch(/^-ERR invalid context/);
    expect(await ask('KV.PUT', 'y', context, '2')).toMatch(/^-ERR invalid context/);
    expect(await ask('EXISTS', 'y')).toBe(0);
    expect(await ask('GET', 'x')).toBe('1');
  });

  it('KV.MGET answers for each key, KV.GET of none has nothing but a context', async () => {
    await ask('SET', 'm1', '1');
    const [one, none] = (await ask('KV.MGET', 'm1', 'm2')) as Reply[][];
    expect(one).toEqual(await ask('KV.GET', 'm1'));
    expect(none).toEqual([null, '', null, 0]);
    await ask('DEL', 'm1');
    const [value, context, version, versions] = (await ask('KV.GET', 'm1')) as Reply[];
    expect([value, version, versions]).toEqual([null, null, 1]);
    expect(await ask('KV.PUT', 'm1', context as string, 'back')).toMatch(/:\d+$/);
    expect((await siblings(ask, 'm1')).values).toEqual(['back']);
  });

  it('KV.PUT takes a time, or keeps the one of what it supersedes', async () => {
    await ask('KV.PUT', 't', '', 'one', 'EX', '100');
    expect(await ask('TTL', 't')).toBe(100);
    await ask('KV.PUT', 't', (await siblings(ask, 't')).context, 'two', 'KEEPTTL');
    expect(await ask('TTL', 't')).toBe(100);
    await ask('KV.PUT', 't', (await siblings(ask, 't')).context, 'three');
    expect(await ask('TTL', 't')).toBe(-1);
    expect(await ask('KV.PUT', 't', '', 'x', 'EX', '0')).toBe("-ERR invalid expire time in 'kv.put' command");
    expect(await ask('KV.PUT', 't', '', 'x', 'NX')).toBe('-ERR syntax error');
    await ask('KV.PUT', 'gone', '', 'x', 'PXAT', '1');
    expect(await ask('EXISTS', 'gone')).toBe(0);
  });

  it('with policy siblings are told of to every command that would see the value, and to no other', async () => {
    const key = 'sib:1';
    const versions = async (): Promise<string> => {
      await ask('DEL', key);
      await ask('KV.PUT', key, '', 'a');
      await ask('KV.PUT', key, '', 'b');
      return key;
    };
    await versions();
    for (const reader of [
      ['GET'],
      ['STRLEN'],
      ['KV.GET'],
      ['MGET'],
      ['TTL'],
      ['GETRANGE', '0', '1'],
      ['APPEND', 'x'],
      ['INCR'],
      ['SET', 'x', 'GET'],
      ['SET', 'x', 'IFNE', 'a'],
      ['SET', 'x', 'KEEPTTL'],
    ])
      expect([reader[0], await ask(reader[0], key, ...reader.slice(1))]).toEqual([reader[0], CONFLICT]);
    expect(await ask('RENAME', key, 'sib:2')).toBe(CONFLICT);
    await ask('SET', 'sib:3', 'x');
    for (const [answer, ...argv] of [
      [1, 'EXISTS', key],
      ['string', 'TYPE', key],
      [0, 'SETNX', key, 'x'],
      [null, 'SET', key, 'x', 'NX'],
      [0, 'MSETNX', key, 'x'],
      [0, 'RENAMENX', 'sib:3', key],
    ] as const)
      expect([argv, await ask(...argv)]).toEqual([argv, answer]);
    expect((await siblings(ask, key)).values).toEqual(['b', 'a']);
    const { context } = await siblings(ask, key);
    await ask('KV.PUT', key, context, 'c');
    expect(await ask('GET', key)).toBe('c');
    await versions();
    expect(await ask('SET', key, 'plain')).toBe('OK');
    expect(await ask('GET', key)).toBe('plain');
    for (const option of [['XX'], ['EX', '100']]) {
      await versions();
      expect(await ask('SET', key, 'plain', ...option)).toBe('OK');
      expect(await ask('GET', key)).toBe('plain');
    }
    await versions();
    expect(await ask('DEL', key)).toBe(1);
    expect(await ask('GET', key)).toBeNull();
    await ask('SELECT', '3');
    await ask('KV.PUT', 'other', '', 'a');
    await ask('KV.PUT', 'other', '', 'b');
    expect(await ask('GET', 'other')).toBe(CONFLICT);
    await ask('SELECT', '0');
  });

  it('are no conflict where a counter is among them: SET, INCR and the rest go on counting', async () => {
    expect(await ask('INCR', 'sib:n')).toBe(1);
    await ask('KV.PUT', 'sib:n', '', '100');
    expect((await siblings(ask, 'sib:n')).values).toEqual(['100', '1']);
    expect(await ask('GET', 'sib:n')).toBe('100');
    expect(await ask('INCR', 'sib:n')).toBe(101);
    expect((await siblings(ask, 'sib:n')).values).toEqual(['101']);
  });

  it('are told of inside a transaction to the one command that sees them', async () => {
    await ask('KV.PUT', 'sib:t', '', 'a');
    await ask('KV.PUT', 'sib:t', '', 'b');
    await ask('MULTI');
    await ask('SET', 'sib:u', '1');
    await ask('GET', 'sib:t');
    await ask('INCR', 'sib:u');
    expect(await ask('EXEC')).toEqual(['OK', CONFLICT, 2]);
  });

  it('are merged for every command by the policies that merge, and superseded by what writes on them', async () => {
    for (const [key, values, merged] of [
      ['cart:1', ['["milk"]', '["tea","milk"]'], '["milk","tea"]'],
      ['max:1', ['10', '9'], '10'],
      ['min:1', ['10', '9'], '9'],
      ['long est:1', ['a', 'aaa', 'aa'], 'aaa'],
    ] as const) {
      for (const value of values) await ask('KV.PUT', key, '', value);
      expect(await ask('GET', key)).toBe(merged);
      expect(await ask('STRLEN', key)).toBe(merged.length);
      expect((await siblings(ask, key)).values).toHaveLength(values.length);
    }
    expect(await ask('INCR', 'max:1')).toBe(11);
    expect((await siblings(ask, 'max:1')).values).toEqual(['11']);
    const [value, context] = (await ask('KV.GET', 'cart:1')) as string[];
    await ask('KV.PUT', 'cart:1', context, value.replace('milk', 'cheese'));
    expect((await siblings(ask, 'cart:1')).values).toEqual(['["cheese","tea"]']);
    await ask('KV.PUT', 'cart:1', '', 'no array');
    expect(await ask('GET', 'cart:1')).toBe(CONFLICT);
  });

  it('are at most max-siblings, and may be resolved then', async () => {
    for (let i = 0; i < 5; i++) expect(await ask('KV.PUT', 'many', '', String(i))).toMatch(/:\d+$/);
    const before = await siblings(ask, 'many');
    expect(await ask('KV.PUT', 'many', '', 'one too many')).toMatch(
      /^-SIBLINGS 5 concurrent versions, no more/,
    );
    expect(await siblings(ask, 'many')).toEqual(before);
    expect(await ask('KV.PUT', 'many', before.context, 'resolved')).toMatch(/:\d+$/);
    expect((await siblings(ask, 'many')).values).toEqual(['resolved']);
    expect(await ask('INFO', 'ringkv')).toMatch(/siblings_refused_puts:1\r\n/);
  });

  it('are no longer together than one value may be', async () => {
    await ask('CONFIG', 'SET', 'proto-max-bulk-len', '1mb');
    const half = 'x'.repeat(600_000);
    await ask('KV.PUT', 'long', '', half);
    const { context } = await siblings(ask, 'long');
    expect(await ask('KV.PUT', 'long', '', half)).toMatch(
      /^-SIBLINGS 1 .* longer together than proto-max-bulk-len/,
    );
    expect(await ask('KV.PUT', 'long', context, half)).toMatch(/:\d+$/);
    expect(await ask('KV.PUT', 'long', '', 'short')).toMatch(/:\d+$/);
    await ask('CONFIG', 'SET', 'proto-max-bulk-len', '512mb');
  });

  it('are put and deleted in a transaction, each step on what those before it left', async () => {
    await ask('KV.PUT', 'tx', '', 'one');
    const { context } = await siblings(ask, 'tx');
    await ask('MULTI');
    await ask('KV.PUT', 'tx', '', 'two');
    await ask('KV.PUT', 'tx', context, 'three');
    await ask('KV.SIBLINGS', 'tx');
    await ask('KV.DEL', 'tx', context);
    await ask('KV.PUT', 'tx', 'nonsense', 'four');
    const [two, three, seen, deleted, refused] = (await ask('EXEC')) as Reply[];
    const dots = (seen as [string, Reply[][]])[1].map(([, dot]) => dot);
    expect(dots).toEqual([three, two]);
    expect([deleted, refused]).toEqual([0, '-ERR invalid context: it is garbled, or of another key']);
    expect((await siblings(ask, 'tx')).values).toEqual(['three', 'two']);
  });

  it('survive a restart, and so do contexts', async () => {
    await ask('KV.PUT', 'restart', '', 'a');
    const { context } = await siblings(ask, 'restart');
    await ask('KV.PUT', 'restart', '', 'b');
    const [node] = cluster.nodes;
    await node.process.stop('SIGKILL');
    await node.start();
    ask = asker(await node.connect());
    expect((await siblings(ask, 'restart')).values).toEqual(['b', 'a']);
    await ask('KV.PUT', 'restart', context, 'c');
    expect((await siblings(ask, 'restart')).values).toEqual(['c', 'b']);
  });
});

it('a table of policies that makes no sense keeps the node from starting', async () => {
  const server = spawnRingKV({ port: '0', dir: join(folder.path, 'x'), 'conflict-policy': 'cart:* onion' });
  await server.says(/conflict-policy is 'cart:\* onion'.*allowed: pairs of pattern and policy/);
  expect(await server.ended()).not.toBe(0);
});

it('a table of policies may stand in several lines of the config file', async () => {
  const config = join(folder.path, 'ringkv.conf');
  writeFileSync(config, 'conflict-policy cart:* union\nport 0\nconflict-policy "two words" max\n');
  const cluster = await RingCluster.start(1, { config });
  const ask = asker(await cluster.nodes[0].connect());
  expect(await ask('CONFIG', 'GET', 'conflict-policy')).toEqual([
    'conflict-policy',
    'cart:* union "two words" max',
  ]);
  await cluster.stop();
});

describe('versions of a cluster', () => {
  let cluster: RingCluster;
  let ask: Ask;
  beforeAll(async () => {
    cluster = await RingCluster.start(3);
    ask = asker(await cluster.nodes[0].connect());
  });
  afterAll(() => cluster.stop());

  it.each(['QUORUM', 'SERIAL'])('are put and deleted by what was seen of them, at %s', async (level) => {
    const at: Ask = (...argv) => ask('KV.AT', level, ...argv);
    const key = `of ${level}`;
    const one = await at('KV.PUT', key, '', 'one');
    const [value, context, version, count] = (await at('KV.GET', key)) as [string, string, string, number];
    expect([value, version, count]).toEqual(['one', one, 1]);
    const two = await at('KV.PUT', key, '', 'two');
    expect(await at('KV.GET', key)).toEqual(['two', expect.any(String), `${two}+${one}`, 2]);
    expect(await at('KV.DEL', key, context)).toBe(1);
    expect(await at('KV.GET', key)).toEqual(['two', expect.any(String), two, 1]);
    expect(await at('KV.DEL', key, context)).toBe(0);
    const [, last] = (await at('KV.GET', key)) as string[];
    expect(await at('KV.DEL', key, last)).toBe(1);
    expect(await at('EXISTS', key)).toBe(0);
    expect(await at('KV.PUT', key, last, 'again')).toMatch(/:\d+$/);
    expect(await at('GET', key)).toBe('again');
  });

  it('have a name by which CAS swaps them, as long as nobody has put anything beside them', async () => {
    await ask('KV.PUT', 'c', '', 'one');
    const [, , version] = (await ask('KV.GET', 'c')) as string[];
    await ask('KV.PUT', 'c', '', 'beside');
    expect(await ask('CAS', 'c', 'VERSION', version, 'swapped')).toBe(0);
    const [, , both] = (await ask('KV.GET', 'c')) as string[];
    expect(both).toContain(version);
    expect(await ask('CAS', 'c', 'VERSION', both, 'swapped')).toBe(1);
    expect(await ask('CAS', 'c', 'VERSION', both, 'again')).toBe(0);
    expect((await siblings(ask, 'c')).values).toEqual(['swapped']);
  });
});

describe('versions of both sides of a partition', () => {
  let cluster: WiredCluster;
  afterEach(() => cluster.stop());

  async function on(node: RingNode): Promise<Ask> {
    return asker(await node.connect());
  }

  async function until<T>(read: () => Promise<T>, isWanted: (value: T) => boolean): Promise<T> {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const value = await read();
      if (isWanted(value)) return value;
      if (Date.now() > deadline) throw new Error(`stays ${JSON.stringify(value)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  it('meet after the heal as siblings on every node, and one context resolves them everywhere', async () => {
    cluster = await WiredCluster.start(3, {
      'read-quorum': 'one',
      'write-quorum': 'one',
      'conflict-policy': '* siblings',
    });
    const asks = await Promise.all(cluster.nodes.map(on));
    await asks[0]('SET', 'k', 'before');
    cluster.wires.part([0], [1, 2]);
    // What is sent to the other side before that is noticed may still arrive there.
    const lost = (reply: Reply): number => JSON.stringify(reply).match(/"(suspect|down)"/g)?.length ?? 0;
    await until(
      () => asks[0]('KV.NODES'),
      (reply) => lost(reply) === 2,
    );
    for (const ask of asks.slice(1))
      await until(
        () => ask('KV.NODES'),
        (reply) => lost(reply) === 1,
      );
    expect(await asks[0]('SET', 'k', 'on one side')).toBe('OK');
    expect(await asks[1]('SET', 'k', 'on the other')).toBe('OK');
    expect(await asks[2]('GET', 'k')).toBe('on the other');
    expect(await asks[0]('GET', 'k')).toBe('on one side');
    cluster.wires.heal();
    for (const ask of asks)
      await until(
        () => ask('GET', 'k'),
        (reply) => reply === CONFLICT,
      );
    const { context, values } = await siblings(asks[2], 'k');
    expect(new Set(values)).toEqual(new Set(['on one side', 'on the other']));
    await until(
      () => asks[0]('KV.PUT', 'k', context, 'resolved'),
      (reply) => !String(reply).startsWith('-'),
    );
    for (const ask of asks)
      await until(
        () => ask('GET', 'k'),
        (reply) => reply === 'resolved',
      );
  });
});
