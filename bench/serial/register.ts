import { History } from '../../cluster/sim/linearizability/history.js';
import type { Reply } from '../faults/resp-client.js';
import { type Actor, asValue, type Deed, perform, type SharedObject } from './shared-object.js';

const AT_SERIAL = ['KV.AT', 'SERIAL'];

/** What a client knows of the key. */
interface Known {
  readonly value: string | null;
  /** The version that holds the value, where the client was told. */
  readonly version?: string;
}

/** One key and every command that compares, and reads and writes at SERIAL. */
export class SharedRegister implements SharedObject {
  readonly history: History;
  private readonly keys: readonly string[];
  private readonly known = new Map<string, Known>();

  constructor(private readonly key: string) {
    this.keys = [key];
    this.history = new History(this.keys);
  }

  async act(actor: Actor): Promise<void> {
    const { known } = this;
    const { value = null, version } = known.get(actor.name) ?? {};
    // Who has just learned the version makes use of it.
    if (version !== undefined) return this.swapVersion(actor, value, version);
    const deeds = this.deeds(value, actor.unique());
    const deed = deeds[actor.random.below(deeds.length)];
    const reply = await perform(actor, this.history, deed);
    if (reply === undefined) return;
    const answer = deed.meaning(reply);
    const wrote = 'value' in deed.step && answer.reply !== '0';
    if (wrote) known.set(actor.name, { value: deed.step.value });
    else if (answer.saw !== undefined)
      known.set(actor.name, { value: answer.saw[0], version: versionIn(reply) });
  }

  /** Asks again when it was not answered: this is what may not be applied twice. */
  private async swapVersion(actor: Actor, expected: string | null, version: string): Promise<void> {
    const value = actor.unique();
    const argv = ['CAS', this.key, 'VERSION', version, value];
    const deed = this.deed({ do: 'cas', expected, value }, argv, counted);
    const reply = (await perform(actor, this.history, deed)) ?? (await perform(actor, this.history, deed));
    this.known.set(actor.name, { value: reply === 1 ? value : expected });
  }

  async readAll(actor: Actor): Promise<void> {
    await perform(actor, this.history, this.read());
  }

  private deeds(expected: string | null, value: string): Deed[] {
    const { key } = this;
    const old = expected ?? 'never written';
    return [
      this.read(),
      this.readVersion(),
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
      this.deed({ do: 'delifeq', expected: old }, ['DELEX', key, 'IFEQ', old], counted),
    ];
  }

  private read(): Deed {
    return this.deed({ do: 'get' }, [...AT_SERIAL, 'GET', this.key], (reply) => ({
      reply: '',
      saw: [asValue(reply)],
    }));
  }

  private readVersion(): Deed {
    return this.deed({ do: 'get' }, [...AT_SERIAL, 'KV.GET', this.key], (reply) => ({
      reply: '',
      saw: [asValue((reply as readonly Reply[])[0])],
    }));
  }

  private deed(step: Deed['step'], argv: string[], meaning: Deed['meaning']): Deed {
    return { step, keys: this.keys, argv, meaning };
  }
}

/** In a reply of KV.GET about a key that has a value. */
function versionIn(reply: Reply): string | undefined {
  return Array.isArray(reply) ? ((reply[2] as string | null) ?? undefined) : undefined;
}

/** A reply that counts what was done. */
function counted(reply: Reply): { reply: string } {
  return { reply: String(reply) };
}

/** A reply that tells what was there: it was swapped if that was the expected one. */
function foundIs(expected: string | null): Deed['meaning'] {
  return (reply) => ({ reply: reply === expected ? '1' : '0', saw: [asValue(reply)] });
}
