import { ForwardedRequest } from '../cluster/forwarder.js';
import { decodeOutcome, encodeExec, type RemoteSettings } from './call-codec.js';
import type { ExecDone, ExecRun, QueuedCommand, WatchedKey } from './exec-run.js';

/** A transaction on its way to the node that coordinates its slot; its commands without keys run here. */
export class ForwardedExec extends ForwardedRequest {
  private readonly withKeys: readonly QueuedCommand[];

  constructor(
    private readonly run: ExecRun,
    private readonly settings: RemoteSettings,
    private readonly watches: readonly WatchedKey[],
    queued: readonly QueuedCommand[],
    private readonly done: ExecDone,
  ) {
    super(run.places[0].slot, queued.some(({ row }) => row.isWrite) ? 'no' : 'reads', run.serial);
    this.withKeys = queued.filter(({ row }) => row.hasKeys);
  }

  payload(): string {
    return encodeExec(this.settings, this.watches, this.withKeys);
  }

  runHere(moved: () => void): void {
    this.run.moved = moved;
    this.run.deadline = this.deadline;
    this.run.start();
  }

  answered(answer: string): void {
    const outcome = decodeOutcome(answer);
    if (outcome === null || typeof outcome === 'string') this.done(outcome);
    else if (outcome.length !== this.withKeys.length) this.done('ERR a garbled answer from another node');
    else this.run.startWith(outcome);
  }

  failed(failure: string): void {
    this.done(failure);
  }
}
