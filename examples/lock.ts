/**
 * A lock that two never hold at once, and what to do about a holder that has not noticed that its time is over.
 *
 *     npm run example:lock                          on three nodes of its own
 *     npm run example:lock -- redis://10.0.0.1:6379   on yours
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import { WiredCluster } from '../compat-tests/harness/wired-cluster.js';

/** `max-clock-drift` of the cluster, its default: the clock by which the next leader judges that a lock's time is over may be so much ahead. */
const MAX_CLOCK_DRIFT_MS = 500;

/** What its holder has in hand. */
export interface Lock {
  readonly name: string;
  /** Nobody else has it: the lock is given back only by who took it. */
  readonly id: string;
  /** Greater than that of every holder before. */
  readonly fence: number;
  /** By the clock of this process (`performance.now`): not to be counted on afterwards. */
  readonly until: number;
}

/** Takes the lock for so long, less what clocks may differ by; null while somebody else has it. */
export async function take(redis: Redis, name: string, ttlMs: number): Promise<Lock | null> {
  const id = randomUUID();
  // From the moment it asks: whenever the answer comes, the time has begun no earlier.
  const until = performance.now() + ttlMs - MAX_CLOCK_DRIFT_MS;
  if ((await redis.set(name, id, 'PX', ttlMs, 'NX')) === null) return null;
  // The name of a version ends in a reading of the cluster's clock, which only rises.
  const [holder, , version] = (await redis.call('KV.AT', 'SERIAL', 'KV.GET', name)) as string[];
  return holder === id ? { name, id, fence: Number(version.split(':').at(-1)), until } : null;
}

/** Gives it back; false when its time was over before. */
export async function giveBack(redis: Redis, lock: Lock): Promise<boolean> {
  return (await redis.call('DELIFEQ', lock.name, lock.id)) === 1;
}

/** Something outside the cluster that only the holder may write to. It lets nobody go behind a later holder. */
export class Printer {
  private highest = 0;

  print(text: string, fence: number): boolean {
    if (fence < this.highest) return false;
    this.highest = fence;
    process.stdout.write(`  printed: ${text}\n`);
    return true;
  }
}

/** Alice takes the lock and is held up; Bob takes it when its time is over; then Alice goes on as if nothing had happened. */
export async function story(url: string): Promise<{ bobPrinted: boolean; alicePrinted: boolean }> {
  const [alice, bob] = [new Redis(url), new Redis(url)];
  const printer = new Printer();
  try {
    const first = await take(alice, 'lock:printer', 1000);
    if (first === null) throw new Error('somebody has the lock');
    process.stdout.write(`Alice has the lock, fence ${first.fence}, and falls asleep\n`);
    let second = await take(bob, 'lock:printer', 1000);
    process.stdout.write(second === null ? 'Bob does not get it\n' : 'Bob gets it too, which must not be\n');
    while (second === null) {
      await pause(50);
      second = await take(bob, 'lock:printer', 1000);
    }
    process.stdout.write(`Bob has the lock now, fence ${second.fence}\n`);
    const bobPrinted = printer.print("Bob's page", second.fence);
    const alicePrinted = printer.print("Alice's page", first.fence);
    process.stdout.write('Alice wakes up and is refused by the printer: her fence is the lower one\n');
    process.stdout.write(`Alice gives her lock back: ${await giveBack(alice, first)}\n`);
    process.stdout.write(`Bob gives his lock back: ${await giveBack(bob, second)}\n`);
    return { bobPrinted, alicePrinted };
  } finally {
    alice.disconnect();
    bob.disconnect();
  }
}

async function main(url: string | undefined): Promise<void> {
  if (url !== undefined) {
    await story(url);
    return;
  }
  const cluster = await WiredCluster.start(3);
  try {
    await story(`redis://127.0.0.1:${cluster.nodes[0].port}`);
  } finally {
    await cluster.stop();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(process.argv[2]);
