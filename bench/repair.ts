import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { RingCluster, type RingNode } from '../compat-tests/harness/servers.js';
import { fill } from './fill.js';
import { savePart } from './report.js';

const HELP = `npm run bench:repair -- [--keys 1000000] [--skip-refill] [--dry]
Fills three nodes, lets one of them miss 100 writes, and measures what it takes to make it equal again: with so many keys, with
twice as many, and once with nothing left on its disk. Writes bench/RESULTS.md (not with --dry).`;

const DIFFERENT = 100;
const MAX_BYTES = 1_000_000;
const MAX_SECONDS = 5;
/** Twice the keys must not cost twice the bytes. */
const MAX_GROWTH = 1.5;
/** Nothing else heals: a node that is down is kept no hints, and repair waits to be told. */
const SETTINGS = { 'repair-interval': '0', 'max-hints-bytes': '0', 'request-timeout': '30000' };
const KEYS_PER_BATCH = 1000;

const { values: options } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000' },
    'skip-refill': { type: 'boolean', default: false },
    dry: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

interface Repaired {
  readonly work: string;
  /** Keys of the repaired node that changed. */
  readonly received: number;
  /** Sent and received by it. */
  readonly bytes: number;
  readonly seconds: number;
}

if (options.help) process.stdout.write(`${HELP}\n`);
else await main(Number(options.keys));

async function main(keys: number): Promise<void> {
  const lines = [
    '| keys of 100 bytes | keys repaired | bytes exchanged | seconds | to reach | |',
    '|---|---|---|---|---|---|',
  ];
  const say = (line: string): void => {
    lines.push(line);
    process.stdout.write(`${line}\n`);
  };
  const once = await repairDifferent(keys, '10mb');
  const within = `${MAX_BYTES / 1e6} MB, ${MAX_SECONDS} s`;
  say(row(once, within, once.bytes <= MAX_BYTES && once.seconds <= MAX_SECONDS));
  const twice = await repairDifferent(2 * keys, '10mb');
  const growth = `at most ${MAX_GROWTH} times the bytes`;
  say(row(twice, growth, twice.bytes <= MAX_GROWTH * once.bytes));
  if (!options['skip-refill']) {
    const refill = await repairEmpty(keys);
    const rate = `${(refill.bytes / refill.seconds / 1e6).toFixed(1)} MB/s`;
    say(row(refill, `no mark (\`repair-throttle\` 1gb: ${rate})`, undefined));
  }
  if (!options.dry) savePart('npm run bench:repair', lines.join('\n'));
}

/** One node is away while 50 keys are overwritten and 50 are new; then it is repaired. */
async function repairDifferent(keys: number, throttle: string): Promise<Repaired> {
  const cluster = await RingCluster.start(3, { ...SETTINGS, 'repair-throttle': throttle });
  try {
    const [first, , stale] = cluster.nodes;
    await fill(first.port, keys);
    // A busy machine may have cost it some writes already.
    await repair(stale, 'the beginning');
    await stale.process.stop('SIGTERM');
    const half = DIFFERENT / 2;
    const changed = Array.from({ length: DIFFERENT }, (_, i) =>
      nameOf(i < half ? Math.floor((i * keys) / half) : keys + i),
    );
    await set(first, changed, 'new');
    await stale.start();
    await stale.serves();
    const repaired = await repair(stale, `${millions(keys)}, ${DIFFERENT} differ`);
    const wrong = await others(stale, changed, 'new');
    if (wrong > 0) throw new Error(`${wrong} keys were not repaired`);
    return repaired;
  } finally {
    await cluster.stop();
  }
}

/** One node has lost its disk. */
async function repairEmpty(keys: number): Promise<Repaired> {
  const cluster = await RingCluster.start(3, { ...SETTINGS, 'repair-throttle': '1gb' });
  try {
    const [first, , lost] = cluster.nodes;
    await fill(first.port, keys);
    await lost.process.stop('SIGKILL');
    rmSync(lost.dir, { recursive: true });
    await lost.start();
    await lost.serves();
    return await repair(lost, `${millions(keys)}, of which a node has none`);
  } finally {
    await cluster.stop();
  }
}

async function repair(node: RingNode, work: string): Promise<Repaired> {
  const connection = await node.connect();
  const began = performance.now();
  const reply = await connection.command('KV.REPAIR', 'ALL', 'WAIT', '0');
  const seconds = (performance.now() - began) / 1000;
  connection.close();
  if (!reply.includes('$5\r\nstate\r\n$4\r\ndone\r\n')) throw new Error(`the repair failed: ${reply}`);
  const bytes = sum(reply, 'bytes-sent') + sum(reply, 'bytes-received');
  return { work, received: sum(reply, 'keys-received'), bytes, seconds };
}

/** A figure of a KV.REPAIR reply, of all peers together. */
function sum(reply: string, name: string): number {
  let total = 0;
  for (const [, number] of reply.matchAll(new RegExp(`\\r\\n${name}\\r\\n:(\\d+)`, 'g')))
    total += Number(number);
  return total;
}

async function set(node: RingNode, keys: readonly string[], value: string): Promise<void> {
  const connection = await node.connect();
  const replies = await connection.pipeline(keys.map((key) => ['SET', key, value.padEnd(100, '.')]));
  connection.close();
  if (replies.some((reply) => reply !== '+OK\r\n')) throw new Error(`a write failed: ${replies}`);
}

/** Keys of which the node's own copy has another value. */
async function others(node: RingNode, keys: readonly string[], value: string): Promise<number> {
  const connection = await node.connect();
  let wrong = 0;
  for (let at = 0; at < keys.length; at += KEYS_PER_BATCH) {
    const batch = keys.slice(at, at + KEYS_PER_BATCH).map((key) => ['KV.AT', 'ONE', 'GET', key]);
    for (const reply of await connection.pipeline(batch)) if (!reply.includes(value)) wrong++;
  }
  connection.close();
  return wrong;
}

/** As `fill` names them. */
function nameOf(index: number): string {
  return `key:${String(index).padStart(12, '0')}`;
}

function millions(keys: number): string {
  return keys >= 1e6 ? `${keys / 1e6} M` : keys.toLocaleString('en');
}

function row(
  { work, received, bytes, seconds }: Repaired,
  target: string,
  reached: boolean | undefined,
): string {
  const verdict = reached === undefined ? '' : reached ? 'yes' : '**no**';
  const figures = [received, bytes].map((number) => number.toLocaleString('en'));
  return `| ${[work, ...figures, seconds.toFixed(2), target, verdict].join(' | ')} |`;
}
