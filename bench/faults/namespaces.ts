import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SUBNET = '10.77.0';
const HUB_HOST = 254;
const REMOVE_TRIES = 5;

/** What a node does not hear: packets that arrive from these nodes are dropped, all or some. */
export interface Drop {
  /** Nodes by number, from 0. */
  readonly from: readonly number[];
  readonly probability: number;
}

const NOTHING: Drop = { from: [], probability: 1 };

/**
 * A network of its own for a cluster: a namespace per node, and a hub with the bridge, in which clients run. Nothing of it
 * is visible in the host's own network, so runs do not meet, whatever addresses they use.
 *
 * Packets between nodes are dropped where they arrive: a packet dropped where it leaves would be reported to its sender.
 * The hub's address is in no filter, so clients reach every node always.
 */
export class Network {
  constructor(
    private readonly prefix: string,
    private readonly nodes: number,
  ) {}

  get hub(): string {
    return `${this.prefix}-hub`;
  }

  namespace(node: number): string {
    return `${this.prefix}-${node + 1}`;
  }

  address(node: number): string {
    return `${SUBNET}.${node + 1}`;
  }

  async create(): Promise<void> {
    await ip('netns', 'add', this.hub);
    await ip('-n', this.hub, 'link', 'set', 'lo', 'up');
    await ip('-n', this.hub, 'link', 'add', 'bridge', 'type', 'bridge');
    await ip('-n', this.hub, 'addr', 'add', `${SUBNET}.${HUB_HOST}/24`, 'dev', 'bridge');
    await ip('-n', this.hub, 'link', 'set', 'bridge', 'up');
    for (let node = 0; node < this.nodes; node++) await this.attach(node);
  }

  /** Ends every process in it and removes it; nothing of the host was changed. */
  async remove(): Promise<void> {
    for (const name of this.all()) {
      // A second Ctrl-C also meets the `ip` that is at work here.
      for (let tries = 0; tries < REMOVE_TRIES && existsSync(`/run/netns/${name}`); tries++) {
        for (const pid of await pidsIn(name)) endProcess(pid);
        await ip('netns', 'del', name).catch((error: Error) => process.stderr.write(`${error.message}\n`));
      }
    }
  }

  /** Packets that do not arrive at the node from now on; the filter before is gone in the same step. */
  async filter(node: number, drop: Drop): Promise<void> {
    const rules = drop.from.map(
      (peer) => `-A INPUT -s ${this.address(peer)} ${chance(drop.probability)}-j DROP`,
    );
    const text = ['*filter', ':INPUT ACCEPT [0:0]', ...rules, 'COMMIT', ''].join('\n');
    const child = execFile('ip', ['netns', 'exec', this.namespace(node), 'iptables-restore', '-w']);
    await new Promise<void>((resolve, reject) => {
      let said = '';
      child.stderr?.on('data', (part) => {
        said += part;
      });
      child.once('error', reject);
      child.once('close', (code) =>
        code === 0 ? resolve() : reject(new Error(`iptables-restore: ${said}`)),
      );
      child.stdin?.end(text);
    });
  }

  /** Whole again. */
  async heal(): Promise<void> {
    await Promise.all(Array.from({ length: this.nodes }, (_, node) => this.filter(node, NOTHING)));
  }

  private async attach(node: number): Promise<void> {
    const name = this.namespace(node);
    const port = `node${node + 1}`;
    await ip('netns', 'add', name);
    await ip('-n', this.hub, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    await ip('-n', this.hub, 'link', 'set', port, 'master', 'bridge', 'up');
    await ip('-n', name, 'addr', 'add', `${this.address(node)}/24`, 'dev', 'eth0');
    await ip('-n', name, 'link', 'set', 'lo', 'up');
    await ip('-n', name, 'link', 'set', 'eth0', 'up');
  }

  private all(): string[] {
    return [...Array.from({ length: this.nodes }, (_, node) => this.namespace(node)), this.hub];
  }
}

/** What this needs of the machine and does not find; null when all is there. */
export async function missing(): Promise<string | null> {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  for (const [command, flag] of [
    ['ip', '-V'],
    ['iptables-restore', '-V'],
  ]) {
    try {
      await run(command, [flag]);
    } catch {
      return `${command} was not found (Debian packages iproute2 and iptables)`;
    }
  }
  return null;
}

function chance(probability: number): string {
  return probability >= 1 ? '' : `-m statistic --mode random --probability ${probability} `;
}

async function ip(...args: string[]): Promise<string> {
  return (await run('ip', args)).stdout;
}

async function pidsIn(namespace: string): Promise<number[]> {
  const text = await ip('netns', 'pids', namespace).catch(() => '');
  return text.split('\n').filter(Boolean).map(Number);
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself in the meantime.
  }
}
