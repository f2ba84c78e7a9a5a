import type { Answer, History, Open } from '../../cluster/sim/linearizability/history.js';
import type { Step } from '../../cluster/sim/linearizability/step.js';
import type { Seeded } from '../../compat-tests/harness/seeded.js';
import { ConnectionLost, type Reply } from '../faults/resp-client.js';
import type { Caller } from './caller.js';
import type { Tally } from './tally.js';

/** Who does something to a shared object, and by what means. */
export interface Actor {
  readonly name: string;
  readonly caller: Caller;
  readonly random: Seeded;
  readonly tally: Tally;
  /** A value that nobody has written before. */
  unique(): string;
}

/** Some keys that several clients change at the same time, by operations that are promised to be linearizable. */
export interface SharedObject {
  readonly history: History;
  /** One thing or another, noted in the history. */
  act(actor: Actor): Promise<void>;
  /** All of it is read once more. */
  readAll(actor: Actor): Promise<void>;
}

/** One command, what it is in the model, and what a reply that is no error means there. */
export interface Deed {
  readonly step: Step;
  readonly keys: readonly string[];
  readonly argv: string[];
  meaning(reply: Reply): Answer;
}

/** Does it and notes what is known of it. Resolves with the reply, undefined when it failed. */
export async function perform(actor: Actor, history: History, deed: Deed): Promise<Reply | undefined> {
  await actor.caller.connected();
  const open = history.ask(actor.name, deed.step, deed.keys);
  const [reply] = await outcome(actor, [deed.argv]);
  return settle(actor, open, reply, deed.meaning);
}

/** The replies; if they will not come, the reason in the place of the last. */
export async function outcome(actor: Actor, commands: readonly string[][]): Promise<readonly Reply[]> {
  try {
    return await actor.caller.send(...commands);
  } catch (error) {
    if (error instanceof ConnectionLost) return [error];
    throw error;
  }
}

/** Notes what came of a step. A list with an error in it is one. */
export function settle(
  { tally }: Actor,
  open: Open,
  reply: Reply,
  meaning: (reply: Reply) => Answer,
): Reply | undefined {
  const failure = Array.isArray(reply) ? reply.find((one) => one instanceof Error) : undefined;
  const fate = tally.note(failure ?? reply);
  if (fate === 'answered') {
    open.answered(meaning(reply));
    return reply;
  }
  if (fate === 'not applied') open.notApplied();
  return undefined;
}

/** A value as it is read. */
export function asValue(reply: Reply): string | null {
  if (reply !== null && typeof reply !== 'string') throw new Error(`not a value: ${String(reply)}`);
  return reply;
}
