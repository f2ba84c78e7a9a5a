import { doubted, ForwardedRequest } from '../cluster/forwarder.js';
import { encodeCommand } from './call-codec.js';
import type { CommandCall } from './command-call.js';
import type { Executor } from './executor.js';

/** A command of one slot on its way to the node that coordinates it. */
export class ForwardedCall extends ForwardedRequest {
  constructor(
    private readonly executor: Executor,
    private readonly call: CommandCall,
  ) {
    super(call.places[0].slot, repeatable(call), call.serial);
  }

  payload(): string {
    const { db, readLevel, writeLevel, argv, reply } = this.call;
    return encodeCommand({ db, resp: reply.resp, readLevel, writeLevel }, argv);
  }

  runHere(moved: () => void): void {
    const { call } = this;
    call.moved = moved;
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

/** A linearizable write takes effect once, at one moment: twice may be seen, whatever it writes. */
function repeatable({ isWrite, serial, overwrites, row }: CommandCall): 'yes' | 'reads' | 'no' {
  if (!isWrite) return 'reads';
  return !serial && overwrites && row.answersAlike ? 'yes' : 'no';
}
