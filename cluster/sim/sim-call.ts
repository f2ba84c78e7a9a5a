import { STRING, TOMBSTONE, type Version, type VersionType, visible } from '../../storage/record.js';
import type { Coordinator } from '../core/coordinator.js';
import { unchanged } from '../core/increment.js';
import { type Level, SERIAL } from '../core/levels.js';
import { Operation } from '../core/operation.js';
import { slotOf } from '../core/slot.js';
import { covers } from '../core/version.js';
import type { Checker } from './checker.js';
import type { Answer } from './linearizability/history.js';
import { type Step, takeStep } from './linearizability/step.js';
import { contextOf, dotOf, NOTHING_SEEN, type Sight, sightOf } from './sight.js';

/** What a client may ask for. `flush`, `scan` and `size` are about the whole keyspace, the others about their keys. */
export type RequestKind =
  | 'get'
  | 'set'
  | 'expiring'
  | 'del'
  | 'incr'
  | 'put'
  | 'forget'
  | 'keep'
  | 'step'
  | 'flush'
  | 'scan'
  | 'size';

/** What a simulated client asks for; as JSON it goes to the coordinator. */
export interface Request {
  readonly kind: RequestKind;
  /** All in one slot when there are several. */
  readonly keys: readonly string[];
  readonly value: string;
  readonly level: Level;
  /** Of an `expiring` value, ms. */
  readonly ttlMs?: number;
  /** What the client has seen of the key that it wants to `put` or to `forget`; undefined: nothing. */
  readonly seen?: Sight;
  /** Where a `scan` begins. */
  readonly cursor?: number;
  /** What a `step` does to its keys. */
  readonly step?: Step;
}

/** Whether it only looks. */
export function isRead({ kind, step }: Request): boolean {
  return kind === 'get' || step?.do === 'get';
}

export interface Outcome {
  /** A whole error line, or null. */
  readonly failure: string | null;
  /** Dots written, one per key written. */
  readonly dots: readonly string[];
  /** What was read, one per key. */
  readonly sights: readonly Sight[];
  /** What a scan found. */
  readonly scanned?: readonly string[];
  /** Where the scan goes on; 0: it is over. */
  readonly next?: number;
  /** How many keys there are. */
  readonly size?: number;
  /** The keys a step changed, beside `dots`: it may leave some of its keys alone. */
  readonly changed?: readonly string[];
  /** What came of a step. */
  readonly answer?: Required<Answer>;
}

export function failed(failure: string): Outcome {
  return { failure, dots: [], sights: [] };
}

const DAY_MS = 86_400_000;

/** One request under way on the node that coordinates it: the simulator's counterpart of a command. */
export class SimCall extends Operation {
  private dots: string[] = [];
  private changed: string[] = [];
  private sights: Sight[] = [];
  private answer: Required<Answer> | undefined;
  private finished = false;

  constructor(
    private readonly coordinatorOfRecords: Coordinator,
    private readonly checker: Checker,
    private readonly request: Request,
    /** Of the node, Unix ms. */
    private readonly clock: () => number,
    private readonly done: (outcome: Outcome) => void,
  ) {
    super();
    this.now = clock();
    this.isWrite = !isRead(request);
    this.serial = request.level === SERIAL;
    this.readLevel = request.level;
    this.writeLevel = request.level;
    for (const key of request.keys) this.addKey(0, slotOf(key), key);
  }

  run(): void {
    this.dots = [];
    this.changed = [];
    this.sights = [];
    if (this.request.step === undefined) this.runSimple();
    else this.runStep(this.request.step);
  }

  finish(failure: string | null): void {
    const { keys } = this.request;
    if (this.finished) this.checker.violation(`an operation on ${keys} finished twice`, keys[0]);
    this.finished = true;
    const { dots, changed, sights, answer } = this;
    this.done(failure === null ? { failure, dots, changed, sights, answer } : failed(failure));
  }

  private runSimple(): void {
    const { kind, value, ttlMs = 0 } = this.request;
    for (let i = 0; i < this.count; i++) {
      const present = this.visible(i);
      if (kind === 'get') this.sights.push(this.sight(i));
      else if (kind === 'set') this.write(i, STRING, value, 0);
      else if (kind === 'expiring') this.write(i, STRING, value, this.now + ttlMs);
      else if (kind === 'incr') this.increment(i);
      else if (kind === 'keep' && present !== undefined) this.keep(i);
      else if (kind === 'put' || kind === 'forget') this.writeSeen(i);
      else if (present !== undefined) this.write(i, TOMBSTONE, '', 0);
    }
  }

  /** Puts, or deletes, in the place of what the client has seen. */
  private writeSeen(index: number): void {
    const { kind, value, seen = NOTHING_SEEN } = this.request;
    const coordinator = this.coordinatorOfRecords;
    const context = coordinator.admitContext(contextOf(seen, coordinator.writers), this.record(index));
    if (context === null) return;
    const before = this.sight(index);
    if (kind === 'put') coordinator.write(this, index, STRING, value, 0, context);
    else if (this.record(index)?.siblings.some((version) => covers(context, version)))
      coordinator.write(this, index, TOMBSTONE, '', 0, context);
    else return;
    this.dots.push(this.checker.madeOf(seen, this.places[index].key, before, this.sight(index)));
  }

  private runStep(step: Step): void {
    const present = this.places.slice(0, this.count).map((_, i) => this.visible(i));
    const saw = present.map((version) => version?.payload ?? null);
    this.sights = saw.map((_, i) => this.sight(i));
    const { reply, writes } = takeStep(step, saw, this.findsVersion(step));
    this.answer = { reply, saw, now: this.now, ranAt: this.clock() };
    if (step.do === 'incr') return this.increment(0);
    writes.forEach((held, i) => {
      if (held === undefined) return;
      const type = held.value === null ? TOMBSTONE : STRING;
      this.write(i, type, held.value ?? '', held.expireAt);
    });
  }

  /** Undefined: it asks for none. */
  private findsVersion(step: Step): boolean | undefined {
    if (step.do !== 'cas' || step.version === undefined) return undefined;
    const shown = this.visible(0);
    return shown !== undefined && dotOf(this.sight(0).siblings[0]) === step.version;
  }

  private write(index: number, type: VersionType, payload: string, expireAt: number): void {
    this.make(index, expireAt, () => this.coordinatorOfRecords.write(this, index, type, payload, expireAt));
  }

  private increment(index: number): void {
    this.make(index, 0, () => this.coordinatorOfRecords.increment(this, index, 1));
  }

  /** `how` makes a new version of the key. */
  private make(index: number, expireAt: number, how: () => void): void {
    const before = this.sight(index);
    how();
    const after = this.sight(index);
    this.checker.made(this.places[index].key, before, after, expireAt);
    this.dots.push(dotOf(after.siblings[0]));
    this.changed.push(this.places[index].key);
  }

  /** As EXPIRE does, with a time far away. */
  private keep(index: number): void {
    const { type, payload } = unchanged(this.record(index)!, this.now, this.coordinatorOfRecords.writers);
    this.write(index, type, payload, this.now + DAY_MS);
  }

  private visible(index: number): Version | undefined {
    return visible(this.record(index), this.now, this.coordinatorOfRecords.writers);
  }

  private sight(index: number): Sight {
    return sightOf(this.record(index), this.coordinatorOfRecords.writers);
  }
}
