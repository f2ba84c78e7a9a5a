import { doubted, ForwardedRequest } from '../cluster/forwarder.js';
import { encodeCommand } from './call-codec.js';
import type { CommandCall } from './command-call.js';
import type { Executor } from './executor.js';

/** A write of one slot on its way to the node that coordinates it. */
export class ForwardedCall extends ForwardedRequest {
  constructor(
    private readonly executor: Executor,
    private readonly call: CommandCall,
  ) {
    super(call.places[0].slot, call.overwrites && call.row.answersAlike ? 'yes' : 'no');
  }

  payload(): string {
    const { db, readLevel, writeLevel, argv, reply } = this.call;
    return encodeCommand({ db, resp: reply.resp, readLevel, writeLevel }, argv);
  }

  runHere(): void {
    const { call } = this;
    call.deadline = this.deadline;
    call.doubtful = this.doubtful;
    this.executor.coordinator.begin(call);
  }

  answered(answer: string): void {
    this.call.reply.raw(this.doubtful && answer.startsWith('-') ? doubted(answer) : answer);
    this.call.finish(null);
  }

  failed(failure: string): void {
    this.call.finish(failure);
  }
}
