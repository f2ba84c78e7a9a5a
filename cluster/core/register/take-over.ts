import { SLOTS } from '../../../storage/key-layout.js';
import type { RecordStore } from '../../../storage/record-store.js';
import type { Transport } from '../../transport.js';
import type { Acceptor } from './acceptor.js';
import { sendAsk, type Told, type ToldSlot } from './memory-wire.js';

/** An unanswered question is asked again after so long, ms. */
const ASK_AGAIN_MS = 1000;

export interface TakeOverWorld {
  readonly store: RecordStore;
  readonly transport: Transport;
  readonly acceptor: () => Acceptor;
  readonly takeRequest: () => number;
}

/**
 * Takes over what one other home remembers of the registers of common slots: its promises, and the units it holds. Part by part; what the
 * disk does not take is asked for again.
 */
export class TakeOver {
  private from = 0;
  private request = 0;
  private askedMs = Number.NEGATIVE_INFINITY;
  /** The peer has all its memory, by its last word. */
  isWhole = false;

  constructor(
    private readonly world: TakeOverWorld,
    readonly peer: number,
    /** The slots that are of interest. */
    private readonly wants: (slot: number) => boolean = () => true,
  ) {}

  /** Everything is on this node's disk, synced. */
  get complete(): boolean {
    return this.from === SLOTS;
  }

  tick(now: number): void {
    if (!this.complete && now - this.askedMs >= ASK_AGAIN_MS) this.ask(now);
  }

  /** Whether this is the answer that is waited for. */
  hears({ request, next, whole }: Told): boolean {
    if (request !== this.request || next <= this.from) return false;
    this.isWhole = whole;
    return true;
  }

  /** The connection is another: it is asked at once when there is one again. */
  askAtOnce(): void {
    this.askedMs = Number.NEGATIVE_INFINITY;
  }

  take({ slots, next }: Told): void {
    const seq = this.adopt(slots);
    const taken = (error: Error | null): void => {
      if (error !== null || next <= this.from) return;
      this.from = next;
      this.askAtOnce();
    };
    if (seq === 0) taken(null);
    else this.world.store.whenOver(seq, taken);
  }

  ask(now: number): void {
    const { transport, takeRequest } = this.world;
    const request = takeRequest();
    if (!sendAsk(transport, this.peer, request, this.from)) return;
    this.request = request;
    this.askedMs = now;
  }

  /** Returns the number of the group commit that carries the last of it; 0: there is nothing. */
  private adopt(slots: readonly ToldSlot[]): number {
    let seq = 0;
    for (const { slot, promised, units } of slots)
      if (this.wants(slot)) seq = this.world.acceptor().adopt(slot, promised, units);
    return seq;
  }
}
