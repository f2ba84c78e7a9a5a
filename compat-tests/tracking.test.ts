import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer, RingCluster } from './harness/servers.js';
import { scenes } from './tracking/scenes.js';
import { pause, Stage } from './tracking/stage.js';

let redis: RedisServer;
let ring: RingCluster;

beforeAll(async () => {
  redis = await RedisServer.start();
  ring = await RingCluster.start(1);
  // So that no connection has an id that could be the number of a protocol.
  for (const server of [redis, ring.nodes[0]]) for (let i = 0; i < 5; i++) (await server.connect()).close();
});
afterAll(async () => {
  await Promise.all([redis?.stop(), ring?.stop()]);
});

const PATIENCE_MS = 15_000;

/** Plays the lines on both; after each, every connection has to have got the same. */
async function compare(lines: readonly string[]): Promise<void> {
  const theirs = new Stage(redis.port);
  const ours = new Stage(ring.nodes[0].port);
  try {
    for (const stage of [theirs, ours]) await stage.play('flusher> FLUSHALL');
    for (const line of lines) {
      await Promise.all([theirs.play(line), ours.play(line)]);
      await theirs.quiet();
      await ours.quiet();
      const deadline = Date.now() + PATIENCE_MS;
      while (`${ours.heard()}` !== `${theirs.heard()}` && Date.now() < deadline) await pause(10);
      expect([line, ...ours.heard()]).toEqual([line, ...theirs.heard()]);
    }
  } finally {
    theirs.close();
    ours.close();
  }
}

describe('client-side caching', () => {
  it.each(scenes)('$what', async ({ lines }) => {
    await compare(lines.trim().split('\n'));
  });

  it('invalidates what has expired', async () => {
    // Either server may take its time.
    await compare(['a> HELLO 3', 'a> CLIENT TRACKING ON', 'b> SET e 1 PX 100', 'a> GET e', 'a> wait 3000']);
  });

  it('keeps to tracking-table-max-keys by invalidating some', async () => {
    const lines = (stage: Stage, ...all: string[]) =>
      all.reduce((before, line) => before.then(() => stage.play(line)), Promise.resolve());
    const stage = new Stage(ring.nodes[0].port);
    const keys = Array.from({ length: 30 }, (_, i) => `GET key:${i}`).join(' ; ');
    await lines(stage, 'b> CONFIG SET tracking-table-max-keys 10', 'a> HELLO 3', 'a> CLIENT TRACKING ON');
    await stage.hears(/\+OK/g, 2);
    await lines(stage, `a> ${keys}`);
    await stage.hears(/invalidate/g, 20);
    await stage.quiet();
    const told = [...`${stage.heard()}`.matchAll(/invalidate\\r\\n\*1\\r\\n\$\d+\\r\\n(key:\d+)/g)].map(
      ([, key]) => key,
    );
    expect(told).toHaveLength(20);
    expect(new Set(told).size).toBe(20);
    await lines(stage, 'b> INFO', 'b> CONFIG SET tracking-table-max-keys 1000000');
    await stage.hears(/tracking_total_keys:10\\r\\ntracking_total_items:10/g, 1);
    stage.close();
  });

  it('refuses channels, since there is no publish and subscribe', async () => {
    const connection = await ring.nodes[0].connect();
    expect(await connection.command('SUBSCRIBE', '__redis__:invalidate', 'news')).toMatch(
      /^-ERR RingKV has no publish and subscribe: only __redis__:invalidate/,
    );
    expect(await connection.command('PING')).toBe('+PONG\r\n');
    connection.close();
  });
});
