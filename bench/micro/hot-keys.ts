/**
 * What noticing hot keys costs a read: `node dist/bench/micro/hot-keys.js`. All keys alike (each sample takes another's place: the dearest
 * case), a few hot ones among them, and one key only; 100,000 keys.
 */
import { COUNTERS, ReadCounts, SAMPLE_EVERY } from '../../server/hot-keys/read-counts.js';

const KEYS = Array.from({ length: 100_000 }, (_, i) => `key:${String(i).padStart(12, '0')}`);
const READS = 5_000_000;
const RUNS = 5;

const WORKLOADS: Readonly<Record<string, (n: number) => number>> = {
  'all keys alike': (n) => (n * 7919) % KEYS.length,
  'half of the reads to ten keys': (n) => (n % 2 === 0 ? n % 20 : (n * 7919) % KEYS.length),
  'one key': () => 0,
};

for (const [name, keyOf] of Object.entries(WORKLOADS)) {
  const order = Uint32Array.from({ length: 1 << 16 }, (_, n) => keyOf(n));
  const loop = (read: (key: string) => void): number => {
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < RUNS; run++) {
      const began = performance.now();
      for (let n = 0; n < READS; n++) read(KEYS[order[n & 0xffff]]);
      best = Math.min(best, performance.now() - began);
    }
    return (best * 1e6) / READS;
  };
  let length = 0;
  const bare = loop((key) => {
    length += key.length;
  });
  const counts = new ReadCounts({ next: () => Math.random() });
  const counted = loop((key) => {
    length += key.length;
    counts.read(0, key);
  });
  console.log(
    `${name}: ${(counted - bare).toFixed(1)} ns a read (${COUNTERS} counters, one read in ${SAMPLE_EVERY}; ${length % 2})`,
  );
}
