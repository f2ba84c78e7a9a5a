import type { CallDone, CallFailure } from './core/peer-calls.js';
import { NOBODY, type Topology } from './core/topology.js';
import { SELF } from './members.js';
import type { PeerId } from './transport.js';

/** Requests that wait for somebody to come or go; beyond it they fail at once. */
const MAX_WAITING = 4096;

/** The answer of a node that has not begun what was forwarded to it: it neither is a home replica of the key nor stands in for one. */
export const DECLINED = '';

const NO_REPLICA = 'NOQUORUM no replica of this key is reachable; the write was not applied';
const NOBODYS = 'NOQUORUM no node that was asked holds this key; the write was not applied';

const TEXTS: Readonly<Record<CallFailure, string>> = {
  'not-sent': "NOQUORUM the key's coordinator is not reachable; the write was not applied",
  crowded: "OVERLOADED try again, too much is queued for the key's coordinator; the write was not applied",
  'too-long': 'ERR the request is longer than bus-max-frame-bytes; the write was not applied',
  timeout: "NOQUORUM the key's coordinator did not answer in time; the write may have been applied",
  'connection-lost':
    "NOQUORUM the key's coordinator was lost before it answered; the write may have been applied",
};

/** Waits until somebody comes or goes. */
export interface TopologyWaiter {
  /** Those of one slot are tried again in their order; null: in whichever order. */
  readonly slot: number | null;
  /** By `Clock.elapsed`. */
  readonly deadline: number;
  again(): void;
  giveUp(): void;
}

/** A request that has to run on the node that coordinates its slot, whichever that is. It ends exactly once. */
export abstract class ForwardedRequest {
  /** By `Clock.elapsed`: nobody starts it from then on. */
  deadline = 0;
  /** A try of it that was never answered may have been applied. */
  doubtful = false;

  constructor(
    readonly slot: number,
    /**
     * `yes`: doing it twice is as good as doing it once. `reads`: it does not even change anything. `no`: once its coordinator may
     * have begun, it must not be tried again.
     */
    readonly repeatable: 'yes' | 'reads' | 'no',
    /** For the slot's register: it goes to the first live home replica, never to a stand-in. */
    readonly serial = false,
  ) {}

  /** It as the coordinator's server understands it. */
  abstract payload(): string;
  /** This node coordinates the slot itself; `moved` is for its operation (see `Operation`). */
  abstract runHere(moved: () => void): void;
  abstract answered(answer: string): void;
  /** `failure` is a whole error line. */
  abstract failed(failure: string): void;
}

/**
 * Takes requests to the coordinators of their slots, and to the next one when that one dies, as long as their time lasts.
 *
 * Promises: what may have been applied is tried again only if that is as good as once; what a request is told never denies an
 * earlier try; requests of one slot are never put out of order by waiting.
 */
export class Forwarder {
  readonly counters = { sent: 0, retried: 0, held: 0 };
  private waiting: TopologyWaiter[] = [];
  private readonly waitingOfSlot = new Map<number, number>();
  private epoch = 0;
  private changedMs = 0;

  constructor(
    private readonly topology: () => Topology,
    private readonly send: (peer: PeerId, budgetMs: number, payload: string, done: CallDone) => void,
    private readonly elapsedMs: () => number,
    /** ms */
    private readonly requestTimeout: () => number,
  ) {}

  /** Whether this node may run a request of the slot without asking anybody. */
  runsHere(slot: number): boolean {
    return this.ownerOf(slot, false) === SELF && !this.holds(slot);
  }

  start(request: ForwardedRequest): void {
    request.deadline = this.elapsedMs() + this.requestTimeout();
    if (this.holds(request.slot)) this.wait(request, TEXTS['not-sent']);
    else this.attempt(request);
  }

  /** Somebody came or went, or can be talked to again: what waited for that is tried again, in order. */
  changed(): void {
    this.epoch = this.topology().trustEpoch;
    this.changedMs = this.elapsedMs();
    const { waiting } = this;
    this.waiting = [];
    this.waitingOfSlot.clear();
    for (const waiter of waiting) {
      // One of the same slot that came before it waits again.
      if (this.holds(waiter.slot)) this.hold(waiter);
      else waiter.again();
    }
  }

