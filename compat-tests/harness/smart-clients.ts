import { Cluster } from 'ioredis';
import { createCluster } from 'redis';
import { slotOf } from '../../cluster/core/slot.js';

const HOST = '127.0.0.1';

/** A client library in its cluster mode: it sends each key to the node that it takes for the master of the key's slot. */
export interface SmartClient {
  set(key: string, value: string): Promise<unknown>;
  get(key: string): Promise<string | null>;
  /** In one command, unless the library splits it. */
  mget(keys: string[]): Promise<(string | null)[]>;
  /** In one command for each slot, all at once. */
  mgetBySlot(keys: string[]): Promise<(string | null)[]>;
  /** Sets all keys to `value`, and gets them again, by the library's pipelines. */
  pipeline(keys: readonly string[], value: string): Promise<unknown[]>;
  transaction(key: string): Promise<unknown>;
  /** The port of the node it takes for the slot's master. */
  masterOf(slot: number): number | undefined;
  close(): Promise<void>;
}

export type SmartClientName = 'ioredis Cluster' | 'node-redis createCluster';

export function openSmartClient(name: SmartClientName, ports: readonly number[]): Promise<SmartClient> {
  return name === 'ioredis Cluster' ? openIoredis(ports) : openNodeRedis(ports);
}

async function openIoredis(ports: readonly number[]): Promise<SmartClient> {
  const cluster = new Cluster(
    ports.map((port) => ({ host: HOST, port })),
    { slotsRefreshTimeout: 5000 },
  );
  cluster.on('error', () => {});
  await new Promise((resolve) => cluster.once('ready', resolve));
  const { slots } = cluster as unknown as { slots: readonly (readonly string[])[] };
  const master = (key: string): string => slots[slotOf(key)].join();
  return {
    set: (key, value) => cluster.set(key, value),
    get: (key) => cluster.get(key),
    mget: (keys) => cluster.mget(keys),
    mgetBySlot: (keys) => bySlot(keys, (some) => cluster.mget(some)),
    async pipeline(keys, value) {
      // It wants the keys of a pipeline to be on the same nodes.
      const groups = new Map<string, string[]>();
      for (const key of keys) groups.set(master(key), [...(groups.get(master(key)) ?? []), key]);
      const results = await Promise.all(
        [...groups.values()].map((group) => {
          const pipeline = cluster.pipeline();
          for (const key of group) pipeline.set(key, value).get(key);
          return pipeline.exec();
        }),
      );
      return results.flat().map((result) => result?.[0] ?? result?.[1]);
    },
    transaction: (key) => cluster.multi().set(key, '1').incr(key).exec(),
    masterOf: (slot) => {
      const [first] = slots[slot] ?? [];
      return first === undefined ? undefined : Number(first.split(':').at(-1));
    },
    close: async () => cluster.disconnect(),
  };
}

async function openNodeRedis(ports: readonly number[]): Promise<SmartClient> {
  const cluster = createCluster({
    rootNodes: ports.map((port) => ({ url: `redis://${HOST}:${port}` })),
    // Its own way to find out that a node is gone; 5 s unless told otherwise.
    topologyRefreshOnReconnectionAttemptStrategy: 500,
    defaults: { socket: { reconnectStrategy: 100 } },
  });
  cluster.on('error', () => {});
  await cluster.connect();
  return {
    set: (key, value) => cluster.set(key, value),
    get: (key) => cluster.get(key),
    mget: (keys) => cluster.mGet(keys),
    mgetBySlot: (keys) => bySlot(keys, (some) => cluster.mGet(some)),
    pipeline: (keys, value) =>
      Promise.all(keys.flatMap((key) => [cluster.set(key, value), cluster.get(key)])),
    transaction: (key) => cluster.multi().set(key, '1').incr(key).exec(),
    masterOf: (slot) => cluster.slots[slot]?.master.port,
    close: async () => cluster.destroy(),
  };
}

/** Values in the order of the keys. */
async function bySlot(
  keys: readonly string[],
  mget: (some: string[]) => Promise<(string | null)[]>,
): Promise<(string | null)[]> {
  const groups = new Map<number, string[]>();
  for (const key of keys) groups.set(slotOf(key), [...(groups.get(slotOf(key)) ?? []), key]);
  const found = new Map<string, string | null>();
  await Promise.all(
    [...groups.values()].map(async (some) => {
      const values = await mget(some);
      some.forEach((key, i) => void found.set(key, values[i]));
    }),
  );
  return keys.map((key) => found.get(key)!);
}
