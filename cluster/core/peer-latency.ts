/** Times up to here are counted ms by ms, longer ones in four steps per doubling. */
const EXACT_MS = 16;
const EXACT_BITS = 4;
const STEPS = 4;
const BUCKETS = EXACT_MS + 12 * STEPS;
/** Answers after which the older half of what is known counts half: what is asked for is the recent past. */
const WINDOW = 2048;
/** Fewer answers say nothing about one in a hundred. */
const ENOUGH = 100;
/** Answers between two looks at the histogram. */
const REFRESH_EVERY = 64;
/** What a replica is given before enough is known of it, ms. */
const UNKNOWN_MS = 50;
/** Nobody is called late before: shorter pauses are the scheduler's, and asking again would cost more than it saves. */
const FLOOR_MS = 5;

/** How long one replica takes to answer, all but one in a hundred times: a bounded histogram on a logarithmic scale. */
class ReplicaLatency {
  p99 = UNKNOWN_MS;
  private readonly counts = new Uint32Array(BUCKETS);
  private total = 0;
  private untilRefresh = ENOUGH;

  add(ms: number): void {
    this.counts[bucketOf(ms)]++;
    this.total++;
    if (--this.untilRefresh > 0) return;
    this.untilRefresh = REFRESH_EVERY;
    if (this.total >= WINDOW) this.age();
    this.p99 = Math.max(FLOOR_MS, this.percentile());
  }

  /** The upper end of the bucket below which 99 of 100 lie. */
  private percentile(): number {
    let above = this.total / 100;
    let bucket = BUCKETS - 1;
    while (bucket > 0 && above >= this.counts[bucket]) above -= this.counts[bucket--];
    return upperEnd(bucket);
  }

  private age(): void {
    this.total = 0;
    for (let i = 0; i < BUCKETS; i++) {
      this.counts[i] >>= 1;
      this.total += this.counts[i];
    }
  }
}

/** Who answers how fast, by members' indexes, and who is late right now. Costs no memory per answer. */
export class PeerLatency {
  /** Some replica is late: whom to ask is worth a thought. */
  anyLate = false;
  private readonly replicas: (ReplicaLatency | undefined)[] = [];
  private readonly late: boolean[] = [];

  /** It has answered, after so long. */
  answered(replica: number, ms: number): void {
    let latency = this.replicas[replica];
    if (latency === undefined) {
      latency = new ReplicaLatency();
      this.replicas[replica] = latency;
    }
    latency.add(ms);
    if (this.anyLate) this.excuse(replica);
  }

  /** After so long without an answer a replica is late, ms. */
  patience(replica: number): number {
    return this.replicas[replica]?.p99 ?? UNKNOWN_MS;
  }

  /** It has let a question wait longer than its patience allows: until it answers one, others are asked before it. */
  accuse(replica: number): void {
    this.late[replica] = true;
    this.anyLate = true;
  }

  /** It answers, or is gone, or nothing is asked of it any more. */
  excuse(replica: number): void {
    if (this.late[replica] !== true) return;
    this.late[replica] = false;
    this.anyLate = this.late.includes(true);
  }

  isLate(replica: number): boolean {
    return this.late[replica] === true;
  }
}

function bucketOf(ms: number): number {
  if (ms < EXACT_MS) return Math.max(0, ms);
  const power = 31 - Math.clz32(ms);
  const step = (ms >> (power - 2)) & (STEPS - 1);
  return Math.min(BUCKETS - 1, EXACT_MS + (power - EXACT_BITS) * STEPS + step);
}

/** The longest time, ms, that falls into the bucket. */
function upperEnd(bucket: number): number {
  if (bucket < EXACT_MS) return bucket;
  const power = EXACT_BITS + Math.floor((bucket - EXACT_MS) / STEPS);
  const step = (bucket - EXACT_MS) % STEPS;
  return 2 ** power + (step + 1) * 2 ** (power - 2) - 1;
}
