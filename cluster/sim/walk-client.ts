import { SLOTS } from '../../storage/key-layout.js';
import type { Level } from '../core/levels.js';
import { slotOf } from '../core/slot.js';
import { BusyClient, count, RETRY_MS } from './client-habits.js';
import type { Outcome, Request } from './sim-call.js';
import type { SimWorld } from './sim-world.js';

export interface WalkHabits {
  /** At which it writes the keys that its walks have to find. */
  readonly level: Level;
  /** From one answer to the next request, ms. */
  readonly thinkMs: number;
}

/** By then whoever was slower than the acknowledgement has the write, and has synced it, ms. */
const SETTLED_MS = 5000;
/** More would be found no better. */
const MOST_KEYS = 400;
const PLANT_CHANCE = 0.85;
const COUNT_CHANCE = 0.05;
/** Walks that one node answers from the beginning to the end, as KEYS does. */
const STAY_CHANCE = 0.3;
const MOVE_CHANCE = 0.2;
/** All of it is thousands of steps; a cursor is a place, so a part of it shows as much. */
const WHOLE_CHANCE = 0.1;
const PART_SLOTS = SLOTS / 16;
const HASHES = 2 ** 32;

/** A walk under way. */
interface Walk {
  readonly beganAt: number;
  /** What was there before it began, and nobody deletes. */
  readonly wanted: readonly string[];
  readonly stays: boolean;
  readonly found: Set<string>;
  cursor: number;
  /** Where it ends. */
  readonly end: number;
}

/**
 * Walks the keyspace, all or a part of it, as `redis-cli --scan` does: each step perhaps at another node, a failed one again with the same cursor. Redis's
 * promise: what is there from the beginning to the end is found. And here, as a cursor only goes forward, once.
 */
export class WalkClient extends BusyClient {
  /** Keys that walks had to find. */
  looked = 0;
  private walk: Walk | undefined;
  private asked = 0;

  constructor(
    world: SimWorld,
    name: string,
    private readonly habits: WalkHabits,
    /** By key, when it was acknowledged: those of all who walk. */
    private readonly planted: Map<string, number>,
  ) {
    super(world, name);
  }

  protected ask(): void {
    const { random } = this.world;
    if (this.walk !== undefined) return this.step(this.walk);
    const luck = random.next();
    if (luck < PLANT_CHANCE && this.asked < MOST_KEYS) this.plant();
    else if (luck < PLANT_CHANCE + COUNT_CHANCE) this.count();
    else {
      this.walk = this.begin();
      this.step(this.walk);
    }
  }

  private begin(): Walk {
    const { random, queue } = this.world;
    const slots = random.chance(WHOLE_CHANCE) ? SLOTS : PART_SLOTS;
    const from = random.below(SLOTS / slots) * slots;
    const isOnWay = (key: string): boolean => slotOf(key) >= from && slotOf(key) < from + slots;
    return {
      beganAt: queue.now,
      wanted: this.settled().filter(isOnWay),
      stays: random.chance(STAY_CHANCE),
      found: new Set(),
      cursor: from * HASHES,
      end: (from + slots) * HASHES,
    };
  }

  private settled(): readonly string[] {
    const before = this.world.queue.now - SETTLED_MS;
    return [...this.planted].filter(([, at]) => at <= before).map(([key]) => key);
  }

  private plant(): void {
    const key = `walk.${this.name}.${++this.asked}`;
    this.send({ kind: 'set', keys: [key], value: key, level: this.habits.level }, ({ dots }) => {
      this.world.checker.told(key, dots[0]);
      this.planted.set(key, this.world.queue.now);
    });
  }

  private count(): void {
    const least = this.settled().length;
    this.send({ kind: 'size', keys: [], value: '', level: 0 }, ({ size = 0 }) => {
      const { checker } = this.world;
      const most = checker.keys.length;
      if (size < least || size > most)
        checker.violation(`${this.name}: ${size} keys were counted of ${least} to ${most}`);
    });
  }

  private step(walk: Walk): void {
    if (!walk.stays && this.world.random.chance(MOVE_CHANCE)) this.move();
    this.send({ kind: 'scan', keys: [], value: '', level: 0, cursor: walk.cursor }, (outcome) => {
      const { checker } = this.world;
      const { scanned = [], next = 0 } = outcome;
      checker.scanned(scanned);
      for (const key of scanned) {
        if (walk.found.has(key)) checker.violation(`${this.name}: a walk found ${key} twice`, key);
        walk.found.add(key);
      }
      if (next <= walk.cursor && next !== 0)
        checker.violation(`${this.name}: a walk went back from ${walk.cursor} to ${next}`);
      walk.cursor = next;
      if (next === 0 || next >= walk.end) this.end(walk);
    });
  }

  private end({ wanted, found, beganAt }: Walk): void {
    const { checker, queue } = this.world;
    this.walk = undefined;
    this.looked += wanted.length;
    for (const key of wanted)
      if (!found.has(key))
        checker.violation(
          `${this.name}: a walk from ${beganAt.toFixed(0)} to ${queue.now.toFixed(0)} missed ${key}, which was there all the time`,
          key,
        );
  }

  private send(request: Request, succeeded: (outcome: Outcome) => void): void {
    const { world, name } = this;
    const { queue } = world;
    const what = `${request.kind} ${request.keys} ${request.cursor ?? ''}`;
    world.tell(`${name} asks ${this.node.address}: ${what}`, request.keys);
    this.open = { what: () => what, node: this.node.address, at: queue.now };
    this.node.ask(request, (outcome) => {
      const { failure } = outcome;
      if (failure === null) succeeded(outcome);
      else {
        count(this.failures, `${request.kind}: ${failure.replace(/\d+/g, '#').slice(0, 60)}`);
        this.move();
      }
      // Not from inside the call: the next request comes with a later read of the socket.
      queue.defer(() => this.next(failure === null ? this.habits.thinkMs : RETRY_MS));
    });
  }

  private move(): void {
    this.node = this.world.random.pick(this.world.nodes);
  }
}
