import { type Level, SERIAL } from '../../core/levels.js';
import { ANSWER_WITHIN_MS, BusyClient, count, RETRY_MS, SURELY_NOT } from '../client-habits.js';
import { dotOf } from '../sight.js';
import type { Outcome, Request } from '../sim-call.js';
import { WORLD_BEGINS } from '../sim-clock.js';
import type { SimWorld } from '../sim-world.js';
import type { Open } from './history.js';
import type { SharedObject, Told, Wish } from './objects.js';

export interface SerialHabits {
  /** From one answer to the next step, ms. */
  readonly thinkMs: number;
  /** At which its steps are taken: `SERIAL`, unless what others do without is to be seen. */
  readonly level: Level;
  /** Every step has to succeed. */
  readonly reliable: boolean;
  /** It finds whatever plain clients were told is written before it began. */
  readonly fresh: boolean;
}

/** Takes one step after the other on objects that others work on too, and writes down what it asked and what it was told. */
export class SerialClient extends BusyClient {
  steps = 0;
  private asked = 0;
  /** What it asks for once more, not knowing what came of it. */
  private again: readonly [SharedObject, Wish] | undefined;

  constructor(
    world: SimWorld,
    name: string,
    private readonly objects: readonly SharedObject[],
    private readonly habits: SerialHabits,
  ) {
    super(world, name);
  }

  protected ask(): void {
    const { world, name } = this;
    const { random, queue, checker } = world;
    const [object, wish] = this.again ?? this.choose();
    this.again = undefined;
    const { step, keys } = wish;
    const { level, fresh } = this.habits;
    const isFresh = level === SERIAL && (object.linearizable || fresh);
    const floors = keys.map((key) => (isFresh ? checker.floor(key) : undefined));
    world.tell(`${name} asks ${this.node.address}: ${said(wish)}`, keys);
    const askedAt = queue.now;
    this.open = { what: () => said(wish), node: this.node.address, at: askedAt };
    const open = object.history.ask(name, step, keys);
    const request: Request = { kind: 'step', keys, value: '', level, step };
    this.node.ask(request, (outcome) => {
      world.tell(`${name} gets ${outcome.failure ?? JSON.stringify(outcome.answer)}`, keys);
      if (queue.now - askedAt > ANSWER_WITHIN_MS)
        checker.violation(`${name} waited ${queue.now - askedAt} ms for ${said(wish)}`, keys[0]);
      if (outcome.failure === null) this.answered(object, wish, open, outcome, floors);
      else this.failed(object, wish, open, outcome.failure);
      const failed = outcome.failure !== null;
      if (failed && random.chance(0.5)) this.node = random.pick(world.nodes);
      // Not from inside the call: the next request comes with a later read of the socket.
      queue.defer(() => this.next(failed ? RETRY_MS : this.habits.thinkMs));
    });
  }

  private choose(): readonly [SharedObject, Wish] {
    const { random, queue } = this.world;
    const object = random.pick(this.objects);
    return [object, object.choose(this.name, `${this.name}.${++this.asked}`, random, queue.now)];
  }

  private answered(
    object: SharedObject,
    wish: Wish,
    open: Open,
    { answer, dots, changed, sights }: Outcome,
    floors: readonly (ReadonlyMap<string, number> | undefined)[],
  ): void {
    const { checker } = this.world;
    this.steps++;
    // Swept by a clock that was right, or far ahead, and gone for one that was set back since.
    const { queue, clocksAheadMs } = this.world;
    const rightNow = WORLD_BEGINS + queue.now + clocksAheadMs;
    open.answered({ ...answer!, ranAt: Math.max(answer!.ranAt, rightNow) });
    dots.forEach((dot, i) => void checker.told(changed![i], dot));
    sights.forEach((sight, i) => void checker.saw(wish.keys[i], sight, floors[i]));
    const read = sights.flatMap(({ siblings }) => siblings.slice(0, 1).map(dotOf));
    const told: Told = { ...answer!, versions: dots.length > 0 ? dots : read };
    const wrong = object.heard(this.name, wish, told);
    if (wrong !== undefined) checker.violation(`${this.name}: ${wrong}`, wish.keys[0]);
  }

  private failed(object: SharedObject, wish: Wish, open: Open, failure: string): void {
    const { checker, random } = this.world;
    count(this.failures, `${wish.step.do}: ${failure.replace(/\d+/g, '#').slice(0, 60)}`);
    object.lost(this.name, wish);
    if (SURELY_NOT.test(failure)) open.notApplied();
    // Comparing a version it cannot take effect twice.
    else if (wish.step.do === 'cas' && random.chance(0.5)) this.again = [object, wish];
    if (this.habits.reliable)
      checker.violation(`${this.name}: ${said(wish)} failed: ${failure}`, wish.keys[0]);
  }
}

function said({ step, keys }: Wish): string {
  return `${Object.values(step).join(' ')} of ${keys.join(' ')}`;
}
