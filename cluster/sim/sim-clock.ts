import type { Clock, TimerHandle } from '../environment.js';

interface Event {
  readonly at: number;
  readonly order: number;
  run: (() => void) | null;
}

/**
 * The one queue of the simulated world: what happens next is what has the earliest time, and of equals what was planned first.
 * Times are ms since the beginning, with fractions.
 */
export class EventQueue {
  now = 0;
  private readonly heap: Event[] = [];
  private deferred: (() => void)[] = [];
  private planned = 0;

  at(time: number, run: () => void): Event {
    const event: Event = { at: Math.max(time, this.now), order: this.planned++, run };
    const { heap } = this;
    let i = heap.push(event) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (before(heap[parent], event)) break;
      heap[i] = heap[parent];
      i = parent;
    }
    heap[i] = event;
    return event;
  }

  after(ms: number, run: () => void): Event {
    return this.at(this.now + ms, run);
  }

  /** Runs at this very instant, after the event that is being handled. */
  defer(run: () => void): void {
    this.deferred.push(run);
  }

  /** Lets the world go on until `time`. */
  runUntil(time: number): void {
    this.runDeferred();
    while (this.heap.length > 0 && this.heap[0].at <= time) {
      const event = this.take();
      if (event.run === null) continue;
      this.now = event.at;
      event.run();
      this.runDeferred();
    }
    this.now = time;
  }

  private runDeferred(): void {
    while (this.deferred.length > 0) {
      const due = this.deferred;
      this.deferred = [];
      for (const run of due) run();
    }
  }

  private take(): Event {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (before(last, heap[child])) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Unix ms at which every simulated world begins. */
export const WORLD_BEGINS = Date.UTC(2026, 0, 1);

interface Timer {
  run: (() => void) | null;
}

/**
 * The clock of one run of one process, and the door by which everything comes into it. It may go wrong by `skewMs`; a process
 * that is frozen gets what happened meanwhile all at once; nothing it planned happens once it is dead.
 */
export class ProcessClock implements Clock {
  dead = false;
  private held: Timer[] | null = null;

  constructor(
    private readonly queue: EventQueue,
    /** Asked each time: a clock may be set while the process runs. */
    private readonly skewMs: () => number,
    /** Something in the process has thrown what nobody caught: it ends. */
    private readonly failed: (error: unknown) => void,
  ) {}

  get frozen(): boolean {
    return this.held !== null;
  }

  now(): number {
    return Math.floor(WORLD_BEGINS + this.queue.now + this.skewMs());
  }

  elapsed(): number {
    return this.queue.now;
  }

  defer(run: () => void): void {
    this.queue.defer(() => this.enter(run));
  }

  setTimer(ms: number, run: () => void): TimerHandle {
    const timer: Timer = { run };
    this.queue.after(ms, () => this.due(timer));
    return timer;
  }

  clearTimer(timer: TimerHandle): void {
    if (timer !== undefined) (timer as Timer).run = null;
  }

  /** Something happens to the process: now, or when it goes on. */
  enter(run: () => void): void {
    this.due({ run });
  }

  /** The process gets no time any more: a pause of its garbage collector, or of its machine. */
  freeze(): void {
    this.held ??= [];
  }

  /** `before` happens ahead of everything it had planned itself. */
  thaw(before: () => void = () => {}): void {
    const due = this.held ?? [];
    this.held = null;
    before();
    for (const timer of due) this.due(timer);
  }

  private due(timer: Timer): void {
    if (this.dead) return;
    if (this.held !== null) {
      this.held.push(timer);
      return;
    }
    try {
      timer.run?.();
    } catch (error) {
      this.failed(error);
    }
  }
}
