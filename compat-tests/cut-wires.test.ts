import { afterEach, describe, expect, it } from 'vitest';
import { WiredCluster } from './harness/wired-cluster.js';

let cluster: WiredCluster;
afterEach(() => cluster.stop());

async function ask(node: number, ...argv: string[]): Promise<string> {
  const connection = await cluster.nodes[node].connect();
  const reply = await connection.command(...argv);
  connection.close();
  return reply;
}

async function becomes(node: number, argv: readonly string[], expected: RegExp): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const reply = await ask(node, ...argv);
    if (expected.test(reply)) return;
    if (Date.now() > deadline) throw new Error(`${argv.join(' ')} on node ${node + 1} stays ${reply}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const UP_EVERYWHERE = /^(?!.*\b(suspect|down)\b)/s;
const TWO_NOT_UP = /(\b(suspect|down)\b.*){2}/s;

describe('a cluster whose wires are cut', () => {
  it('serves on the side of the majority, refuses on the other, and is whole after the heal', async () => {
    cluster = await WiredCluster.start(3, { sloppy: 'no' });
    expect(await ask(0, 'SET', 'a', 'before')).toBe('+OK\r\n');
    cluster.wires.part([0], [1, 2]);
    await becomes(0, ['KV.NODES'], TWO_NOT_UP);
    await becomes(1, ['SET', 'a', 'on the side of two'], /^\+OK/);
    expect(await ask(2, 'GET', 'a')).toBe('$18\r\non the side of two\r\n');
    expect(await ask(0, 'SET', 'a', 'on the side of one')).toMatch(/^-NOQUORUM/);
    cluster.wires.heal();
    for (const node of [0, 1, 2]) await becomes(node, ['KV.NODES'], UP_EVERYWHERE);
    await becomes(0, ['SET', 'b', 'after'], /^\+OK/);
    expect(await ask(0, 'GET', 'a')).toBe('$18\r\non the side of two\r\n');
  });

  it('suspects who is not heard although it hears', async () => {
    cluster = await WiredCluster.start(3);
    cluster.wires.silence([0], [1, 2]);
    for (const node of [1, 2]) await becomes(node, ['KV.NODES'], /suspect|down/);
    cluster.wires.heal();
    for (const node of [0, 1, 2]) await becomes(node, ['KV.NODES'], UP_EVERYWHERE);
  });
});
