import { RedisServer as Redis, type RedisServer, RingCluster } from '../compat-tests/harness/servers.js';

/** A system under measurement: where to send commands, and the processes whose CPU time it costs. */
export interface System {
  readonly name: string;
  /** Clients are pointed at the first. */
  readonly ports: readonly number[];
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** Redis as it would have to be run to lose at most a second: the peer of every ratio. */
export async function redis(): Promise<System> {
  const server: RedisServer = await Redis.start('--appendonly', 'yes', '--appendfsync', 'everysec');
  return {
    name: 'redis',
    ports: [server.port],
    pids: [server.process.pid],
    stop: () => server.stop(),
  };
}

/** RingKV nodes with their defaults: `appendfsync everysec`, N=3 R=2 W=2 as soon as there are three. */
export async function ringkv(count: number): Promise<System> {
  const cluster = await RingCluster.start(count);
  return {
    name: count === 1 ? 'one node' : `${count} nodes`,
    ports: cluster.nodes.map((node) => node.port),
    pids: cluster.nodes.map((node) => node.process.pid),
    stop: () => cluster.stop(),
  };
}
