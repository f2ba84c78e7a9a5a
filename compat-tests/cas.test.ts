import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseReply } from './differential/reply-tree.js';
import type { RespConnection } from './harness/connection.js';
import { RingCluster } from './harness/servers.js';

/** What is compared and set, on a node alone and on a cluster, whichever of its nodes is asked: of five, two hold nothing of a key. */
describe.each([1, 3, 5])('on %i nodes', (count) => {
  let ring: RingCluster;
  let clients: RespConnection[];
  let asked = 0;

  beforeAll(async () => {
    ring = await RingCluster.start(count);
    clients = await Promise.all(ring.nodes.map((node) => node.connect()));
  });
  afterAll(() => {
    for (const client of clients ?? []) client.close();
    return ring?.stop();
  });

  /** Of one node after the other. */
  async function ask(line: string): Promise<string> {
    return (await clients[asked++ % count].command(...line.split(' '))).trim();
  }

  async function versionOf(key: string): Promise<string> {
    return parseReply(await clients[asked++ % count].command('KV.GET', key)).elements[2].text;
  }

  it('a version is good for one swap, however often it is sent', async () => {
    for (let round = 0; round < 3 * count; round++) {
      await ask(`SET v${round} 1`);
      const version = await versionOf(`v${round}`);
      const swaps: string[] = [];
      for (let i = 0; i < 3; i++) swaps.push(await ask(`CAS v${round} VERSION ${version} ${i + 2}`));
      expect(swaps).toEqual([':1', ':0', ':0']);
      expect(await ask(`KV.AT SERIAL GET v${round}`)).toBe('$1\r\n2');
    }
  });

  it('whatever writes the key makes another version of it, also what writes the same again', async () => {
    await ask('SET w 5');
    const version = await versionOf('w');
    await ask('SET w 5');
    expect(await ask(`CAS w VERSION ${version} 6`)).toBe(':0');
  });

  it('only one of many wins', async () => {
    for (let round = 0; round < 5; round++) {
      const key = `lock${round}`;
      const tries = Array.from({ length: 20 }, (_, i) =>
        clients[i % count].command('SET', key, `${i}`, 'NX', 'PX', '60000'),
      );
      const replies = await Promise.all(tries);
      expect(replies.filter((reply) => reply === '+OK\r\n')).toHaveLength(1);
      const winner = replies.indexOf('+OK\r\n');
      expect(await ask(`KV.AT SERIAL GET ${key}`)).toBe(`$${`${winner}`.length}\r\n${winner}`);
      expect(await ask(`DELIFEQ ${key} nobody`)).toBe(':0');
      expect(await ask(`DELIFEQ ${key} ${winner}`)).toBe(':1');
      expect(await ask(`SETNX ${key} next`)).toBe(':1');
    }
  });

  it('increments at SERIAL count once each', async () => {
    const increments = Array.from({ length: 60 }, (_, i) =>
      clients[i % count].command('KV.AT', 'SERIAL', 'INCR', 'n'),
    );
    const numbers = (await Promise.all(increments)).map((reply) => Number(reply.slice(1)));
    expect(numbers.sort((a, b) => a - b)).toEqual(numbers.map((_, i) => i + 1));
  });

  it('what a pipeline asks for happens in its order, linearizable or not', async () => {
    for (const client of clients) {
      const replies = await client.pipeline([
        ['SET', 'p', '1'],
        ['CAS', 'p', '1', '2'],
        ['GET', 'p'],
        ['SET', 'p', '3'],
        ['SETNX', 'p', '4'],
        ['SET', 'p', '5', 'IFEQ', '3'],
        ['KV.AT', 'SERIAL', 'GET', 'p'],
        ['GETDEL', 'p'],
        ['EXISTS', 'p'],
      ]);
      expect(replies.map((reply) => reply.trim())).toEqual([
        ...['+OK', ':1', '$1\r\n2', '+OK', ':0', '+OK', '$1\r\n5', '$1\r\n5', ':0'],
      ]);
    }
  });

  it('a level of SERIAL holds for a connection as for one command', async () => {
    const client = await ring.nodes[0].connect();
    expect(await client.command('KV.CONSISTENCY', 'READ', 'SERIAL', 'WRITE', 'serial')).toBe('+OK\r\n');
    expect(await client.command('KV.CONSISTENCY')).toContain('SERIAL');
    expect(await client.command('MSET', 'a{t}', '1', 'b{t}', '2')).toBe('+OK\r\n');
    expect(await client.command('MGET', 'a{t}', 'b{t}')).toBe('*2\r\n$1\r\n1\r\n$1\r\n2\r\n');
    expect(await client.command('DEL', 'a{t}', 'b{t}')).toBe(':2\r\n');
    const crossing = count > 1 ? /^-CROSSSLOT/ : /^[+*:]/;
    for (const line of ['MSET a 1 b 2', 'MGET a b', 'DEL a b', 'EXISTS a b'])
      expect(await client.command(...line.split(' ')), line).toMatch(crossing);
    client.close();
  });

  it.each(['SET q v NX', 'CAS q v w', 'DELEX q IFEQ w'])('%s is answered inside of MULTI', async (line) => {
    const client = await ring.nodes[0].connect();
    await client.command('MULTI');
    expect(await client.command(...line.split(' '))).toBe('+QUEUED\r\n');
    await client.command('PING');
    expect(await client.command('EXEC')).toMatch(/^\*2\r\n[+:](OK|1)\r\n\+PONG\r\n$/);
    client.close();
  });

  it('EXEC is refused when a watched key was changed through any node, else it is applied', async () => {
    for (let other = 0; other < count; other++) {
      const client = await ring.nodes[0].connect();
      await ask('SET watched{w} 1');
      await client.command('WATCH', 'watched{w}', 'absent{w}');
      expect(await client.command('GET', 'watched{w}')).toBe('$1\r\n1\r\n');
      const writer = clients[other];
      if (other === 0) await writer.command('INCR', 'watched{w}');
      else await writer.command('SETNX', 'absent{w}', '1');
      await client.command('MULTI');
      await client.command('SET', 'watched{w}', 'lost');
      expect(await client.command('EXEC')).toBe('*-1\r\n');
      expect(await client.command('GET', 'watched{w}')).toBe(`$1\r\n${other === 0 ? 2 : 1}\r\n`);

      await client.command('WATCH', 'watched{w}');
      await client.command('MULTI');
      await client.command('SET', 'watched{w}', '7');
      await client.command('INCRBY', 'watched{w}', '2');
      await client.command('DEL', 'absent{w}');
      expect(await client.command('EXEC')).toMatch(/^\*3\r\n\+OK\r\n:9\r\n:[01]\r\n$/);
      expect(await ask('KV.AT SERIAL MGET watched{w} absent{w}')).toBe('*2\r\n$1\r\n9\r\n$-1');
      client.close();
    }
  });

  it('of many that watch, read, add and set, each that succeeds has added one', async () => {
    await ask('SET sum 0');
    const add = async (client: RespConnection): Promise<number> => {
      await client.command('WATCH', 'sum');
      const seen = Number(parseReply(await client.command('GET', 'sum')).text);
      await client.command('MULTI');
      await client.command('SET', 'sum', `${seen + 1}`);
      return (await client.command('EXEC')).startsWith('*-') ? 0 : 1;
    };
    const own = await Promise.all(Array.from({ length: 6 }, (_, i) => ring.nodes[i % count].connect()));
    const done = await Promise.all(
      own.map(async (client) => {
        let successes = 0;
        for (let i = 0; i < 15; i++) successes += await add(client);
        client.close();
        return successes;
      }),
    );
    const total = done.reduce((a, b) => a + b, 0);
    expect(total).toBeGreaterThan(0);
    expect(parseReply(`${await ask('KV.AT SERIAL GET sum')}\r\n`).text).toBe(`${total}`);
  });
});

