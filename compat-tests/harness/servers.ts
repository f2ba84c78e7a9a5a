import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { RespConnection } from './connection.js';
import { freePorts } from './ports.js';
import { TestProcess } from './process.js';

const MAIN = resolve('dist/server/main.js');
const HOST = '127.0.0.1';
const READY_PATIENCE_MS = 20_000;

/** A temporary folder and the way to remove it. */
export function temporaryFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'ringkv-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** `ringkv server` with settings given as environment variables; not waited for. */
export function spawnRingKV(settings: Record<string, string>): TestProcess {
  const env: Record<string, string> = { RINGKV_LOG_LEVEL: 'info' };
  for (const [name, value] of Object.entries(settings))
    env[`RINGKV_${name.toUpperCase().replaceAll('-', '_')}`] = value;
  return new TestProcess(process.execPath, [MAIN, 'server'], env);
}

/** One RingKV node of a test's own, which can be killed and started again on its folder and ports. */
export class RingNode {
  process!: TestProcess;

  constructor(
    readonly port: number,
    readonly dir: string,
    private readonly settings: Record<string, string>,
  ) {}

  /** Starts it; resolves when it listens. */
  async start(more: Record<string, string> = {}): Promise<void> {
    this.spawn(more);
    await this.process.says(/ready in/);
  }

  /** Starts it and waits for nothing. */
  spawn(more: Record<string, string> = {}): void {
    this.process = spawnRingKV({ ...this.settings, ...more, port: String(this.port), dir: this.dir });
  }

  /** Resolves when it serves keys: a member of a cluster first waits for the others. */
  async serves(): Promise<void> {
    const deadline = Date.now() + READY_PATIENCE_MS;
    for (let tries = 1; ; tries++) {
      const connection = await this.connect();
      const reply = await connection.command('EXISTS', 'is it ready');
      connection.close();
      if (!reply.startsWith('-') || reply.startsWith('-MOVED ')) return;
      if (Date.now() > deadline)
        throw new Error(`never served, asked ${tries} times: ${reply}\n${this.process.output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  connect(): Promise<RespConnection> {
    return RespConnection.open(this.port);
  }
}

/** Nodes of a test's own: one alone, or a cluster. */
export class RingCluster {
  private readonly joined: RingNode[] = [];

  private constructor(
    readonly nodes: readonly RingNode[],
    private readonly settings: Record<string, string>,
    private readonly folder: { readonly path: string; remove(): void },
  ) {}

  /** `seedHost`: how the seeds spell this machine. */
  static async start(
    count: number,
    settings: Record<string, string> = {},
    seedHost = HOST,
  ): Promise<RingCluster> {
    const ports = await freePorts(count * 2);
    const folder = temporaryFolder();
    const buses = ports.slice(count);
    const seeds = buses.map((port) => `${seedHost}:${port}`).join(',');
    const shared = { ...(count > 1 ? { seeds, 'cluster-secret': 'of the tests' } : {}), ...settings };
    const nodes = buses.map(
      (bus, i) =>
        new RingNode(ports[i], join(folder.path, `node-${i + 1}`), { ...shared, 'bus-port': String(bus) }),
    );
    const cluster = new RingCluster(nodes, shared, folder);
    try {
      await cluster.startAll();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  async startAll(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.start()));
    await Promise.all(this.nodes.map((node) => node.serves()));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.nodes, ...this.joined].map((node) => node.process?.stop('SIGKILL')));
    this.folder.remove();
  }

  /** Starts one more node, which joins the others; resolves when it serves. */
  async join(): Promise<RingNode> {
    const [port, bus] = await freePorts(2);
    const dir = join(this.folder.path, `joined-${this.joined.length + 1}`);
    const node = new RingNode(port, dir, { ...this.settings, 'bus-port': String(bus) });
    this.joined.push(node);
    await node.start();
    await node.serves();
    return node;
  }
}

/** A real redis-server of a test's own, in memory: it says what is right. */
export class RedisServer {
  private constructor(
    readonly port: number,
    readonly process: TestProcess,
    private readonly removeFolder: () => void,
  ) {}

  static async start(...flags: string[]): Promise<RedisServer> {
    const [port] = await freePorts(1);
    const folder = temporaryFolder();
    const common = ['--port', String(port), '--bind', HOST, '--dir', folder.path, '--save', ''];
    const server = new TestProcess('redis-server', [...common, ...flags]);
    await server.says(/Ready to accept connections/);
    return new RedisServer(port, server, folder.remove);
  }

  connect(): Promise<RespConnection> {
    return RespConnection.open(this.port);
  }

  async stop(): Promise<void> {
    await this.process.stop('SIGKILL');
    this.removeFolder();
  }
}
