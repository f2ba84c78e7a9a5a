import type { Coordinator } from '../core/coordinator.js';
import { SERIAL } from '../core/levels.js';
import { slotOf } from '../core/slot.js';
import { doubted, ForwardedRequest } from '../forwarder.js';
import { failed, isRead, type Outcome, type Request, type SimCall } from './sim-call.js';

/** A simulated client's write on its way to its coordinator. */
export class SimForward extends ForwardedRequest {
  constructor(
    private readonly coordinator: Coordinator,
    private readonly request: Request,
    private readonly callFor: (request: Request, done: (outcome: Outcome) => void) => SimCall,
    private readonly done: (outcome: Outcome) => void,
  ) {
    super(slotOf(request.keys[0]), repeatable(request), request.level === SERIAL);
  }

  payload(): string {
    return JSON.stringify(this.request);
  }

  runHere(moved: () => void): void {
    const call = this.callFor(this.request, (outcome) => this.ended(outcome));
    call.deadline = this.deadline;
    call.moved = moved;
    this.coordinator.begin(call);
  }

  answered(answer: string): void {
    this.ended(JSON.parse(answer) as Outcome);
  }

  failed(failure: string): void {
    this.done(failed(failure));
  }

  private ended(outcome: Outcome): void {
    const { failure } = outcome;
    this.done(failure !== null && this.doubtful ? failed(doubted(failure)) : outcome);
  }
}

function repeatable(request: Request): 'yes' | 'reads' | 'no' {
  if (isRead(request)) return 'reads';
  return request.kind === 'set' || request.kind === 'expiring' ? 'yes' : 'no';
}
