import { rmSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { RingCluster } from './harness/servers.js';

type ClusterNode = RingCluster['nodes'][number];

let cluster: RingCluster;
afterEach(() => cluster.stop());

/** What `INFO ringkv` of a node says of registers. */
async function figures(node: ClusterNode): Promise<Record<string, number>> {
  const connection = await node.connect();
  const info = await connection.command('INFO', 'ringkv');
  connection.close();
  const rows = [...info.matchAll(/^registers_(\w+):(\d+)\r$/gm)];
  return Object.fromEntries(rows.map(([, name, figure]) => [name, Number(figure)]));
}

async function until(node: ClusterNode, isSo: (figures: Record<string, number>) => boolean): Promise<void> {
  const end = Date.now() + 40_000;
  for (;;) {
    const now = await figures(node);
    if (isSo(now)) return;
    if (Date.now() > end) throw new Error(`in vain: ${JSON.stringify(now)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function swap(node: ClusterNode, times: number): Promise<void> {
  const connection = await node.connect();
  for (let i = 0; i < times; i++)
    expect(await connection.command('SET', `lock${i}`, 'me', 'NX')).toBe('+OK\r\n');
  connection.close();
}

describe('the figures of registers', { timeout: 120_000 }, () => {
  it('count operations, questions and proposals, and show that nothing is left unsettled', async () => {
    cluster = await RingCluster.start(3);
    for (const node of cluster.nodes) await until(node, ({ memory_complete }) => memory_complete === 1);
    const before = await Promise.all(cluster.nodes.map(figures));
    await swap(cluster.nodes[0], 30);
    const after = await Promise.all(cluster.nodes.map(figures));
    const grown = (name: string): number =>
      after.reduce((sum, one, i) => sum + one[name] - before[i][name], 0);
    expect(grown('operations')).toBe(30);
    // Each to the two other home replicas; each key for the first time.
    expect(grown('proposals')).toBeGreaterThanOrEqual(60);
    expect(grown('asks')).toBeGreaterThanOrEqual(60);
    for (const node of cluster.nodes) await until(node, ({ unsettled }) => unsettled === 0);
  });

  it('show a node without its memory, until it has taken over that of the others', async () => {
    cluster = await RingCluster.start(3);
    const [first, , lost] = cluster.nodes;
    await until(lost, ({ memory_complete }) => memory_complete === 1);
    await swap(first, 5);
    await lost.process.stop('SIGKILL');
    rmSync(lost.dir, { recursive: true });
    await lost.start();
    await lost.serves();
    expect((await figures(lost)).memory_complete).toBe(0);
    expect((await figures(first)).memory_complete).toBe(1);
    await until(lost, ({ memory_complete }) => memory_complete === 1);
  });

  it('are there on a node alone as well', async () => {
    cluster = await RingCluster.start(1);
    await until(cluster.nodes[0], ({ memory_complete }) => memory_complete === 1);
    await swap(cluster.nodes[0], 3);
    expect(await figures(cluster.nodes[0])).toMatchObject({ unsettled: 0, orphans: 0, settled_late: 0 });
  });
});