  /** To be called some times a second. */
  tick(now: number): void {
    this.expire(now);
    if (this.topology().trustEpoch !== this.epoch) this.changed();
  }

  /** False: too many wait already. */
  hold(waiter: TopologyWaiter): boolean {
    if (this.waiting.length >= MAX_WAITING) return false;
    this.counters.held++;
    this.waiting.push(waiter);
    this.count(waiter, 1);
    return true;
  }

  private expire(now: number): void {
    const late = this.waiting.filter((waiter) => waiter.deadline <= now);
    if (late.length === 0) return;
    this.waiting = this.waiting.filter((waiter) => waiter.deadline > now);
    for (const waiter of late) {
      this.count(waiter, -1);
      waiter.giveUp();
    }
  }

  private count({ slot }: TopologyWaiter, change: 1 | -1): void {
    if (slot !== null) this.waitingOfSlot.set(slot, (this.waitingOfSlot.get(slot) ?? 0) + change);
  }

  private holds(slot: number | null): boolean {
    return slot !== null && this.waiting.length > 0 && (this.waitingOfSlot.get(slot) ?? 0) > 0;
  }

  private ownerOf(slot: number, serial: boolean): number {
    const topology = this.topology();
    return serial ? topology.firstLiveHome(slot) : topology.firstLive[slot];
  }

  private attempt(request: ForwardedRequest): void {
    const owner = this.ownerOf(request.slot, request.serial);
    if (owner === SELF) return request.runHere(() => this.declined(request));
    const now = this.elapsedMs();
    if (owner === NOBODY) {
      // A failover may be under way; later on it is no use to keep everybody waiting.
      if (now - this.changedMs < this.requestTimeout()) this.wait(request, NO_REPLICA);
      else this.fail(request, NO_REPLICA);
      return;
    }
    const budget = Math.max(0, request.deadline - now);
    this.counters.sent++;
    this.send(owner, budget, request.payload(), (answer, failure) => {
      if (answer === DECLINED) this.declined(request);
      else if (answer !== null) request.answered(answer);
      else this.failed(request, owner, failure!);
    });
  }

  /**
   * The node we take for the coordinator does not see it so, and has waited a while for news (`Node.takeForwarded`). One of us knows more
   * by now, or soon: a node that has just started takes all those for dead whom it has not met yet.
   */
  private declined(request: ForwardedRequest): void {
    if (request.deadline <= this.elapsedMs()) return this.fail(request, NOBODYS);
    this.counters.retried++;
    if (this.holds(request.slot)) this.wait(request, NOBODYS);
    else this.attempt(request);
  }

  private failed(request: ForwardedRequest, owner: PeerId, failure: CallFailure): void {
    if (failure === 'connection-lost' && request.repeatable !== 'no') {
      if (request.repeatable === 'yes') request.doubtful = true;
    } else if (failure !== 'not-sent') return this.fail(request, TEXTS[failure]);
    if (request.deadline <= this.elapsedMs()) return this.fail(request, TEXTS[failure]);
    this.counters.retried++;
    const { slot, serial } = request;
    if (this.ownerOf(slot, serial) !== owner && !this.holds(slot)) this.attempt(request);
    // Nobody is sure yet that it is dead.
    else this.wait(request, TEXTS[failure]);
  }

  private wait(request: ForwardedRequest, failure: string): void {
    const waiter: TopologyWaiter = {
      slot: request.slot,
      deadline: request.deadline,
      again: () => this.attempt(request),
      giveUp: () => this.fail(request, failure),
    };
    if (!this.hold(waiter)) waiter.giveUp();
  }

  private fail(request: ForwardedRequest, failure: string): void {
    request.failed(request.doubtful ? doubted(failure) : failure);
  }
}

/** A failure of a read, told as such: it changes nothing. */
export function ofRead(failure: string): string {
  return failure.replace(
    /(?:the write|it) (?:was not|may have been) applied|nothing was applied/,
    'nothing was read',
  );
}

/** What is certain of the last try of a write is not of those before it. Takes an error line or the reply made of it. */
export function doubted(failure: string, what = 'the write'): string {
  return failure.replace(
    /(?:the write|it) was not applied|nothing was (?:applied|read or written|read)/,
    `${what} may have been applied`,
  );
}
