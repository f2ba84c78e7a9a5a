import type { TokenBucket } from '../token-bucket.js';

/** Does its work and calls back once, with the bytes it has sent. */
export type Job = (done: (bytes: number) => void) => void;

/**
 * All walking over the disk that repair does, `width` walks at a time, and none is begun while more bytes were sent than the throttle allows:
 * so a repair takes so many readers' share of the disk at most, and clients are served beside it. What is under way when the throttle closes
 * still ends.
 */
export class Worker {
  /** All bytes that its jobs have sent, */
  sent = 0;
  /** and those that came and count as well. */
  received = 0;
  /** These are so many records. */
  records = 0;
  private readonly jobs: Job[] = [];
  private running = 0;
  private stopped = false;

  constructor(
    private readonly bucket: TokenBucket,
    private readonly elapsed: () => number,
    private readonly width: number,
  ) {}

  get waiting(): number {
    return this.jobs.length;
  }

  add(job: Job): void {
    this.jobs.push(job);
    this.run();
  }

  /** Goes on if the throttle allows it: called now and then. */
  run(): void {
    while (this.running < this.width && !this.stopped && this.jobs.length > 0) {
      if (!this.bucket.open(this.elapsed())) return;
      this.running++;
      this.jobs.shift()!((bytes) => {
        this.running--;
        this.sent += bytes;
        this.bucket.take(bytes);
        this.run();
      });
    }
  }

  /** The throttle is to count the bytes of a record as well. */
  charge(bytes: number): void {
    this.received += bytes;
    this.records++;
    this.bucket.take(bytes);
  }

  stop(): void {
    this.stopped = true;
  }
}
