import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { RespConnection } from './harness/connection.js';
import { freePorts } from './harness/ports.js';
import { RingNode, temporaryFolder } from './harness/servers.js';

const RACKS = ['a', 'a', 'b', 'b', 'c', 'c'];
/** Clients of each node that is to live. */
const CLIENTS = 2;
const LOAD_MS = 1500;
/** A rack is dark for so long, ms: until well after all know. */
const DARK_MS = 4000;
/** What each client does at least while it is dark: a swap waits for disks, and the machine may be busy. */
const GETS_ON = 5;

const folder = temporaryFolder();
let nodes: RingNode[] = [];
const clients: Client[] = [];
afterEach(async () => {
  await Promise.all(clients.map((client) => client.stop()));
  await Promise.all(nodes.map((node) => node.process?.stop('SIGKILL')));
  folder.remove();
});

async function start(): Promise<void> {
  const ports = await freePorts(2 * RACKS.length);
  const buses = ports.slice(RACKS.length);
  const seeds = buses.map((bus) => `127.0.0.1:${bus}`).join(',');
  nodes = RACKS.map((rack, i) => {
    const shared = {
      seeds,
      rack,
      'cluster-secret': 'of the tests',
      sloppy: 'no',
      'bus-port': String(buses[i]),
    };
    return new RingNode(ports[i], `${folder.path}/node-${i + 1}`, shared);
  });
  await Promise.all(nodes.map((node) => node.start()));
  await Promise.all(nodes.map((node) => node.serves()));
}

/** Sets, reads and swaps its own keys in turn, each at QUORUM or SERIAL, and knows what was acknowledged. */
class Client {
  /** By key: the value of the last write that was acknowledged; 0: none was. */
  readonly values = new Map<string, { acknowledged: number }>();
  readonly failures: string[] = [];
  done = 0;
  /** Swaps that were under way at a node that died: nobody sends them again, since they may have been made. */
  inDoubt = 0;
  private stopped = false;
  private readonly running: Promise<void>;

  constructor(
    private readonly connection: RespConnection,
    private readonly name: string,
  ) {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
    this.connection.close();
  }

  private async run(): Promise<void> {
    for (let i = 1; !this.stopped; i++) {
      const kind = i % 2 === 0 ? 'swapped' : 'set';
      const key = `${kind} by ${this.name}: ${i % 50}`;
      const value = this.values.get(key) ?? { acknowledged: 0 };
      this.values.set(key, value);
      // Plainly written keys are read at QUORUM, swapped ones compared at SERIAL.
      const write = kind === 'set' ? ['SET', key, `${i}`] : swap(key, value.acknowledged, i);
      const reply = await this.connection.command(...write);
      const isInDoubt = kind === 'swapped' && /may have been applied/.test(reply);
      if (!isInDoubt && !this.succeeds(write, reply)) continue;
      const before = value.acknowledged;
      value.acknowledged = i;
      const read = await this.connection.command('GET', key);
      if (!this.succeeds(['GET', key], read)) continue;
      if (isInDoubt) {
        this.inDoubt++;
        if (read === bulk(before)) value.acknowledged = before;
      }
      if (read !== bulk(value.acknowledged)) this.failures.push(`${key} is ${read.trim()} instead of ${i}`);
      this.done++;
    }
  }

  private succeeds(argv: readonly string[], reply: string): boolean {
    if (/^(\+OK|:1|\$)/.test(reply)) return true;
    this.failures.push(`${argv.join(' ')}: ${reply.trim()}`);
    return false;
  }
}

function swap(key: string, from: number, to: number): string[] {
  return from === 0 ? ['SET', key, `${to}`, 'NX'] : ['CAS', key, `${from}`, `${to}`];
}

/** The reply of GET; of 0: that nothing is there. */
function bulk(value: number): string {
  if (value === 0) return '$-1\r\n';
  return `$${`${value}`.length}\r\n${value}\r\n`;
}

describe('six nodes in three racks', () => {
  it('lose a whole rack and no key, no quorum', { timeout: 90_000 }, async () => {
    await start();
    const living = nodes.filter((_, i) => RACKS[i] !== 'b');
    for (const [i, node] of living.entries())
      for (let k = 0; k < CLIENTS; k++) clients.push(new Client(await node.connect(), `${i}.${k}`));
    await pause(LOAD_MS);
    const lost = nodes.filter((_, i) => RACKS[i] === 'b');
    await Promise.all(lost.map((node) => node.process.stop('SIGKILL')));
    await pause(DARK_MS / 2);
    const before = clients.map(({ done }) => done);
    await pause(DARK_MS / 2);
    expect(clients.flatMap((client) => client.failures)).toEqual([]);
    // Every one of them still gets on: whatever keys it has, their quorums are there.
    for (const [i, { done }] of clients.entries()) expect(done).toBeGreaterThan(before[i] + GETS_ON);
    await Promise.all(clients.map((client) => client.stop()));
    const failures = clients.flatMap((client) => client.failures);
    expect(failures).toEqual([]);
    for (const { inDoubt } of clients) expect(inDoubt).toBeLessThanOrEqual(1);
    await holdAll(living, clients);

    await Promise.all(lost.map((node) => node.start()));
    await Promise.all(lost.map((node) => node.serves()));
    await holdAll(lost, clients);
  });
});

/** Asked of any of these nodes, every key has the value that was acknowledged last. */
async function holdAll(asked: readonly RingNode[], clients: readonly Client[]): Promise<void> {
  for (const [i, client] of clients.entries()) {
    const connection = await asked[i % asked.length].connect();
    for (const [key, { acknowledged }] of client.values)
      expect([key, await connection.command('GET', key)]).toEqual([key, bulk(acknowledged)]);
    connection.close();
  }
}
