import { join } from 'node:path';
import { BusWires } from './bus-wires.js';
import { freePorts } from './ports.js';
import { RingNode, temporaryFolder } from './servers.js';

const PORTS_PER_NODE = 3;

/** A cluster of a test's own whose wires can be cut, without leave to change the machine's network. Nodes are numbered from 0. */
export class WiredCluster {
  private constructor(
    readonly nodes: readonly RingNode[],
    readonly wires: BusWires,
    private readonly removeFolder: () => void,
  ) {}

  static async start(count: number, settings: Record<string, string> = {}): Promise<WiredCluster> {
    const ports = await freePorts(count * PORTS_PER_NODE);
    const [clientPorts, busPorts, wirePorts] = [0, 1, 2].map((i) => ports.slice(i * count, (i + 1) * count));
    const nodeIds = clientPorts.map((_, node) => (node + 1).toString(16).padStart(32, '0'));
    const wires = new BusWires(nodeIds);
    for (const [node, port] of wirePorts.entries()) await wires.lay(node, port, busPorts[node]);
    const folder = temporaryFolder();
    const seeds = wirePorts.map((port) => `127.0.0.1:${port}`).join(',');
    const nodes = nodeIds.map((nodeId, node) => {
      const own = { 'node-id': nodeId, 'bus-port': String(busPorts[node]), seeds };
      const dir = join(folder.path, `node-${node + 1}`);
      return new RingNode(clientPorts[node], dir, { ...own, 'cluster-secret': 'of the tests', ...settings });
    });
    const cluster = new WiredCluster(nodes, wires, folder.remove);
    try {
      await Promise.all(nodes.map((node) => node.start()));
      await Promise.all(nodes.map((node) => node.serves()));
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.process?.stop('SIGKILL')));
    this.wires.close();
    this.removeFolder();
  }
}
