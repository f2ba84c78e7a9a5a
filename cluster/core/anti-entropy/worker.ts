/** Whether anything may be done now, and what was: `TokenBucket`, `StreamPace`. */
export interface Throttle {
  open(elapsedMs: number): boolean;
  take(bytes: number, records: number): void;
}

/** What a record costs that is only told of: as much as this part of one that is sent, or taken. */
export const LISTED = 1 / 8;

/** To be called once, with what was sent. */
export type Done = (bytes: number, records: number) => void;
export type Job = (done: Done) => void;

/**
 * All walking over the disk that repair does, `width` walks at a time, and none is begun while more was sent than the throttle allows:
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
    private readonly throttle: Throttle,
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
      if (!this.throttle.open(this.elapsed())) return;
      this.running++;
      this.jobs.shift()!((bytes, records) => {
        this.running--;
        this.sent += bytes;
        this.throttle.take(bytes, records);
        this.run();
      });
    }
  }

  /** The throttle is to count a record that came as well. */
  charge(bytes: number): void {
    this.received += bytes;
    this.records++;
    this.throttle.take(bytes, 1);
  }

  stop(): void {
    this.stopped = true;
  }
}
