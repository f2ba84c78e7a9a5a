import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { RespConnection } from '../compat-tests/harness/connection.js';
import { RingCluster, type RingNode } from '../compat-tests/harness/servers.js';
import { fill } from './fill.js';
import { cpuSeconds } from './measure.js';
import { savePart } from './report.js';

const HELP = `npm run bench:hints -- [--keys 100000] [--dry]
Writes while one of three nodes is down, starts it again and measures how what it missed is handed over; writes
bench/RESULTS.md (not with --dry).`;

/** The slow one shows that the throttle holds, the default how fast it goes, the last how fast it could. */
const THROTTLES = ['1mb', '10mb', '1gb'];
/** Of the throttle, where nothing else is slower. */
const MIN_SHARE = 0.9;
const MAX_SHARE = 1.1;
/** Repair is not to help: it comes afterwards, when told to. */
const NO_REPAIR = { 'repair-interval': '0' };
const MEGABYTE = 2 ** 20;
const POLL_MS = 20;
const PATIENCE_MS = 300_000;
const KEYS_PER_BATCH = 1000;

const { values: options } = parseArgs({
  options: {
    keys: { type: 'string', default: '100000' },
    dry: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

interface Drained {
  readonly throttle: string;
  readonly hints: number;
  /** Sent by both holders together. */
  readonly bytes: number;
  /** Until the last was delivered. */
  readonly seconds: number;
  /** Of one holder while it had any, on the average, bytes per second. */
  readonly rate: number;
  /** Of all three nodes while it lasted, µs per hint. */
  readonly cpu: number;
  /** Keys that are not the same on all nodes, each asked for each. */
  readonly differing: number;
  /** Keys that repair found to differ, and exchanged. */
  readonly repaired: number;
}

if (options.help) process.stdout.write(`${HELP}\n`);
else await main(Number(options.keys));

async function main(keys: number): Promise<void> {
  const lines = [
    '| `hint-throttle` | hints | sent by both holders | drained in | MB/s of each | of the throttle | CPU µs/hint | keys that differ | found by `KV.REPAIR` | |',
    '|---|---|---|---|---|---|---|---|---|---|',
  ];
  for (const throttle of THROTTLES) {
    const one = await drain(keys, throttle);
    lines.push(line(one));
    process.stdout.write(`${lines.at(-1)}\n`);
  }
  if (!options.dry) savePart('npm run bench:hints', lines.join('\n'));
}

async function drain(keys: number, throttle: string): Promise<Drained> {
  const cluster = await RingCluster.start(3, { 'hint-throttle': throttle, ...NO_REPAIR });
  try {
    const [first, second, victim] = cluster.nodes;
    await victim.process.stop('SIGKILL');
    await fill(first.port, keys);
    const holders = [await first.connect(), await second.connect()];
    const counts = await Promise.all(holders.map(count));
    await victim.start();
    const pids = cluster.nodes.map((node) => node.process.pid);
    const before = cpuSeconds(pids);
    const drained = await Promise.all(holders.map((holder, i) => secondsToDrain(holder, counts[i])));
    const cpu = cpuSeconds(pids) - before;
    const bytes = await Promise.all(holders.map(bytesSent));
    return {
      throttle,
      hints: counts[0] + counts[1],
      bytes: bytes[0] + bytes[1],
      seconds: Math.max(...drained),
      rate: (bytes[0] / drained[0] + bytes[1] / drained[1]) / 2,
      cpu: (cpu * 1e6) / (counts[0] + counts[1]),
      differing: await differing(cluster.nodes, keys),
      repaired: await repaired(victim),
    };
  } finally {
    await cluster.stop();
  }
}

/** From the first hint that is delivered to the last. */
async function secondsToDrain(holder: RespConnection, hints: number): Promise<number> {
  while ((await count(holder)) === hints) await pause(POLL_MS);
  const began = performance.now();
  while ((await count(holder)) > 0) {
    if (performance.now() - began > PATIENCE_MS) throw new Error('the hints were not drained');
    await pause(POLL_MS);
  }
  return (performance.now() - began) / 1000;
}

async function bytesSent(holder: RespConnection): Promise<number> {
  const info = await holder.command('INFO', 'ringkv');
  return Number(/handoff_sent_bytes:(\d+)/.exec(info)![1]);
}

async function count(holder: RespConnection): Promise<number> {
  const reply = await holder.command('KV.HINTS');
  return Number(/\$5\r\nhints\r\n:(\d+)\r\n/.exec(reply)?.[1] ?? 0);
}

/** Asks each node for what it has of each key itself; of three nodes each is a home replica of every key. */
async function differing(nodes: readonly RingNode[], keys: number): Promise<number> {
  const connections = await Promise.all(nodes.map((node) => node.connect()));
  let found = 0;
  for (let at = 0; at < keys; at += KEYS_PER_BATCH) {
    const commands = Array.from({ length: Math.min(KEYS_PER_BATCH, keys - at) }, (_, i) => [
      'KV.AT',
      'ONE',
      'KV.SIBLINGS',
      `key:${String(at + i).padStart(12, '0')}`,
    ]);
    const replies = await Promise.all(connections.map((connection) => connection.pipeline(commands)));
    for (let i = 0; i < commands.length; i++) {
      const held = new Set(replies.map((ofNode) => ofNode[i]));
      if (held.size > 1 || replies[0][i].startsWith('-')) found++;
    }
  }
  for (const connection of connections) connection.close();
  return found;
}

async function repaired(node: RingNode): Promise<number> {
  const connection = await node.connect();
  const reply = await connection.command('KV.REPAIR', 'ALL', 'WAIT', String(PATIENCE_MS));
  connection.close();
  if (!reply.includes('\r\ndone\r\n')) throw new Error(`repair did not end: ${reply}`);
  const numbers = reply.matchAll(/\r\nkeys-(?:differing|sent|received)\r\n:(\d+)\r\n/g);
  return [...numbers].reduce((sum, [, keys]) => sum + Number(keys), 0);
}

function line(one: Drained): string {
  const share = one.rate / MEGABYTE / megabytes(one.throttle);
  const cells = [
    `\`${one.throttle}\``,
    one.hints.toLocaleString('en'),
    `${(one.bytes / MEGABYTE).toFixed(1)} MB`,
    `${one.seconds.toFixed(1)} s`,
    (one.rate / MEGABYTE).toFixed(2),
    share >= MIN_SHARE ? share.toFixed(2) : `${share.toFixed(2)}, the processor is full`,
    one.cpu.toFixed(0),
    one.differing,
    one.repaired,
    one.differing + one.repaired === 0 && share <= MAX_SHARE ? 'yes' : '**no**',
  ];
  return `| ${cells.join(' | ')} |`;
}

function megabytes(size: string): number {
  return Number.parseInt(size, 10) * (size.endsWith('gb') ? 1024 : 1);
}
