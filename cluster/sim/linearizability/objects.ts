import { WORLD_BEGINS } from '../sim-clock.js';
import type { SimRandom } from '../sim-random.js';
import type { Answer } from './history.js';
import { History } from './history.js';
import type { Step } from './step.js';

/** A step of a client's choice, on some of an object's keys. */
export interface Wish {
  readonly step: Step;
  readonly keys: readonly string[];
}

/** What a client came to know last of a key: a value, and the name of the version that held it. */
export interface Known {
  readonly value: string | null;
  readonly version: string | undefined;
}

/** What a step was told, with the versions it made or read. */
export interface Told extends Answer {
  readonly saw: readonly (string | null)[];
  /** One per key that was written, or that was read and showed something. */
  readonly versions: readonly string[];
}

/** Some keys that clients change together by steps of one sort. */
export abstract class SharedObject {
  /** Nobody changes its keys but by steps. */
  readonly linearizable: boolean = true;
  readonly history: History;

  constructor(readonly keys: readonly string[]) {
    this.history = new History(keys);
  }

  /** What `client` does next; `unique` is written by nobody else, `nowMs` is the world's time. */
  abstract choose(client: string, unique: string, random: SimRandom, nowMs: number): Wish;

  /** The client was told so; the text is what cannot be, if it cannot. */
  heard(_client: string, _wish: Wish, _told: Told): string | undefined {
    return undefined;
  }

  /** The client was told that it failed, whatever may have come of it. */
  lost(_client: string, _wish: Wish): void {}

  /** What is wrong with all of it, besides the order of its steps. Clocks may have been ahead by so much. */
  faults(_clocksAheadMs: number): readonly string[] {
    return [];
  }
}

/** One key that is read, written, compared and deleted. */
export class SharedRegister extends SharedObject {
  /** By client, from its last answer. */
  private readonly known = new Map<string, Known>();

  constructor(key: string) {
    super([key]);
  }

  choose(client: string, unique: string, random: SimRandom): Wish {
    const { value, version } = this.known.get(client) ?? { value: null, version: undefined };
    const step = pick<Step>(random, [
      [25, { do: 'get' }],
      [20, { do: 'cas', expected: value, value: unique }],
      [20, { do: 'cas', expected: value, value: unique, version }],
      [10, { do: 'set', value: unique }],
      [10, { do: 'setnx', value: unique }],
      [5, { do: 'del' }],
      [5, { do: 'delifeq', expected: value ?? unique }],
    ]);
    return { step, keys: this.keys };
  }

  override heard(client: string, { step }: Wish, { reply, saw, versions }: Told): undefined {
    const wrote = reply !== '0' && 'value' in step;
    const value = wrote ? step.value : saw[0];
    const deleted = reply === '1' && (step.do === 'del' || step.do === 'delifeq');
    if (deleted || value === null) this.known.set(client, { value: null, version: undefined });
    else this.known.set(client, { value, version: versions[0] });
  }
}

/**
 * A key that others write without steps, so that there need not be one order of all that happens to it. Yet of those that replace a
 * version only if it is still there, one at most succeeds.
 */
export class MixedRegister extends SharedRegister {
  override readonly linearizable = false;
  /** By version: who was told to have replaced it. */
  private readonly replaced = new Map<string, string>();
  private readonly twice: string[] = [];

  override heard(client: string, wish: Wish, told: Told): undefined {
    super.heard(client, wish, told);
    const { step } = wish;
    if (step.do !== 'cas' || step.version === undefined || told.reply !== '1') return;
    const by = this.replaced.get(step.version);
    if (by !== undefined)
      this.twice.push(`${this.keys[0]}: ${step.version} was replaced by ${by} and by ${step.value}`);
    this.replaced.set(step.version, step.value);
  }

  override faults(): readonly string[] {
    return this.twice;
  }
}

/** One key that is counted up. */
export class SharedCounter extends SharedObject {
  constructor(key: string) {
    super([key]);
  }

  choose(_client: string, _unique: string, random: SimRandom): Wish {
    return { step: random.chance(0.7) ? { do: 'incr' } : { do: 'get' }, keys: this.keys };
  }
}

/** Two keys: one is set all the time, the other only by who finds the first as he knows it. */
export class SharedPair extends SharedObject {
  /** By client: what it knows the first key to hold. */
  private readonly known = new Map<string, string | null>();

