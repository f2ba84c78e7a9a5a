import type { PeerId } from '../../transport.js';
import type { Topology } from '../topology.js';
import { Progress } from './session.js';
import type { SharedSlots } from './shared-slots.js';
import type { PeerBytes } from './wire.js';

/** How repair stands with one peer, for KV.REPAIR and INFO. */
export interface RepairFigures {
  /** As clients reach it. */
  readonly address: string;
  readonly state: 'down' | 'running' | 'waiting' | 'idle';
  readonly slotsShared: number;
  readonly slotsCompared: number;
  readonly slotsDiffering: number;
  readonly slotsLeft: number;
  /** Of the last session. */
  readonly keysDiffering: number;
  /** Slots that are furthest behind and their leaves (of 16 in each database) that differ; 0: not looked at yet. */
  readonly behind: readonly (readonly [slot: number, leaves: number])[];
  /** Of all sessions so far, this node leading or following. */
  readonly keysSent: number;
  readonly keysReceived: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly rounds: number;
  /** Unix ms; 0: never. */
  readonly lastFinished: number;
  /** Why the last session did not finish, or what it could not do; empty: nothing. */
  readonly lastFailure: string;
}

/** A peer that came back is compared with after so long, ms: its hints come first. */
const QUICK_MS = 10_000;
/** After a session that broke off, ms. */
const RETRY_MS = 30_000;
/** Times vary by this share to either side, so that nodes started together do not all begin together. */
const JITTER = 0.25;
const SHOWN_BEHIND = 16;

/** What this node knows of repair with one peer, and when the next round is due. */
export class PeerRepair {
  private progress = new Progress();
  private running = false;
  /** Of the sessions before the last. */
  private keysSent = 0;
  private keysReceived = 0;
  private rounds = 0;
  private lastFinished = 0;
  private lastFailure = '';
  /** The interval counts from here, */
  private since = 0;
  /** with this factor; */
  private factor = 1;
  /** or a round is due at this time already. */
  private quickAt = Number.POSITIVE_INFINITY;

  constructor(
    readonly peer: PeerId,
    private readonly bytes: PeerBytes,
  ) {}

  /** The next round is an interval away. `chance` is uniform in [0, 1). */
  plan(now: number, chance: number): void {
    this.since = now;
    this.factor = jitter(chance);
    this.quickAt = Number.POSITIVE_INFINITY;
  }

  cameBack(now: number, chance: number): void {
    this.quickAt = Math.min(this.quickAt, now + QUICK_MS * jitter(chance));
  }

  /** `handedOver`: nothing is on its way to the peer in another way. */
  isDue(now: number, intervalMs: number, handedOver: boolean): boolean {
    return (handedOver && now >= this.quickAt) || now >= this.since + intervalMs * this.factor;
  }

  begun(progress: Progress): void {
    // Only now: what was under way when a session broke off was still taken.
    this.keysSent += this.progress.keysSent;
    this.keysReceived += this.progress.keysReceived;
    this.progress = progress;
    this.running = true;
  }

  ended(now: number, unixMs: number, chance: number, failure: string | null, whole: boolean): void {
    this.running = false;
    this.lastFailure = failure ?? this.shortfall ?? '';
    if (failure !== null) {
      this.plan(now, chance);
      this.quickAt = now + RETRY_MS * jitter(chance);
      return;
    }
    this.lastFinished = unixMs;
    this.rounds++;
    if (whole) this.plan(now, chance);
  }

  /** The peer led, and its records changed ours. */
  taken(keys: number): void {
    this.keysReceived += keys;
  }

  /** What the last session could not do; null: it did everything. */
  get shortfall(): string | null {
    return shortfallOf(this.progress.keysFailed);
  }

  figures({ members, alive }: Topology, shared: SharedSlots, waiting: boolean): RepairFigures {
    const { progress, running } = this;
    const state = alive[this.peer] === 0 ? 'down' : running ? 'running' : waiting ? 'waiting' : 'idle';
    const behind = [...progress.behind].sort((x, y) => y[1] - x[1]).slice(0, SHOWN_BEHIND);
    return {
      address: members[this.peer].clientAddress,
      state,
      slotsShared: shared.count,
      slotsCompared: progress.slotsCompared,
      slotsDiffering: progress.slotsDiffering,
      slotsLeft: progress.behind.size,
      keysDiffering: progress.keysDiffering,
      behind,
      keysSent: this.keysSent + progress.keysSent,
      keysReceived: this.keysReceived + progress.keysReceived,
      bytesSent: this.bytes.sent,
      bytesReceived: this.bytes.received,
      rounds: this.rounds,
      lastFinished: this.lastFinished,
      lastFailure: this.lastFailure,
    };
  }
}

export function shortfallOf(keysFailed: number): string | null {
  return keysFailed === 0 ? null : `${keysFailed} keys could not be repaired`;
}

function jitter(chance: number): number {
  return 1 + JITTER * (2 * chance - 1);
}
