import { STRING, TOMBSTONE, visible } from '../../storage/record.js';
import type { Coordinator } from '../core/coordinator.js';
import type { Level } from '../core/levels.js';
import { Operation } from '../core/operation.js';
import { slotOf } from '../core/slot.js';
import type { Checker } from './checker.js';
import { dotOf, type Sight, sightOf } from './sight.js';

/** What a client may ask for. `flush` and `scan` are about the whole keyspace, the others about their keys. */
export type RequestKind = 'get' | 'set' | 'expiring' | 'del' | 'incr' | 'flush' | 'scan';

/** What a simulated client asks for; as JSON it goes to the coordinator. */
export interface Request {
  readonly kind: RequestKind;
  /** All in one slot when there are several. */
  readonly keys: readonly string[];
  readonly value: string;
  readonly level: Level;
  /** Of an `expiring` value, ms. */
  readonly ttlMs?: number;
  /** Where a `scan` begins. */
  readonly cursor?: number;
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
}

export function failed(failure: string): Outcome {
  return { failure, dots: [], sights: [] };
}

/** One request under way on the node that coordinates it: the simulator's counterpart of a command. */
export class SimCall extends Operation {
  private readonly dots: string[] = [];
  private readonly sights: Sight[] = [];
  private finished = false;

  constructor(
    private readonly coordinatorOfRecords: Coordinator,
    private readonly checker: Checker,
    private readonly request: Request,
    nowMs: number,
    private readonly done: (outcome: Outcome) => void,
  ) {
    super();
    this.now = nowMs;
    this.isWrite = request.kind !== 'get';
    this.readLevel = request.level;
    this.writeLevel = request.level;
    for (const key of request.keys) this.addKey(0, slotOf(key), key);
  }

  run(): void {
    const { kind, value, ttlMs = 0 } = this.request;
    for (let i = 0; i < this.count; i++) {
      const present = visible(this.record(i), this.now);
      if (kind === 'get') this.sights.push(this.sight(i));
      else if (kind === 'set') this.write(i, STRING, value, 0);
      else if (kind === 'expiring') this.write(i, STRING, value, this.now + ttlMs);
      else if (kind === 'incr') this.write(i, STRING, String(Number(present?.payload ?? '0') + 1), 0);
      else if (present !== undefined) this.write(i, TOMBSTONE, '', 0);
    }
  }

  finish(failure: string | null): void {
    const { keys } = this.request;
    if (this.finished) this.checker.violation(`an operation on ${keys} finished twice`, keys[0]);
    this.finished = true;
    this.done(failure === null ? { failure, dots: this.dots, sights: this.sights } : failed(failure));
  }

  private write(
    index: number,
    type: typeof STRING | typeof TOMBSTONE,
    payload: string,
    expireAt: number,
  ): void {
    const before = this.sight(index);
    this.coordinatorOfRecords.write(this, index, type, payload, expireAt);
    const after = this.sight(index);
    this.checker.made(this.places[index].key, before, after, expireAt);
    this.dots.push(dotOf(after.siblings[0]));
  }

  private sight(index: number): Sight {
    return sightOf(this.record(index), this.coordinatorOfRecords.writers);
  }
}
