import { ForwardedRequest, ofRead } from '../cluster/forwarder.js';
import { decodeOutcome, encodeWatch, type RemoteSettings } from './call-codec.js';
import type { Executor } from './executor.js';
import type { WatchDone, WatchRead } from './watch-read.js';

/** A WATCH on its way to the node that leads the register of its slot. */
export class ForwardedWatch extends ForwardedRequest {
  constructor(
    private readonly executor: Executor,
    private readonly read: WatchRead,
    private readonly settings: RemoteSettings,
    private readonly keys: readonly string[],
    private readonly done: WatchDone,
  ) {
    super(read.places[0].slot, 'reads', true);
  }

  payload(): string {
    return encodeWatch(this.settings, this.keys);
  }

  runHere(moved: () => void): void {
    this.read.moved = moved;
    this.read.deadline = this.deadline;
    this.executor.coordinator.begin(this.read);
  }

  answered(answer: string): void {
    const outcome = decodeOutcome(answer);
    if (typeof outcome === 'string') this.done(outcome);
    else if (outcome?.length !== this.keys.length) this.done('ERR a garbled answer from another node');
    else this.done(outcome.map(String));
  }

  failed(failure: string): void {
    this.done(ofRead(failure));
  }
}