  choose(client: string, unique: string, random: SimRandom): Wish {
    const [guard] = this.keys;
    const expected = this.known.get(client) ?? null;
    return pick<Wish>(random, [
      [30, { step: { do: 'set', value: unique }, keys: [guard] }],
      [40, { step: { do: 'setif', expected, value: unique }, keys: this.keys }],
      [30, { step: { do: 'get' }, keys: this.keys }],
    ]);
  }

  override heard(client: string, { step }: Wish, { saw }: Told): undefined {
    this.known.set(client, step.do === 'set' ? step.value : saw[0]);
  }
}

const ACCOUNT = 100;

/** Keys of one slot, between which money goes to and fro: all of it together is always the same. */
export class SharedBank extends SharedObject {
  choose(_client: string, _unique: string, random: SimRandom): Wish {
    const from = random.below(this.keys.length);
    const to = (from + 1 + random.below(this.keys.length - 1)) % this.keys.length;
    const transfer: Step = { do: 'transfer', amount: 1 + random.below(40) };
    return pick<Wish>(random, [
      [10, { step: { do: 'setnx', value: String(ACCOUNT) }, keys: this.keys }],
      [60, { step: transfer, keys: [this.keys[from], this.keys[to]] }],
      [30, { step: { do: 'get' }, keys: this.keys }],
    ]);
  }

  override heard(_client: string, { step }: Wish, { saw }: Told): string | undefined {
    if (step.do !== 'get' || saw.every((value) => value === null)) return undefined;
    const sum = saw.reduce((total, value) => total + Number(value), 0);
    if (sum === ACCOUNT * this.keys.length) return undefined;
    return `the accounts ${this.keys.join(' ')} are ${saw.join(' ')}, together ${sum}`;
  }
}

/** A client has had the lock, by the cluster's own time: readings of the hybrid clock, as Unix ms. */
interface Hold {
  readonly client: string;
  readonly from: number;
  until: number;
}

/** One key that is set if it is not there, for a while, by who wants to be alone. */
export class SharedLock extends SharedObject {
  private readonly holds: Hold[] = [];
  /** By client: what it has the lock under, as far as it knows. */
  private readonly held = new Map<string, { readonly id: string; readonly hold: Hold }>();

  constructor(
    key: string,
    private readonly ttlMs: number,
    /** The hybrid clock's reading in a version's name, as Unix ms. */
    private readonly timeOf: (version: string) => number,
  ) {
    super([key]);
  }

  choose(client: string, unique: string, random: SimRandom, nowMs: number): Wish {
    const mine = this.held.get(client);
    if (mine !== undefined && random.chance(0.7))
      return { step: { do: 'delifeq', expected: mine.id }, keys: this.keys };
    if (random.chance(0.2)) return { step: { do: 'get' }, keys: this.keys };
    const expireAt = Math.ceil(WORLD_BEGINS + nowMs + this.ttlMs);
    return { step: { do: 'setnx', value: unique, expireAt }, keys: this.keys };
  }

  override heard(client: string, { step }: Wish, { reply, versions }: Told): undefined {
    if (reply === '1' && step.do === 'setnx') {
      const hold = { client, from: this.timeOf(versions[0]), until: step.expireAt! };
      this.holds.push(hold);
      this.held.set(client, { id: step.value, hold });
    } else if (step.do === 'delifeq') {
      if (reply === '1') this.held.get(client)!.hold.until = this.timeOf(versions[0]);
      this.held.delete(client);
    }
  }

  override lost(client: string, { step }: Wish): void {
    const mine = this.held.get(client);
    if (step.do !== 'delifeq' || mine === undefined) return;
    // Who wants to be rid of it does nothing under it any more.
    mine.hold.until = mine.hold.from;
    this.held.delete(client);
  }

  override faults(clocksAheadMs: number): readonly string[] {
    const holds = this.holds.filter(({ from, until }) => until > from).sort((a, b) => a.from - b.from);
    return holds.flatMap((hold, i) => {
      const before = holds[i - 1];
      if (before === undefined || before.until - clocksAheadMs <= hold.from) return [];
      return [
        `${this.keys[0]} was held by ${before.client} until ${before.until} and by ${hold.client} from ${hold.from}`,
      ];
    });
  }
}

function pick<T>(random: SimRandom, weighted: readonly (readonly [number, T])[]): T {
  let luck = random.next() * weighted.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, one] of weighted) {
    luck -= weight;
    if (luck < 0) return one;
  }
  return weighted[0][1];
}
