import { RingCluster } from '../../compat-tests/harness/servers.js';
import { RespClient } from '../faults/resp-client.js';
import type { Store, StoreClient, Swap } from './store.js';

const HOST = '127.0.0.1';

/** RingKV nodes with N = 3 and these settings. */
export async function startRing(
  count: number,
  name: string,
  settings: Record<string, string>,
): Promise<Store> {
  const cluster = await RingCluster.start(count, settings);
  return {
    name,
    ports: cluster.nodes.map((node) => node.port),
    pids: cluster.nodes.map((node) => node.process.pid),
    client: (n) => RingClient.open(cluster.nodes[n % count].port),
    stop: () => cluster.stop(),
  };
}

class RingClient implements StoreClient {
  private constructor(private readonly connection: RespClient) {}

  static async open(port: number): Promise<RingClient> {
    return new RingClient(await RespClient.open(HOST, port));
  }

  async put(key: string, value: string): Promise<void> {
    const reply = await this.connection.command('SET', key, value);
    if (reply !== 'OK') throw new Error(`SET was answered with ${String(reply)}`);
  }

  /** `SET IFEQ GET` is a CAS that also tells what was there. */
  async swap(key: string, expected: string, value: string): Promise<Swap> {
    const before = await this.connection.command('SET', key, value, 'IFEQ', expected, 'GET');
    if (before !== null && typeof before !== 'string') throw new Error(`SET IFEQ: ${String(before)}`);
    const swapped = before === expected;
    return { swapped, current: swapped ? value : before };
  }

  close(): void {
    this.connection.close();
  }
}
