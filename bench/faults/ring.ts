import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Network } from './namespaces.js';
import { type Reply, RespClient } from './resp-client.js';

const MAIN = resolve('dist/server/main.js');
const PORT = 6379;
const BUS_PORT = 16379;
const PATIENCE_MS = 60_000;
const ASK_EVERY_MS = 100;
/** A stopped node takes a connection and never answers. */
const ANSWER_PATIENCE_MS = 5000;
const LOG_TAIL_BYTES = 2000;

/** One node as a process in its namespace; it can be killed, stopped and started again on its folder and address. */
class RingNode {
  private process: ChildProcess | null = null;
  private readonly log: string;

  constructor(
    readonly number: number,
    private readonly network: Network,
    private readonly folder: string,
    private readonly seeds: string,
  ) {
    this.log = join(folder, `node-${number + 1}.log`);
  }

  get address(): readonly [host: string, port: number] {
    return [this.network.address(this.number), PORT];
  }

  start(): void {
    const args = ['netns', 'exec', this.network.namespace(this.number), process.execPath, MAIN, 'server'];
    args.push('--host', this.address[0], '--port', String(PORT), '--bus-port', String(BUS_PORT));
    args.push('--dir', join(this.folder, `node-${this.number + 1}`), '--seeds', this.seeds);
    args.push('--cluster-secret', 'of the faults', '--protected-mode', 'no', '--appendfsync', 'everysec');
    args.push('--replicas', '3');
    const log = openSync(this.log, 'a');
    // `ip netns exec` becomes the command, so signals meet the node itself.
    this.process = spawn('ip', args, { stdio: ['ignore', log, log] });
    closeSync(log);
  }

  signal(name: NodeJS.Signals): void {
    if (!this.running || !this.process!.kill(name))
      throw new Error(`node ${this.number + 1} is gone\n${this.tail()}`);
  }

  async kill(): Promise<void> {
    const { process: dying } = this;
    if (!this.running) return;
    const gone = new Promise((done) => dying!.once('exit', done));
    dying!.kill('SIGKILL');
    await gone;
  }

  get running(): boolean {
    return this.process !== null && this.process.exitCode === null && this.process.signalCode === null;
  }

  tail(): string {
    return readFileSync(this.log, 'utf8').slice(-LOG_TAIL_BYTES);
  }
}

/** The cluster of a run, N=3, one node per namespace. */
export class Ring {
  readonly nodes: readonly RingNode[];

  constructor(network: Network, size: number, folder: string) {
    mkdirSync(folder, { recursive: true });
    const numbers = Array.from({ length: size }, (_, node) => node);
    const seeds = numbers.map((node) => `${network.address(node)}:${BUS_PORT}`).join(',');
    this.nodes = numbers.map((node) => new RingNode(node, network, folder, seeds));
  }

  /** Resolves when every node serves and sees all others up. */
  async start(): Promise<void> {
    for (const node of this.nodes) node.start();
    await this.calm();
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
  }

  /** Resolves when every node serves and sees all others up; rejects with what is wrong when that takes too long. */
  async calm(): Promise<void> {
    for (const node of this.nodes) {
      await this.until(`node ${node.number + 1} sees all others up`, async () => {
        const states = statesIn(await this.ask(node.number, 'KV.NODES'));
        return states.length === this.nodes.length && states.every((state) => state === 'up');
      });
    }
  }

  /** Resolves when the node answers for keys. */
  serves(node: number): Promise<void> {
    return this.until(
      `node ${node + 1} serves`,
      async () => typeof (await this.ask(node, 'EXISTS', 'a')) === 'number',
    );
  }

  /** One command on a connection of its own. */
  async ask(node: number, ...argv: string[]): Promise<Reply> {
    const client = await RespClient.open(...this.nodes[node].address);
    const timer = setTimeout(() => client.close(), ANSWER_PATIENCE_MS);
    try {
      return await client.command(...argv);
    } finally {
      clearTimeout(timer);
      client.close();
    }
  }

  private async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    let why = '';
    while (performance.now() < deadline) {
      for (const node of this.nodes)
        if (!node.running) throw new Error(`node ${node.number + 1} ended by itself\n${node.tail()}`);
      try {
        if (await holds()) return;
      } catch (error) {
        why = String(error);
      }
      await pause(ASK_EVERY_MS);
    }
    const logs = this.nodes.map((node) => `node ${node.number + 1}:\n${node.tail()}`);
    throw new Error(`not within ${PATIENCE_MS / 1000} s: ${what} ${why}\n${logs.join('\n')}`);
  }
}

/** The states in a reply of KV.NODES: per member a list of names and values. */
function statesIn(reply: Reply): string[] {
  if (!Array.isArray(reply)) return [];
  return reply.map((member: readonly Reply[]) => String(member[member.indexOf('state') + 1]));
}
