import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { History } from '../cluster/sim/linearizability/history.js';
import { linearize } from '../cluster/sim/linearizability/linearize.js';
import type { RespConnection } from './harness/connection.js';
import { WiredCluster } from './harness/wired-cluster.js';

const KEYS = 50;
const NOT_APPLIED = /^-NOQUORUM .*(not applied|nothing was read or written)\r\n$/;
/** A node that nobody told of the cut finds out by a timeout; one that knows answers at once. */
const UNAWARE_MS = 3500;
const AWARE_MS = 500;
const PATIENCE_MS = 20_000;

let cluster: WiredCluster;
let to: RespConnection[];
beforeAll(async () => {
  cluster = await WiredCluster.start(3);
  to = await Promise.all(cluster.nodes.map((node) => node.connect()));
});
afterAll(() => cluster.stop());
afterEach(async () => {
  cluster.wires.heal();
  for (const node of to.keys()) await becomes(node, ['KV.NODES'], /^(?!.*(suspect|down))/s);
});

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

/** Asks again while the answer is another one. */
async function becomes(node: number, argv: readonly string[], expected: RegExp): Promise<string> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const reply = await to[node].command(...argv);
    if (expected.test(reply)) return reply;
    if (performance.now() > deadline) throw new Error(`${argv.join(' ')} on node ${node + 1} stays ${reply}`);
    await pause(50);
  }
}

describe('operations that compare, on real nodes', { timeout: 120_000 }, () => {
  it('of clients of all nodes that want to be first, exactly one is', async () => {
    const tries = to.map((connection, node) =>
      connection.pipeline(
        Array.from({ length: KEYS }, (_, i) => ['SET', `first:${i}`, `node ${node}`, 'NX']),
      ),
    );
    const replies = await Promise.all(tries);
    for (let i = 0; i < KEYS; i++) {
      const winners = replies.flatMap((one, node) => (one[i] === '+OK\r\n' ? [node] : []));
      expect(winners).toHaveLength(1);
      const seen = await Promise.all(
        to.map((connection) => connection.command('KV.AT', 'SERIAL', 'GET', `first:${i}`)),
      );
      expect(new Set(seen)).toEqual(new Set([bulk(`node ${winners[0]}`)]));
    }
  });

  it('a compare of versions that is sent twice is applied once', async () => {
    await to[0].command('SET', 'twice', 'old');
    const reply = await to[0].command('KV.AT', 'SERIAL', 'KV.GET', 'twice');
    const version = /[0-9a-f]{32}-\d+:\d+/.exec(reply)![0];
    const swap = ['CAS', 'twice', 'VERSION', version, 'new'];
    const replies = await Promise.all([
      to[0].command(...swap),
      to[1].command(...swap),
      to[2].command(...swap),
    ]);
    expect(replies.sort()).toEqual([':0\r\n', ':0\r\n', ':1\r\n']);
  });

  it('counters at SERIAL give every number once', async () => {
    const asked = to.map((connection) =>
      connection.pipeline(Array.from({ length: KEYS }, () => ['KV.AT', 'SERIAL', 'INCR', 'ids'])),
    );
    const numbers = (await Promise.all(asked)).flat().map((reply) => Number(reply.slice(1)));
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 3 * KEYS }, (_, i) => i + 1));
  });

  it('EXEC does nothing when what it watched was changed through another node, else all of it', async () => {
    const [one, other] = to;
    await one.command('MSET', '{bank}a', '5', '{bank}b', '5');
    const transfer = [['MULTI'], ['DECRBY', '{bank}a', '2'], ['INCRBY', '{bank}b', '2'], ['EXEC']];
    await one.command('WATCH', '{bank}a', '{bank}b');
    expect(await other.command('SET', '{bank}b', '6', 'XX')).toBe('+OK\r\n');
    expect((await one.pipeline(transfer)).at(-1)).toBe('*-1\r\n');
    await one.command('WATCH', '{bank}a', '{bank}b');
    expect((await one.pipeline(transfer)).at(-1)).toBe('*2\r\n:3\r\n:8\r\n');
    expect(await to[2].command('KV.AT', 'SERIAL', 'MGET', '{bank}a', '{bank}b')).toBe(
      '*2\r\n$1\r\n3\r\n$1\r\n8\r\n',
    );
  });
});

