import { SLOTS } from '../../storage/key-layout.js';
import type { Level } from '../core/levels.js';
import { ANSWER_WITHIN_MS, BusyClient, count, RETRY_MS, SURELY_NOT } from './client-habits.js';
import { raise, type Sight } from './sight.js';
import type { Outcome, Request, RequestKind } from './sim-call.js';
import type { SimWorld } from './sim-world.js';

/** What clients do: how often each of these in comparison with the others. `once` writes a key that nobody writes again. */
export type Mix = Readonly<Partial<Record<RequestKind | 'once' | 'pair', number>>>;

export const USUAL_MIX: Mix = { get: 40, once: 15, set: 15, pair: 10, del: 8, incr: 12 };

export interface ClientOptions {
  readonly keys: readonly string[];
  /** From one answer to the next request, ms. */
  readonly thinkMs: number;
  /** Every request has to succeed. */
  readonly reliable: boolean;
  /** While every replica remembers, no read may be older than what was acknowledged before it began... */
  readonly fresh: boolean;
  /** ... nor than what this client has read before, acknowledged or not. */
  readonly monotonic: boolean;
  /** One of these is taken for each request. */
  readonly levels: readonly Level[];
  readonly mix: Mix;
  /** 1: all keys are as likely; more: the first more than the others. */
  readonly popularity: number;
}

/** Does one thing after the other, of random kinds on few keys, at a node it keeps to as long as that serves it. */
export class SimClient extends BusyClient {
  readonly counts = { succeeded: 0, reads: 0 };
  /** Increments by key: those that were acknowledged, and those of which nobody said that they have certainly not happened. */
  readonly increments = { acknowledged: new Map<string, number>(), possible: new Map<string, number>() };
  /** By key: what this client has read. */
  private readonly read = new Map<string, Map<string, number>>();
  /** What it has read last, by key: the context that it gives along. */
  private readonly seen = new Map<string, Sight>();
  private asked = 0;

  constructor(
    world: SimWorld,
    name: string,
    private readonly options: ClientOptions,
  ) {
    super(world, name);
  }

  private choose(): Request {
    const { random } = this.world;
    const { keys, popularity, levels } = this.options;
    const key = keys[Math.floor(keys.length * random.next() ** popularity)];
    const level = random.pick(levels);
    const value = `${this.name}.${++this.asked}`;
    const kind = this.chooseKind();
    if (kind === 'once') return { kind: 'set', keys: [`once.${value}`], value, level };
    if (kind === 'pair') return { kind: 'set', keys: pairOf(key), value, level };
    if (kind === 'incr' || kind === 'keep') return { kind, keys: [`${key}.count`], value: '', level };
    if (kind === 'expiring')
      return { kind, keys: [key], value, level, ttlMs: Math.floor(random.between(1, 20_000)) };
    if (kind === 'set') return { kind, keys: [key], value, level };
    if (kind === 'scan') return { kind, keys: [], value: '', level, cursor: random.below(SLOTS) * 2 ** 32 };
    if (kind === 'put') return { kind, keys: [key], value, level, seen: this.seen.get(key) };
    if (kind === 'forget') return { kind, keys: [key], value: '', level, seen: this.seen.get(key) };
    return { kind, keys: kind === 'flush' ? [] : [key], value: '', level };
  }

