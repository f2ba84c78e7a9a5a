import { Cluster, Redis } from 'ioredis';
import { createClient } from 'redis';

/** What an application has in its hands: a client library with its defaults, which reconnects and sends again as it sees fit. */
export interface Client {
  readonly library: string;
  set(key: string, value: string): Promise<unknown>;
  get(key: string): Promise<string | null>;
  incr(key: string): Promise<unknown>;
  close(): void;
}

const HOST = '127.0.0.1';

export async function ioredis(port: number): Promise<Client> {
  const client = new Redis({ host: HOST, port, lazyConnect: true });
  // Every one is told to the command that waits as well, if it fails.
  client.on('error', () => {});
  await client.connect();
  return commandsOf('ioredis', client);
}

/** Finds the other nodes by the one it is told of, as an application does that means to outlive it. */
export async function ioredisCluster(port: number): Promise<Client> {
  const client = new Cluster([{ host: HOST, port }], { slotsRefreshTimeout: 5000 });
  client.on('error', () => {});
  await new Promise((resolve) => client.once('ready', resolve));
  return commandsOf('ioredis Cluster', client);
}

function commandsOf(library: string, client: Redis | Cluster): Client {
  return {
    library,
    set: (key, value) => client.set(key, value),
    get: (key) => client.get(key),
    incr: (key) => client.incr(key),
    close: () => client.disconnect(),
  };
}

export async function nodeRedis(port: number): Promise<Client> {
  const client = createClient({ socket: { host: HOST, port } });
  client.on('error', () => {});
  await client.connect();
  return {
    library: 'node-redis',
    set: (key, value) => client.set(key, value),
    get: (key) => client.get(key),
    incr: (key) => client.incr(key),
    close: () => client.destroy(),
  };
}
