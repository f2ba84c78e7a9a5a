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

/** `first`: every key once, so that whatever has to be learned about a key is; then the same again. */
export type Work = 'first swaps of own keys' | 'swaps of own keys' | 'swaps of one key' | 'sets of own keys';

/** What one client does again and again; resolves with whether it had an effect. */
type Step = () => Promise<boolean>;

/** Runs of closed loops of clients over `keys` keys, which exist: for each of the works its figures, in that order. */
export async function measureCas(
  store: Store,
  works: readonly Work[],
  keys: number,
  seconds: number,
): Promise<CasFigures[]> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, (_, n) => store.client(n)));
  try {
    const perClient = Math.floor(keys / CLIENTS);
    const own = await ownKeys(clients, perClient);
    const figures: CasFigures[] = [];
    for (const work of works) {
      if (work === 'first swaps of own keys') figures.push(await runOnce(store, own.swaps, perClient));
      else if (work === 'swaps of own keys') figures.push(await runFor(store, own.swaps, seconds));
      else if (work === 'sets of own keys') figures.push(await runFor(store, own.sets, seconds));
      else figures.push(await runFor(store, await contended(clients), seconds));
    }
    return figures;
  } finally {
    for (const client of clients) client.close();
  }
}

/** Each client has keys of its own and knows what is in them. */
async function ownKeys(
  clients: readonly StoreClient[],
  perClient: number,
): Promise<{ swaps: Step[]; sets: Step[] }> {
  const values = clients.map((_, n) => Array.from({ length: perClient }, (_, i) => numbered(n, -1 - i)));
  const nameOf = (n: number, i: number): string => `cas:${n * perClient + i}`;
  await Promise.all(clients.map((client, n) => fill(client, values[n], (i) => nameOf(n, i))));
  const stepper = (change: (n: number, i: number, next: string) => Promise<void>): Step[] =>
    clients.map((_, n) => {
      let turn = 0;
      return async () => {
        const i = turn % perClient;
        const next = numbered(n, turn++);
        await change(n, i, next);
        values[n][i] = next;
        return true;
      };
    });
  return {
    sets: stepper((n, i, next) => clients[n].put(nameOf(n, i), next)),
    swaps: stepper(async (n, i, next) => {
      const { swapped } = await clients[n].swap(nameOf(n, i), values[n][i], next);
      if (!swapped) throw new Error('a key that nobody else writes has another value');
    }),
  };
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

/** Each client takes so many steps. */
async function runOnce(store: Store, steps: readonly Step[], times: number): Promise<CasFigures> {
  const meter = new Meter(store);
  const loop = async (step: Step): Promise<void> => {
    for (let i = 0; i < times; i++) await meter.timed(step);
  };
  meter.begin();
  await Promise.all(steps.map(loop));
  return meter.end();
}

async function runFor(store: Store, steps: readonly Step[], seconds: number): Promise<CasFigures> {
  const meter = new Meter(store);
  let stopped = false;
  const loop = async (step: Step): Promise<void> => {
    while (!stopped) await meter.timed(step);
  };
  const running = Promise.all(steps.map(loop));
  const timing = (async () => {
    await moments(WARM_UP_MS);
    meter.begin();
    await moments(seconds * 1000);
    return meter.end();
  })();
  try {
    // A client that fails ends the run; none ends before it is told to.
    return await Promise.race([timing, running.then(() => timing)]);
  } finally {
    stopped = true;
    await running;
  }
}

/** Counts and times steps between `begin` and `end`. */
class Meter {
  private readonly latencies: number[] = [];
  private successes = 0;
  private counting = false;
  private began = 0;
  private cpuBefore = 0;

  constructor(private readonly store: Store) {}

  begin(): void {
    this.counting = true;
    this.began = performance.now();
    this.cpuBefore = cpuSeconds(this.store.pids);
  }

  async timed(step: Step): Promise<void> {
    const asked = performance.now();
    const success = await step();
    if (!this.counting) return;
    this.latencies.push(performance.now() - asked);
    if (success) this.successes++;
  }

  end(): CasFigures {
    this.counting = false;
    const { latencies, successes } = this;
    const seconds = (performance.now() - this.began) / 1000;
    const cpu = cpuSeconds(this.store.pids) - this.cpuBefore;
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
}

function numbered(client: number, turn: number): string {
  return `${client}:${turn}:`.padEnd(VALUE_BYTES, 'x');
}

function moments(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
