import type { Level } from '../core/levels.js';
import { raise } from './checker.js';
import type { Outcome, Request } from './sim-call.js';
import type { SimNode } from './sim-node.js';
import type { SimWorld } from './sim-world.js';

const RETRY_MS = 100;
/** Failures that say for certain that nothing was written. */
const SURELY_NOT = /was not applied|nothing was|not-sent|refused|CLUSTERDOWN|not reachable/;

export interface ClientOptions {
  readonly keys: readonly string[];
  /** From one answer to the next request, ms. */
  readonly thinkMs: number;
  /** Nothing fails in this run: every answer must be a good one, and no read older than what is known to be there. */
  readonly strict: boolean;
  /** One of these is taken for each request. */
  readonly levels: readonly Level[];
}

/** Does one thing after the other, of random kinds on few keys, at a node it keeps to as long as that serves it. */
export class SimClient {
  readonly counts = { succeeded: 0, failed: 0 };
  /** Increments that were acknowledged, by key. */
  readonly increments = new Map<string, number>();
  private node: SimNode;
  private asked = 0;
  private stopped = false;
  /** By key: what this client has read. */
  private readonly read = new Map<string, Map<string, number>>();

  constructor(
    private readonly world: SimWorld,
    private readonly name: string,
    private readonly options: ClientOptions,
  ) {
    this.node = world.random.pick(world.nodes);
  }

  start(): void {
    this.next(0);
  }

  stop(): void {
    this.stopped = true;
  }

  private next(afterMs: number): void {
    const { queue, random } = this.world;
    queue.after(afterMs * random.between(0.2, 1.8), () => {
      if (!this.stopped) this.ask(this.choose());
    });
  }

  private choose(): Request {
    const { random } = this.world;
    const key = random.pick(this.options.keys);
    const luck = random.next();
    const level = random.pick(this.options.levels);
    const value = `${this.name}.${++this.asked}`;
    if (luck < 0.4) return { kind: 'get', keys: [key], value: '', level };
    // Written once: nothing that comes later hides its loss.
    if (luck < 0.55) return { kind: 'set', keys: [`once.${value}`], value, level };
    if (luck < 0.7) return { kind: 'set', keys: [key], value, level };
    if (luck < 0.8) return { kind: 'set', keys: [`${key}{tag}`, `other{tag}`], value, level };
    if (luck < 0.88) return { kind: 'del', keys: [key], value: '', level };
    return { kind: 'incr', keys: [`${key}.count`], value: '', level };
  }

  private ask(request: Request): void {
    const { world } = this;
    const floors = request.keys.map((key) => this.floor(key));
    world.note(`${this.name} asks ${request.kind} ${request.keys}`);
    let answered = false;
    this.node.ask(request, (outcome) => {
      if (answered) world.checker.violation(`${this.name} was answered twice`);
      answered = true;
      world.note(`${this.name} gets ${JSON.stringify(outcome)}`);
      // Not from inside the call: the next request comes with a later read of the socket.
      world.queue.defer(() => this.answered(request, floors, outcome));
    });
  }

  private answered(
    request: Request,
    floors: (ReadonlyMap<string, number> | undefined)[],
    outcome: Outcome,
  ): void {
    const { checker, random, nodes } = this.world;
    if (outcome.failure !== null) {
      this.counts.failed++;
      if (request.kind === 'set' && SURELY_NOT.test(outcome.failure))
        for (const key of request.keys) checker.deny(key, request.value);
      if (this.options.strict) checker.violation(`${this.name}: ${request.kind} failed: ${outcome.failure}`);
      if (random.chance(0.5)) this.node = random.pick(nodes);
      this.next(RETRY_MS);
      return;
    }
    this.counts.succeeded++;
    outcome.dots.forEach((dot, i) => void checker.told(request.keys[i], dot));
    outcome.sights.forEach((sight, i) => {
      checker.saw(request.keys[i], sight, floors[i]);
      for (const [writer, hlc] of Object.entries(sight.context))
        raise(this.readOf(request.keys[i]), writer, hlc);
    });
    if (request.kind === 'incr')
      this.increments.set(request.keys[0], (this.increments.get(request.keys[0]) ?? 0) + 1);
    this.next(this.options.thinkMs);
  }

  /** Everything acknowledged before, and everything this client has read itself. */
  private floor(key: string): ReadonlyMap<string, number> | undefined {
    if (!this.options.strict) return undefined;
    const floor = new Map(this.world.checker.floor(key));
    for (const [writer, hlc] of this.readOf(key)) raise(floor, writer, hlc);
    return floor;
  }

  private readOf(key: string): Map<string, number> {
    let read = this.read.get(key);
    if (read === undefined) {
      read = new Map();
      this.read.set(key, read);
    }
    return read;
  }
}
