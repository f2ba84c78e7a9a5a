import { History } from '../../cluster/sim/linearizability/history.js';
import type { Reply } from '../faults/resp-client.js';
import { type Actor, asValue, type Deed, perform, type SharedObject } from './shared-object.js';

const AT_SERIAL = ['KV.AT', 'SERIAL'];

/** One key and every command that compares, and reads and writes at SERIAL. */
export class SharedRegister implements SharedObject {
  readonly history: History;
  private readonly keys: readonly string[];
  /** What each client knows it to hold. */
  private readonly known = new Map<string, string | null>();

  constructor(private readonly key: string) {
    this.keys = [key];
    this.history = new History(this.keys);
  }

  async act(actor: Actor): Promise<void> {
    const { known } = this;
    const deeds = this.deeds(known.get(actor.name) ?? null, actor.unique());
    const deed = deeds[actor.random.below(deeds.length)];
    const reply = await perform(actor, this.history, deed);
    if (reply === undefined) return;
    const answer = deed.meaning(reply);
    const wrote = 'value' in deed.step && answer.reply !== '0';
    if (wrote) known.set(actor.name, deed.step.value);
    else if (answer.saw !== undefined) known.set(actor.name, answer.saw[0]);
  }

  async readAll(actor: Actor): Promise<void> {
    await perform(actor, this.history, this.read());
  }

  private deeds(expected: string | null, value: string): Deed[] {
    const { key } = this;
    const old = expected ?? 'never written';
    return [
      this.read(),
      this.read(),
      this.deed({ do: 'cas', expected: old, value }, ['CAS', key, old, value], counted),
      this.deed({ do: 'cas', expected: old, value }, ['SET', key, value, 'IFEQ', old, 'GET'], foundIs(old)),
      this.deed({ do: 'cas', expected: null, value }, ['SET', key, value, 'NX', 'GET'], foundIs(null)),
      this.deed({ do: 'setnx', value }, ['SETNX', key, value], counted),
      this.deed({ do: 'set', value }, [...AT_SERIAL, 'SET', key, value], () => ({ reply: 'OK' })),
      this.deed({ do: 'set', value }, ['GETSET', key, value], (reply) => ({
        reply: 'OK',
        saw: [asValue(reply)],
      })),
      this.deed({ do: 'del' }, ['GETDEL', key], (reply) => ({
        reply: reply === null ? '0' : '1',
        saw: [asValue(reply)],
      })),
      this.deed({ do: 'delifeq', expected: old }, ['DELIFEQ', key, old], counted),
    ];
  }

  private read(): Deed {
    return this.deed({ do: 'get' }, [...AT_SERIAL, 'GET', this.key], (reply) => ({
      reply: '',
      saw: [asValue(reply)],
    }));
  }

  private deed(step: Deed['step'], argv: string[], meaning: Deed['meaning']): Deed {
    return { step, keys: this.keys, argv, meaning };
  }
}

/** A reply that counts what was done. */
function counted(reply: Reply): { reply: string } {
  return { reply: String(reply) };
}

/** A reply that tells what was there: it was swapped if that was the expected one. */
function foundIs(expected: string | null): Deed['meaning'] {
  return (reply) => ({ reply: reply === expected ? '1' : '0', saw: [asValue(reply)] });
}
