import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encode } from './harness/connection.js';
import { exchange } from './harness/exchange.js';
import { seeded } from './harness/seeded.js';
import { RedisServer, RingCluster, type RingNode } from './harness/servers.js';

const MB = 1024 * 1024;
/** Another client never waits longer, even on a machine that is busy with other tests. */
const PATIENCE_MS = 1000;

let ring: RingCluster;
let node: RingNode;
beforeAll(async () => {
  ring = await RingCluster.start(1);
  node = ring.nodes[0];
});
afterAll(() => ring.stop());

function residentBytes(): number {
  const pages = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${node.process.pid}/status`, 'utf8'))!;
  return Number(pages[1]) * 1024;
}

function openFiles(): number {
  return readdirSync(`/proc/${node.process.pid}/fd`).length;
}

function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: node.port }, () => resolve(socket));
    socket.once('error', reject);
    socket.on('error', () => {});
  });
}

/** The longest that another client had to wait while `trouble` went on. */
async function longestWait(trouble: Promise<unknown>): Promise<number> {
  let going = true;
  const over = trouble.finally(() => {
    going = false;
  });
  const other = await node.connect();
  let longest = 0;
  while (going) {
    const began = performance.now();
    expect(await other.command('SET', 'other', 'served')).toBe('+OK\r\n');
    expect(await other.command('GET', 'other')).toBe('$6\r\nserved\r\n');
    longest = Math.max(longest, performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  other.close();
  await over;
  return longest;
}

describe('a client', () => {
  it('that never reads its replies is closed, and costs no more than its limit', async () => {
    const admin = await node.connect();
    expect(await admin.command('CONFIG', 'SET', 'client-output-buffer-limit', '16mb')).toBe('+OK\r\n');
    await admin.command('SET', 'big', 'x'.repeat(MB));
    const before = residentBytes();
    const deaf = await open();
    deaf.pause();
    const closed = new Promise<void>((resolve) => deaf.once('close', () => resolve()));
    deaf.write(encode(['GET', 'big']).repeat(500));
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, residentBytes());
    }, 10);
    const gone = async (): Promise<void> => {
      while (
        (await admin.command('CLIENT', 'LIST')).split('\n').filter((line) => line.includes('id=')).length > 2
      )
        await new Promise((resolve) => setTimeout(resolve, 20));
    };
    expect(await longestWait(gone())).toBeLessThan(PATIENCE_MS);
    clearInterval(watch);
    expect(most - before).toBeLessThan(150 * MB);
    deaf.resume();
    await closed;
    admin.close();
  });

  it('that sends one byte at a time is understood', async () => {
    const slow = await open();
    slow.setNoDelay(true);
    const bytes = `${encode(['SET', 'slow', 'a b']) + encode(['GET', 'slow'])}GET "slow"\r\n`;
    let reply = '';
    slow.on('data', (chunk) => {
      reply += chunk.toString('latin1');
    });
    for (const byte of bytes) {
      slow.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => reply).toBe('+OK\r\n$3\r\na b\r\n$3\r\na b\r\n');
    slow.destroy();
  });

  it('beyond maxclients gets the text redis-server has for it', async () => {
    const redis = await RedisServer.start();
    for (const port of [redis.port, node.port]) {
      const admin = await (port === node.port ? node : redis).connect();
      expect(await admin.command('CONFIG', 'SET', 'maxclients', '1')).toBe('+OK\r\n');
      expect(await exchange(port, '')).toEqual({
        reply: '-ERR max number of clients reached\r\n',
        closed: true,
      });
      expect(await admin.command('CONFIG', 'SET', 'maxclients', '1000')).toBe('+OK\r\n');
      admin.close();
    }
    await redis.stop();
  });

  it('beyond maxclients that has sent a command leaves nothing behind', async () => {
    const admin = await node.connect();
    expect(await admin.command('CONFIG', 'SET', 'maxclients', '1')).toBe('+OK\r\n');
    const before = openFiles();
    const refused = await Promise.all(Array.from({ length: 50 }, open));
    for (const socket of refused) {
      socket.resume();
      socket.write(encode(['PING']));
    }
    await Promise.all(refused.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    expect(await admin.command('CONFIG', 'SET', 'maxclients', '1000')).toBe('+OK\r\n');
    await expect.poll(openFiles).toBeLessThanOrEqual(before);
    admin.close();
  });
});

describe('garbage', () => {
  it.each([1, 2, 3])('on many connections disturbs nobody (seed %i)', async (seed) => {
    const random = seeded(seed);
    const before = residentBytes();
    const clients = Array.from({ length: 20 }, async () => {
      for (let round = 0; round < 20; round++) {
        const socket = await open();
        socket.resume();
        for (let i = 0; i < 10; i++) socket.write(random.garbage(), 'latin1');
        await new Promise((resolve) => setTimeout(resolve, random.below(10)));
        socket.destroy();
      }
    });
    expect(await longestWait(Promise.all(clients))).toBeLessThan(PATIENCE_MS);
    expect(node.process.running).toBe(true);
    expect(residentBytes() - before).toBeLessThan(300 * MB);
    expect(node.process.output).not.toMatch(/"level":(50|60)/);
  });
});
