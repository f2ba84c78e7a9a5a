import { afterAll, beforeAll, it } from 'vitest';
import { WiredCluster } from './harness/wired-cluster.js';

const KEYS = Array.from({ length: 12 }, (_, i) => `counter:${i}`);
const WITHIN_MS = 20_000;

let cluster: WiredCluster;
beforeAll(async () => {
  cluster = await WiredCluster.start(3, { 'write-quorum': '1', 'read-quorum': '1' });
});
afterAll(() => cluster.stop());

async function ask(node: number, ...argv: string[]): Promise<string> {
  const connection = await cluster.nodes[node].connect();
  const reply = await connection.command(...argv);
  connection.close();
  return reply;
}

/** For every key, until it is answered so. */
async function each(node: number, argv: (key: string) => string[], expected: RegExp): Promise<void> {
  const deadline = Date.now() + WITHIN_MS;
  for (const key of KEYS) {
    for (;;) {
      const reply = await ask(node, ...argv(key));
      if (expected.test(reply)) break;
      if (Date.now() > deadline) throw new Error(`${argv(key).join(' ')} on node ${node + 1} gets ${reply}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

it('increments on both sides of a partition all count after the heal; SET still sets, and an expiry stays', async () => {
  await each(0, (key) => ['SET', key, '100'], /^\+OK/);
  await each(0, (key) => ['INCR', key], /^:101\r/);
  cluster.wires.part([0], [1, 2]);
  const other = /(\b(suspect|down)\b.*){2}/s;
  await each(0, () => ['KV.NODES'], other);
  await each(1, () => ['KV.NODES'], /suspect|down/);

  for (const node of [0, 2])
    await each(node, (key) => ['INCRBY', `${key}:large`, '9223372036854775800'], /^:9223372036854775800\r/);
  await each(0, (key) => ['INCRBY', key, '10'], /^:111\r/);
  await each(0, (key) => ['DECR', key], /^:110\r/);
  await each(2, (key) => ['INCRBY', key, '1000'], /^:1101\r/);
  await each(1, (key) => ['EXPIRE', key, '1000'], /^:1\r/);
  await each(1, (key) => ['INCR', key], /^:1102\r/);

  cluster.wires.heal();
  for (const node of [0, 1, 2]) {
    await each(node, (key) => ['KV.AT', 'ALL', 'GET', key], /^\$4\r\n1111\r/);
    await each(node, (key) => ['KV.AT', 'ALL', 'TTL', key], /^:9\d\d\r/);
  }
  // All of it is known; 64 bits can show no more.
  await each(2, (key) => ['KV.AT', 'ALL', 'GET', `${key}:large`], /^\$19\r\n9223372036854775807\r/);
  await each(1, (key) => ['INCR', `${key}:large`], /^-ERR increment or decrement would overflow\r/);
  await each(1, (key) => ['DECRBY', `${key}:large`, '100'], /^:9223372036854775807\r/);
  await each(1, (key) => ['DECRBY', `${key}:large`, '9223372036854775800'], /^:9223372036854775700\r/);

  await each(2, (key) => ['INCR', key], /^:1112\r/);
  await each(1, (key) => ['SET', key, '7'], /^\+OK/);
  await each(0, (key) => ['KV.AT', 'ALL', 'GET', key], /^\$1\r\n7\r/);
});
