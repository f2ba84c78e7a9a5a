import { History } from '../../cluster/sim/linearizability/history.js';
import { type Actor, asValue, perform, type SharedObject } from './shared-object.js';

/** One key that is counted up and read. */
export class SharedCounter implements SharedObject {
  readonly history: History;
  private readonly keys: readonly string[];

  constructor(private readonly key: string) {
    this.keys = [key];
    this.history = new History(this.keys);
  }

  async act(actor: Actor): Promise<void> {
    if (actor.random.below(4) === 0) return this.readAll(actor);
    await perform(actor, this.history, {
      step: { do: 'incr' },
      keys: this.keys,
      argv: ['KV.AT', 'SERIAL', 'INCR', this.key],
      meaning: (reply) => ({ reply: String(reply) }),
    });
  }

  async readAll(actor: Actor): Promise<void> {
    await perform(actor, this.history, {
      step: { do: 'get' },
      keys: this.keys,
      argv: ['KV.AT', 'SERIAL', 'GET', this.key],
      meaning: (reply) => ({ reply: '', saw: [asValue(reply)] }),
    });
  }
}
