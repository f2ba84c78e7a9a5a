import type { RingProgress } from '../member-view.js';
import { Clearing } from './clearing.js';
import { Copying } from './copying.js';
import type { Duty, DutyWorld } from './duty.js';
import { Sealing } from './sealing.js';

/** What is said of progress is renewed so often at most: it goes to all members. */
const SAY_EVERY_MS = 1000;
/** Of a phase that asks for nothing but to know that it has begun. */
const NOTHING_TO_DO: Duty = { done: true, left: 0, total: 0, tick: () => {} };

/** What this node does for changes of the ring, and what it tells of that: a part of the node (`cluster/part.ts`). */
export class Duties {
  readonly messages: readonly number[] = [];
  private duty: Duty = NOTHING_TO_DO;
  private clearing: Clearing | undefined;
  private before = { sent: 0, received: 0 };
  private said: RingProgress | undefined;
  private sayAtMs = 0;

  constructor(private readonly world: DutyWorld) {}

  onMessage(): boolean {
    return false;
  }

  formed(): void {
    this.begin();
  }

  ringChanged(): void {
    this.begin();
  }

  tick(_: number, elapsedMs: number): void {
    this.duty.tick(elapsedMs);
    if (this.duty !== this.clearing) this.clearing?.tick(elapsedMs);
    const isNews = this.said === undefined || this.said.done !== this.duty.done;
    if (!isNews && elapsedMs < this.sayAtMs) return;
    this.sayAtMs = elapsedMs + SAY_EVERY_MS;
    this.said = this.progress();
  }

  /** What all are told; undefined before there is a ring. */
  facts(): RingProgress | undefined {
    return this.said;
  }

  private begin(): void {
    const { world } = this;
    const { ring, epoch } = world.topology();
    const { sent, received } = world.streams.streamed;
    this.before = { sent, received };
    this.clearing = new Clearing(world);
    if (ring.phase === 'copying') this.duty = new Copying(world);
    else if (ring.phase === 'sealed') this.duty = new Sealing(world);
    else this.duty = ring.phase === 'clearing' ? this.clearing : NOTHING_TO_DO;
    this.said = this.progress();
    if (ring.phase !== 'stable')
      world.log.info({ epoch, phase: ring.phase, slots: this.duty.total }, 'the ring is changing');
  }

  private progress(): RingProgress {
    const { epoch, ring } = this.world.topology();
    const { sent, received } = this.world.streams.streamed;
    const { done, left, total } = this.duty;
    const moved = received - this.before.received;
    const bytes = ring.phase === 'clearing' ? moved + sent - this.before.sent : moved;
    return { epoch, done, left, total, bytes };
  }
}
