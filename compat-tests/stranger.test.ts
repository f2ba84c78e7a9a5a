import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RespConnection } from './harness/connection.js';
import { freePorts } from './harness/ports.js';
import { seeded } from './harness/seeded.js';
import { RingCluster, type RingNode, spawnRingKV, temporaryFolder } from './harness/servers.js';

const SETTINGS = { 'request-timeout': '500', 'heartbeat-interval': '200', 'heartbeat-timeout': '1200' };
/** How long a node may take to see that others are gone: a request's patience, a heartbeat's, and some for a busy machine. */
const NOTICED_MS = 500 + 1200 + 900;

let ring: RingCluster;
let nodes: readonly RingNode[];
beforeAll(async () => {
  ring = await RingCluster.start(3, SETTINGS);
  nodes = ring.nodes;
});
afterAll(() => ring.stop());

async function busPort(node: RingNode): Promise<number> {
  const connection = await node.connect();
  const reply = await connection.command('KV.NODES');
  connection.close();
  const at = reply.indexOf(`127.0.0.1:${node.port}\r\n`);
  return Number(/bus\r\n\$\d+\r\n127\.0\.0\.1:(\d+)/.exec(reply.slice(at))![1]);
}

/** All a bus port says to these bytes within a second, or until it closes. */
function said(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let reply = '';
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(bytes, 'latin1'));
    socket.on('data', (chunk) => {
      reply += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(reply));
    setTimeout(() => socket.destroy(), 1000);
  });
}

async function expectServed(): Promise<void> {
  for (const node of nodes) {
    const connection = await node.connect();
    for (let i = 0; i < 50; i++) {
      expect(await connection.command('SET', `served ${i}`, String(i))).toBe('+OK\r\n');
      expect(await connection.command('GET', `served ${i}`)).toBe(`$${String(i).length}\r\n${i}\r\n`);
    }
    connection.close();
  }
}

describe('a stranger on the bus port', () => {
  it('gets no answer to garbage and harms nothing', async () => {
    const random = seeded(7);
    const port = await busPort(nodes[0]);
    const greeting = await said(port, '');
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) => said(port, i < 3 ? 'GET / HTTP/1.1\r\n\r\n' : random.garbage())),
    );
    // What a node says unasked is the same for everybody but for its random part.
    for (const answer of answers) expect(answer.length).toBeLessThanOrEqual(greeting.length);
    for (const node of nodes) expect(node.process.running).toBe(true);
    await expectServed();
  });

  it('with a wrong secret is not let in', async () => {
    const folder = temporaryFolder();
    const [port, bus] = await freePorts(2);
    const stranger = spawnRingKV({
      port: String(port),
      'bus-port': String(bus),
      dir: folder.path,
      seeds: `127.0.0.1:${await busPort(nodes[0])}`,
      'cluster-secret': 'of somebody else',
    });
    await stranger.says(/no connection to a node/);
    expect(stranger.output).toMatch(/secret/);
    const connection = await nodes[0].connect();
    expect(await connection.command('KV.NODES')).not.toContain(String(bus));
    connection.close();
    await stranger.stop();
    expect(stranger.output).not.toMatch(/\n\s+at /);
    folder.remove();
    await expectServed();
  });
});

describe('a node that is cut off from the two others', () => {
  it('refuses writes in time and truthfully, and serves again when they are back', async () => {
    const [node, ...others] = nodes;
    const connection = await node.connect();
    const outcomes = new Map<string, string>();
    for (const other of others) other.process.signal('SIGSTOP');
    const began = Date.now();
    for (let i = 0; Date.now() - began < 3000; i++) {
      const sent = Date.now();
      const batch = Array.from({ length: 50 }, (_, j) => `cut off ${i}.${j}`);
      const replies = await connection.pipeline(batch.map((key) => ['SET', key, key]));
      expect(Date.now() - sent).toBeLessThan(NOTICED_MS);
      batch.forEach((key, j) => {
        outcomes.set(key, replies[j]);
      });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const outcome of outcomes.values())
      expect(outcome).toMatch(
        /^-NOQUORUM .*(not applied|nothing was read or written|may have been applied)\r\n/,
      );
    expect([...outcomes.values()].at(-1)).toContain('not applied');
    expect(await connection.command('GET', 'served 1')).toMatch(/^-NOQUORUM/);
    expect(await connection.command('PING')).toBe('+PONG\r\n');
    for (const other of others) other.process.signal('SIGCONT');
    await servedAgain(connection);
    for (const each of nodes) {
      await each.serves();
      await expectTruth(await each.connect(), outcomes);
    }
    await expectServed();
    connection.close();
  });
});

async function servedAgain(connection: RespConnection): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const reply = await connection.command('SET', 'again', 'yes');
    if (reply === '+OK\r\n') return;
    expect(Date.now()).toBeLessThan(deadline);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function expectTruth(connection: RespConnection, outcomes: ReadonlyMap<string, string>): Promise<void> {
  const keys = [...outcomes.keys()];
  const replies = await connection.pipeline(keys.map((key) => ['GET', key]));
  keys.forEach((key, i) => {
    const applied = `$${key.length}\r\n${key}\r\n`;
    if (!outcomes.get(key)!.includes('may have been applied'))
      expect(`${key} ${replies[i]}`).toBe(`${key} $-1\r\n`);
    else expect(['$-1\r\n', applied]).toContain(replies[i]);
  });
  connection.close();
}