/** Nothing linearizable is done while a majority of the homes is away; a read has nothing to say about what was applied. */
async function expectRefusals(client: RespConnection): Promise<void> {
  const began = performance.now();
  const writes = [
    'SET k w NX',
    'SET k w IFEQ v',
    'SET k w IFNE x',
    'SETNX k 1',
    'CAS k v w',
    'DELIFEQ k v',
    'GETDEL k',
  ];
  for (const line of [...writes, 'KV.AT SERIAL SET k w'])
    expect(await client.command(...line.split(' ')), line).toMatch(
      /^-NOQUORUM .*(not applied|may have been applied)\r\n$/,
    );
  for (const line of ['KV.AT SERIAL GET k', 'WATCH k'])
    expect(await client.command(...line.split(' ')), line).toMatch(/^-NOQUORUM (?!.*applied).*\r\n$/);
  expect(performance.now() - began).toBeLessThan((writes.length + 3) * 2500);
}

describe('while most home replicas of a key are away', () => {
  it('nothing linearizable is done, and the answer says so soon; a plain read goes on', async () => {
    const ring = await RingCluster.start(3);
    try {
      const client = await ring.nodes[0].connect();
      expect(await client.command('SET', 'k', 'v')).toBe('+OK\r\n');
      await Promise.all([ring.nodes[1].process.stop('SIGKILL'), ring.nodes[2].process.stop('SIGKILL')]);
      await expectRefusals(client);
      expect(await client.command('KV.AT', 'ONE', 'GET', 'k')).toBe('$1\r\nv\r\n');
      client.close();
    } finally {
      await ring.stop();
    }
  });

  it('those that stand in for them take plain writes, and no part in what is linearizable', async () => {
    const ring = await RingCluster.start(5);
    try {
      const first = await ring.nodes[0].connect();
      const [, homes] = parseReply(await first.command('KV.WHERE', 'k')).elements;
      first.close();
      const isHome = (port: number): boolean => homes.elements.some(({ text }) => text.endsWith(`:${port}`));
      const [away1, away2, home] = ring.nodes.filter(({ port }) => isHome(port));
      const strangers = ring.nodes.filter(({ port }) => !isHome(port));
      const clients = await Promise.all([home, ...strangers].map((node) => node.connect()));
      expect(await clients[1].command('SET', 'k', 'v', 'NX')).toBe('+OK\r\n');
      await Promise.all([away1, away2].map(({ process }) => process.stop('SIGKILL')));
      // A swap that is begun before anybody has noticed would be in doubt until they are back.
      for (const client of clients)
        await until(() => client.command('KV.AT', 'SERIAL', 'GET', 'k'), /home replicas are reachable/);
      for (const client of clients) {
        await expectRefusals(client);
        await until(() => client.command('SET', 'k', 'v'), /^\+OK/);
      }
      await Promise.all([away1.start(), away2.start()]);
      await Promise.all([away1.serves(), away2.serves()]);
      for (const client of clients) {
        await until(() => client.command('KV.AT', 'SERIAL', 'GET', 'k'), /^\$1\r\nv/);
        expect(await client.command('CAS', 'k', 'v', 'w')).toBe(':1\r\n');
        expect(await client.command('SET', 'k', 'x', 'NX')).toBe('$-1\r\n');
        expect(await client.command('SET', 'k', 'v', 'IFEQ', 'w')).toBe('+OK\r\n');
        client.close();
      }
    } finally {
      await ring.stop();
    }
  });
});

/** Asks again for as long as it may take until everybody knows who is there. */
async function until(ask: () => Promise<string>, wanted: RegExp): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const reply = await ask();
    if (wanted.test(reply)) return;
    if (performance.now() > deadline) throw new Error(`answered ${reply}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
