import { cpuSeconds } from '../measure.js';
import type { Store, StoreClient } from './store.js';

export const CLIENTS = 50;
const VALUE_BYTES = 100;
const WARM_UP_MS = 2000;
const FILLERS_PER_CLIENT = 8;
const FILL_TRIES = 50;
const FILL_AGAIN_MS = 100;

export interface CasFigures {
  /** Writes that took effect, per second. */
  readonly successes: number;
  /** Writes tried, per second. */
  readonly attempts: number;
  /** Of an attempt, ms. */
  readonly p50: number;
  readonly p99: number;
  /** CPU time of the system's processes, µs per success. */
  readonly cpu: number;
}

export type Work = 'swaps of own keys' | 'swaps of one key' | 'sets of own keys';

/** What one client does again and again; resolves with whether it had an effect. */
type Step = () => Promise<boolean>;

/** One run of a closed loop of clients over `keys` keys, which exist. */
export async function measureCas(
  store: Store,
  work: Work,
  keys: number,
  seconds: number,
): Promise<CasFigures> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, (_, n) => store.client(n)));
  try {
    const steps = work === 'swaps of one key' ? contended(clients) : ownKeys(clients, work, keys);
    return await run(store, await steps, seconds);
  } finally {
    for (const client of clients) client.close();
  }
}

/** Each client has keys of its own and knows what is in them. */
async function ownKeys(clients: readonly StoreClient[], work: Work, keys: number): Promise<Step[]> {
  const perClient = Math.floor(keys / clients.length);
  const values = clients.map((_, n) => Array.from({ length: perClient }, (_, i) => numbered(n, -1 - i)));
  const nameOf = (n: number, i: number): string => `cas:${n * perClient + i}`;
  await Promise.all(clients.map((client, n) => fill(client, values[n], (i) => nameOf(n, i))));
  return clients.map((client, n) => {
    let turn = 0;
    return async () => {
      const i = turn % perClient;
      const next = numbered(n, turn++);
      if (work === 'sets of own keys') {
        await client.put(nameOf(n, i), next);
        return true;
      }
      const { swapped } = await client.swap(nameOf(n, i), values[n][i], next);
      if (!swapped) throw new Error('a key that nobody else writes has another value');
      values[n][i] = next;
      return true;
    };
  });
}

async function fill(client: StoreClient, values: readonly string[], nameOf: (i: number) => string) {
  let next = 0;
  const filler = async (): Promise<void> => {
    while (next < values.length) {
      const i = next++;
      await putAtLast(client, nameOf(i), values[i]);
    }
  };
  await Promise.all(Array.from({ length: FILLERS_PER_CLIENT }, filler));
}

/** A cluster that has just been started may refuse some. What is measured may not be refused. */
async function putAtLast(client: StoreClient, key: string, value: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await client.put(key, value);
    } catch (error) {
      if (tries === FILL_TRIES) throw error;
      await moments(FILL_AGAIN_MS);
    }
  }
}

/** All fight for one key: each expects the value it saw last, and a failure tells it the one that is there. */
async function contended(clients: readonly StoreClient[]): Promise<Step[]> {
  const start = numbered(0, -1);
  await putAtLast(clients[0], 'cas:contended', start);
  return clients.map((client, n) => {
    let known = start;
    let turn = 0;
    return async () => {
      const { swapped, current } = await client.swap('cas:contended', known, numbered(n, turn++));
      if (current === null) throw new Error('the key is gone');
      known = current;
      return swapped;
    };
  });
}

async function run(store: Store, steps: readonly Step[], seconds: number): Promise<CasFigures> {
  const latencies: number[] = [];
  let successes = 0;
  let counting = false;
  let stopped = false;
  const loop = async (step: Step): Promise<void> => {
    while (!stopped) {
      const began = performance.now();
      const success = await step();
      if (!counting) continue;
      latencies.push(performance.now() - began);
      if (success) successes++;
    }
  };
  const running = Promise.all(steps.map(loop));
  const timing = (async () => {
    await moments(WARM_UP_MS);
    counting = true;
    const began = performance.now();
    const cpuBefore = cpuSeconds(store.pids);
    await moments(seconds * 1000);
    counting = false;
    return [(performance.now() - began) / 1000, cpuSeconds(store.pids) - cpuBefore] as const;
  })();
  try {
    // A client that fails ends the run; none ends before it is told to.
    const [took, cpu] = await Promise.race([timing, running.then(() => timing)]);
    return figures(latencies, successes, took, cpu);
  } finally {
    stopped = true;
    await running;
  }
}

function figures(latencies: number[], successes: number, seconds: number, cpu: number): CasFigures {
  latencies.sort((a, b) => a - b);
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))];
  return {
    successes: successes / seconds,
    attempts: latencies.length / seconds,
    p50: at(0.5),
    p99: at(0.99),
    cpu: (cpu * 1e6) / successes,
  };
}

function numbered(client: number, turn: number): string {
  return `${client}:${turn}:`.padEnd(VALUE_BYTES, 'x');
}

function moments(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