  private chooseKind(): RequestKind | 'once' | 'pair' {
    const mix = Object.entries(this.options.mix) as [RequestKind | 'once' | 'pair', number][];
    let luck = this.world.random.next() * mix.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [kind, weight] of mix) {
      luck -= weight;
      if (luck < 0) return kind;
    }
    return 'get';
  }

  protected ask(): void {
    const { world } = this;
    const request = this.choose();
    const floors = request.keys.map((key) => this.floor(key));
    world.tell(`${this.name} asks ${this.node.address}: ${said(request)}`, request.keys);
    if (request.kind === 'flush') world.flushes.underWay++;
    let answered = false;
    const askedAt = world.queue.now;
    this.open = { what: () => said(request), node: this.node.address, at: askedAt };
    this.node.ask(request, (outcome) => {
      const { checker, queue } = world;
      if (answered) checker.violation(`${this.name} was answered twice`, request.keys[0]);
      answered = true;
      // A walk of the keyspace is many requests.
      if (queue.now - askedAt > ANSWER_WITHIN_MS && request.kind !== 'scan')
        checker.violation(
          `${this.name} waited ${queue.now - askedAt} ms for ${said(request)}`,
          request.keys[0],
        );
      world.tell(`${this.name} gets ${heard(outcome)}`, request.keys);
      if (request.kind === 'flush') {
        world.flushes.underWay--;
        world.flushes.lastEnd = queue.now;
        if (outcome.failure === null) checker.flushed(askedAt);
      }
      // Not from inside the call: the next request comes with a later read of the socket.
      queue.defer(() => this.answered(request, floors, outcome));
    });
  }

  private answered(
    request: Request,
    floors: readonly (ReadonlyMap<string, number> | undefined)[],
    { failure, dots, sights, scanned = [] }: Outcome,
  ): void {
    const { checker, remembers } = this.world;
    if (failure !== null) return this.failed(request, failure);
    this.counts.succeeded++;
    this.counts.reads += sights.length;
    dots.forEach((dot, i) => void checker.told(request.keys[i], dot));
    sights.forEach((sight, i) => {
      checker.saw(request.keys[i], sight, remembers ? floors[i] : undefined);
      this.seen.set(request.keys[i], sight);
      for (const [writer, hlc] of Object.entries(sight.context))
        raise(this.readOf(request.keys[i]), writer, hlc);
    });
    checker.scanned(scanned);
    if (request.kind === 'incr') {
      count(this.increments.acknowledged, request.keys[0]);
      count(this.increments.possible, request.keys[0]);
    }
    this.next(this.options.thinkMs);
  }

  private floor(key: string): Map<string, number> | undefined {
    const { fresh, monotonic } = this.options;
    if (!fresh) return undefined;
    const floor = new Map(this.world.checker.floor(key));
    if (monotonic) for (const [writer, hlc] of this.readOf(key)) raise(floor, writer, hlc);
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

  private failed(request: Request, failure: string): void {
    const { checker, random, nodes } = this.world;
    const what = `${request.kind}: ${failure.replace(/\d+/g, '#').slice(0, 60)}`;
    count(this.failures, what);
    if (request.kind === 'incr' && !SURELY_NOT.test(failure))
      count(this.increments.possible, request.keys[0]);
    if ((request.kind === 'set' || request.kind === 'put') && SURELY_NOT.test(failure))
      for (const key of request.keys) checker.deny(key, request.value);
    if (this.options.reliable)
      checker.violation(`${this.name}: ${request.kind} failed: ${failure}`, request.keys[0]);
    if (random.chance(0.5)) this.node = random.pick(nodes);
    this.next(RETRY_MS);
  }
}

/** Two keys of one slot: that of the key, if it says one. */
function pairOf(key: string): readonly string[] {
  const tag = /\{.*\}/.exec(key)?.[0];
  return tag === undefined ? [`${key}{tag}`, 'other{tag}'] : [key, `other${tag}`];
}

function said({ kind, keys, value, level, ttlMs }: Request): string {
  return [
    kind,
    ...keys,
    value,
    ttlMs === undefined ? '' : `for ${ttlMs} ms`,
    level === 0 ? '' : `level ${level}`,
  ]
    .filter((word) => word !== '')
    .join(' ');
}

function heard({ failure, dots, sights, scanned }: Outcome): string {
  if (failure !== null) return `error ${failure}`;
  if (scanned !== undefined) return `${scanned.length} keys`;
  return sights.length > 0 ? JSON.stringify(sights) : `OK ${dots.join(' ')}`;
}
