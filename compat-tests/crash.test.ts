import { afterEach, describe, expect, it } from 'vitest';
import { WriteLoad } from './harness/load.js';
import { RingCluster, type RingNode } from './harness/servers.js';

const CONNECTIONS = 4;
/** Writes after which the load is in full swing. */
const ENOUGH = 500;
let cluster: RingCluster;
afterEach(() => cluster.stop());

async function loadOn(load: WriteLoad, nodes: readonly RingNode[]): Promise<void> {
  for (const node of nodes) {
    for (let i = 0; i < CONNECTIONS; i++) load.add(await node.connect());
  }
}

async function checkOn(load: WriteLoad, nodes: readonly RingNode[]): Promise<void> {
  for (const node of nodes) {
    const connection = await node.connect();
    expect(await load.check(connection)).toEqual([]);
    connection.close();
  }
}

function moments(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

describe('kill -9 under a load of writes', { timeout: 180_000 }, () => {
  it('keeps every acknowledged write of one node, time and again', async () => {
    cluster = await RingCluster.start(1);
    const [node] = cluster.nodes;
    const loads: WriteLoad[] = [];
    for (let round = 0; round < 5; round++) {
      const load = new WriteLoad(`round ${round}`);
      loads.push(load);
      await loadOn(load, [node]);
      await load.reaches(ENOUGH + 2000 * Math.random());
      await node.process.stop('SIGKILL');
      await load.ended();
      expect(load.errors).toEqual([]);
      await node.start();
      for (const each of loads) await checkOn(each, [node]);
    }
  });

  it('lets two nodes go on without the third', async () => {
    cluster = await RingCluster.start(3);
    const { nodes } = cluster;
    const loads: WriteLoad[] = [];
    for (let round = 0; round < 3; round++) {
      const load = new WriteLoad(`round ${round}`);
      loads.push(load);
      const victim = nodes[round];
      const others = nodes.filter((node) => node !== victim);
      await loadOn(load, nodes);
      await load.reaches(ENOUGH + 1000 * Math.random());
      await victim.process.stop('SIGKILL');
      await checkWhileWriting(others);
      await moments(300);
      await load.stop();
      for (const each of loads) await checkOn(each, others);
      await victim.start();
      await victim.serves();
      for (const each of loads) await checkOn(each, nodes);
    }
  });

  it('keeps every acknowledged write when all three nodes die at once', async () => {
    cluster = await RingCluster.start(3);
    const { nodes } = cluster;
    const load = new WriteLoad('all');
    await loadOn(load, nodes);
    await load.reaches(3 * ENOUGH);
    await Promise.all(nodes.map((node) => node.process.stop('SIGKILL')));
    await load.ended();
    await cluster.startAll();
    await checkOn(load, nodes);
  });
});

/** Nodes that saw another die serve every key at once, under load too. */
async function checkWhileWriting(nodes: readonly RingNode[]): Promise<void> {
  for (const node of nodes) {
    const connection = await node.connect();
    const replies: string[] = [];
    for (let i = 0; i < 30; i++) {
      const key = `after ${node.port} ${i}`;
      replies.push(await connection.command('SET', key, key), await connection.command('GET', key));
    }
    expect(replies.filter((reply) => reply.startsWith('-'))).toEqual([]);
    connection.close();
  }
}

describe('SIGTERM', () => {
  it.each([1, 3])(
    'answers what is under way, ends with 0, and the data is there again (%i nodes)',
    async (count) => {
      cluster = await RingCluster.start(count);
      const [node] = cluster.nodes;
      const connection = await node.connect();
      const values = Array.from({ length: 800 }, (_, i) => `value ${i}`);
      const replies = values.map((value, i) => connection.command('SET', `drained ${i}`, value));
      // They came together, so the others are under way now.
      await replies[0];
      node.process.signal('SIGTERM');
      expect(new Set(await Promise.all(replies))).toEqual(new Set(['+OK\r\n']));
      expect(await node.process.ended()).toBe(0);
      expect(node.process.output).toContain('everything is on disk');
      await node.start();
      await node.serves();
      const again = await node.connect();
      const read = await again.pipeline(values.map((_, i) => ['GET', `drained ${i}`]));
      expect(read).toEqual(values.map((value) => `$${value.length}\r\n${value}\r\n`));
      expect(node.process.output).not.toContain('ERROR');
    },
  );
});