describe('a node alone behind a cut', { timeout: 120_000 }, () => {
  const deeds = (value: string): string[][] => [
    ['SET', 'cut', value, 'NX'],
    ['SET', 'cut', value, 'IFEQ', 'before'],
    ['CAS', 'cut', 'before', value],
    ['SETNX', 'cut', value],
    ['DELIFEQ', 'cut', 'before'],
    ['KV.AT', 'SERIAL', 'SET', 'cut', value],
    ['KV.AT', 'SERIAL', 'APPEND', 'cut', value],
    ['KV.AT', 'SERIAL', 'GET', 'cut'],
  ];

  it('refuses, saying that nothing was done, quickly once it knows; the others go on', async () => {
    await to[1].command('SET', 'cut', 'before', 'NX');
    cluster.wires.part([0], [1, 2]);
    for (const argv of deeds('from the cut off side').slice(0, 2)) {
      const began = performance.now();
      expect(await to[0].command(...argv)).toMatch(/^-NOQUORUM/);
      expect(performance.now() - began).toBeLessThan(UNAWARE_MS);
    }
    await becomes(0, ['KV.NODES'], /((suspect|down).*){2}/s);
    for (const argv of deeds('from the cut off side')) {
      const began = performance.now();
      expect(await to[0].command(...argv), argv.join(' ')).toMatch(NOT_APPLIED);
      expect(performance.now() - began).toBeLessThan(AWARE_MS);
    }
    await becomes(1, ['CAS', 'cut', 'before', 'from the majority'], /^:1/);
    expect(await to[2].command('KV.AT', 'SERIAL', 'GET', 'cut')).toBe(bulk('from the majority'));
    cluster.wires.heal();
    await becomes(0, ['KV.AT', 'SERIAL', 'GET', 'cut'], /from the majority/);
  });

  it('reads at ONE what is old, and the checker of all these runs finds that out', async () => {
    const history = new History(['stale']);
    await to[1].command('SET', 'stale', 'old');
    await becomes(0, ['KV.AT', 'ONE', 'GET', 'stale'], /old/);
    cluster.wires.part([0], [1, 2]);
    const written = history.ask('b', { do: 'set', value: 'new' }, ['stale']);
    await becomes(1, ['KV.AT', 'SERIAL', 'SET', 'stale', 'new'], /^\+OK/);
    written.answered({ reply: 'OK' });
    const read = history.ask('a', { do: 'get' }, ['stale']);
    const reply = await to[0].command('KV.AT', 'ONE', 'GET', 'stale');
    read.answered({ reply: '', saw: [reply === bulk('new') ? 'new' : null] });
    cluster.wires.heal();
    expect(linearize(history).kind).toBe('anomaly');
  });
});

describe('all nodes killed at once', { timeout: 120_000 }, () => {
  it('come back with everything that was answered', async () => {
    const deeds = Array.from({ length: KEYS }, (_, i) => ['SETNX', `kept:${i}`, `${i}`]);
    expect(new Set(await to[0].pipeline(deeds))).toEqual(new Set([':1\r\n']));
    await Promise.all(cluster.nodes.map((node) => node.process.stop('SIGKILL')));
    await Promise.all(cluster.nodes.map((node) => node.start()));
    await Promise.all(cluster.nodes.map((node) => node.serves()));
    to = await Promise.all(cluster.nodes.map((node) => node.connect()));
    for (let i = 0; i < KEYS; i++)
      await becomes(i % 3, ['KV.AT', 'SERIAL', 'GET', `kept:${i}`], /^\$\d+\r\n\d+\r\n$/);
    expect(new Set(await to[1].pipeline(deeds))).toEqual(new Set([':0\r\n']));
  });
});
