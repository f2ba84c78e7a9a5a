import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '../../compat-tests/harness/ports.js';
import { RingNode, temporaryFolder } from '../../compat-tests/harness/servers.js';
import { NodeLink, type Reply } from '../../server/operator/node-link.js';
import { type RingView, ringView } from '../../server/operator/ring-view.js';

const HOST = '127.0.0.1';
const LOOK_EVERY_MS = 250;
const PATIENCE_MS = 30 * 60_000;
const SETTINGS = { 'cluster-secret': 'of the bench' };

/** Records that reached nodes because slots moved: keys that were new there, and later records of keys that were not. */
export interface StreamedKeys {
  readonly added: number;
  readonly renewed: number;
}

/** Node processes that come and go, on folders and ports that are known beforehand. */
export class ElasticRing {
  readonly nodes: readonly RingNode[];

  private constructor(
    private readonly ports: readonly number[],
    private readonly buses: readonly number[],
    private readonly folder: { readonly path: string; remove(): void },
    settings: Record<string, string>,
    founders: number,
  ) {
    const seeds = buses
      .slice(0, founders)
      .map((bus) => `${HOST}:${bus}`)
      .join(',');
    this.nodes = ports.map((port, i) => {
      const own = { ...SETTINGS, ...settings, seeds, 'bus-port': String(buses[i]) };
      return new RingNode(port, join(folder.path, `node-${i + 1}`), own);
    });
  }

  /** So many nodes at most, of which the first `founders` are started as a cluster. */
  static async start(
    most: number,
    founders: number,
    settings: Record<string, string> = {},
  ): Promise<ElasticRing> {
    const ports = await freePorts(2 * most);
    const ring = new ElasticRing(
      ports.slice(0, most),
      ports.slice(most),
      temporaryFolder(),
      settings,
      founders,
    );
    const first = ring.nodes.slice(0, founders);
    try {
      await Promise.all(first.map((node) => node.start()));
      await Promise.all(first.map((node) => node.serves()));
      return ring;
    } catch (error) {
      await ring.end();
      throw error;
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.process?.stop('SIGKILL')));
    this.folder.remove();
  }

  portOf(node: number): number {
    return this.ports[node];
  }

  busOf(node: number): string {
    return `${HOST}:${this.buses[node]}`;
  }

  async ask(node: number, ...argv: string[]): Promise<Reply> {
    const link = await NodeLink.open({ host: HOST, port: this.ports[node], password: '' });
    try {
      return await link.command(...argv);
    } finally {
      link.close();
    }
  }

  /** Resolves when the node takes commands about keys. */
  async serves(node: number): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while ((await this.ask(node, 'EXISTS', 'is it ready').catch(() => null)) === null) {
      if (performance.now() > deadline) throw new Error(`node ${node + 1} never served`);
      await pause(LOOK_EVERY_MS);
    }
  }

  async view(node: number): Promise<RingView> {
    return ringView(await this.ask(node, 'KV.RING'));
  }

  /** Resolves when these nodes, and no others, are the ring, and all of them see that and each other. `saw` is shown what the first sees. */
  async becomes(nodes: readonly number[], saw: (view: RingView) => void = () => {}): Promise<void> {
    const wanted = nodes.map((node) => this.busOf(node)).sort();
    const holds = ({ phase, members }: RingView): boolean =>
      phase === 'stable' &&
      members.every(({ state }) => state === 'up') &&
      members
        .map(({ bus }) => bus)
        .sort()
        .join() === wanted.join();
    const deadline = performance.now() + PATIENCE_MS;
    for (const node of nodes) {
      for (;;) {
        const view = await this.view(node).catch(() => undefined);
        if (view !== undefined && node === nodes[0]) saw(view);
        if (view !== undefined && holds(view)) break;
        if (performance.now() > deadline)
          throw new Error(`the ring has not changed: ${JSON.stringify(view)}`);
        await pause(LOOK_EVERY_MS);
      }
    }
  }

  /** Keys that slots on the move have brought to these nodes since they started, all together. */
  async streamedKeys(nodes: readonly number[]): Promise<StreamedKeys> {
    const infos = await Promise.all(nodes.map((node) => this.ask(node, 'INFO', 'ring')));
    const sum = (field: string): number =>
      infos.reduce<number>(
        (all, info) => all + Number(new RegExp(`${field}:(\\d+)`).exec(String(info))![1]),
        0,
      );
    return { added: sum('ring_keys_added'), renewed: sum('ring_keys_renewed') };
  }

  /** Which node is home of which slots: pairs of both as text. */
  async places(node: number): Promise<ReadonlySet<string>> {
    const runs = (await this.ask(node, 'KV.RING', 'SLOTS')) as [number, number, string[]][];
    const pairs = new Set<string>();
    for (const [first, last, homes] of runs)
      for (let slot = first; slot <= last; slot++) for (const home of homes) pairs.add(`${slot} ${home}`);
    return pairs;
  }
}
