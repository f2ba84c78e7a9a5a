import type { Throttle } from './anti-entropy/worker.js';
import type { Coordinator } from './coordinator.js';
import type { Replica } from './replica.js';
import { TokenBucket } from './token-bucket.js';

/** This node is behind when its ticks are later than this on average, ms: everything else it has to do waits as long. */
const LATE_MS = 5;
/** Ticks that the averages go over, about. */
const TICKS = 10;
/** One tick alone says nothing, however late: that is a pause, and over when it is seen. */
const MAX_LATE_MS = TICKS * LATE_MS;
/** What becomes of the pace with each tick, while this node is behind and while it is not. */
const SLOWER = 0.8;
const FASTER = 1.1;
/** It never gets slower than this, whatever its share, nor counts as bounded when it is faster, records a second. */
const SLOWEST = 200;
const FASTEST = 1e6;
/** A large record counts as one for each so many bytes. */
const BYTES_PER_RECORD = 4096;

export interface PaceOptions {
  /** From one tick to the next when all is well. */
  readonly tickMs: number;
  /** Bytes a second, whatever else there is to do. */
  readonly throttle: () => number;
  /** Of all records that this node reads and writes while it is behind, so many of 100 at least are of slots that move, and no more while clients take the rest. */
  readonly share: () => number;
  /** Records read and written for clients until now, as their coordinator and as a replica. */
  readonly served: () => number;
}

/**
 * How fast slots move: as fast as `stream-throttle` allows while there is time for it, and so fast only that clients keep their share of this node
 * while there is not. Whether there is time shows in ticks that come too late: then the pace goes down with each by a fifth, from about what is really done,
 * and otherwise up by a tenth. Busy clients alone make a node late, however slow the pace is: so it never falls below a share of what is done for
 * them, and every change of the ring comes to its end.
 */
export class StreamPace implements Throttle {
  readonly messages: readonly number[] = [];
  private readonly bytes: TokenBucket;
  private readonly records = new TokenBucket(() => this.perSecond);
  /** Records a second. */
  private perSecond = FASTEST;
  private tickedMs: number | undefined;
  private lateMs = 0;
  private servedBefore = 0;
  private servedPerSecond = 0;
  private taken = 0;
  private takenPerSecond = 0;

  constructor(private readonly options: PaceOptions) {
    this.bytes = new TokenBucket(options.throttle);
  }

  /** Records a second that may come and go now; undefined: as many as the throttle allows. */
  get bound(): number | undefined {
    return this.perSecond === FASTEST ? undefined : this.perSecond;
  }

  onMessage(): boolean {
    return false;
  }

  tick(_nowMs: number, elapsedMs: number): void {
    const served = this.options.served();
    if (this.tickedMs !== undefined) {
      const tookMs = Math.max(1, elapsedMs - this.tickedMs);
      const lateMs = Math.min(MAX_LATE_MS, Math.max(0, tookMs - this.options.tickMs));
      this.lateMs += (lateMs - this.lateMs) / TICKS;
      this.servedPerSecond += ((1000 * (served - this.servedBefore)) / tookMs - this.servedPerSecond) / TICKS;
      this.takenPerSecond += ((1000 * this.taken) / tookMs - this.takenPerSecond) / TICKS;
      this.perSecond = Math.min(FASTEST, Math.max(this.least, this.next));
    }
    this.taken = 0;
    this.tickedMs = elapsedMs;
    this.servedBefore = served;
  }

  /** Whether anything may be done now. */
  open(elapsedMs: number): boolean {
    // Both are to know what time it is.
    const isOpen = this.records.open(elapsedMs);
    return this.bytes.open(elapsedMs) && isOpen;
  }

  take(bytes: number, records: number): void {
    const counted = Math.max(records, bytes / BYTES_PER_RECORD);
    this.taken += counted;
    this.bytes.take(bytes);
    this.records.take(counted);
  }

  private get next(): number {
    if (!this.mustYield) return this.perSecond * FASTER;
    return SLOWER * Math.min(this.perSecond, 2 * this.takenPerSecond);
  }

  /** Where nobody waits, nobody is kept waiting. */
  private get mustYield(): boolean {
    return this.lateMs > LATE_MS && this.servedPerSecond >= 1;
  }

  private get least(): number {
    const share = this.options.share() / 100;
    return share === 1 ? FASTEST : Math.max(SLOWEST, (this.servedPerSecond * share) / (1 - share));
  }
}

/** Records read and written so far, as the coordinator (also of what is linearizable) and as a replica. */
export function servedBy(
  coordinator: Pick<Coordinator, 'begun'>,
  replica: Pick<Replica, 'counters'>,
): number {
  return coordinator.begun + replica.counters.applied + replica.counters.readsServed;
}
