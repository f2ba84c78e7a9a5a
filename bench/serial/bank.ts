import { type Answer, History } from '../../cluster/sim/linearizability/history.js';
import type { Step } from '../../cluster/sim/linearizability/step.js';
import type { Reply } from '../faults/resp-client.js';
import { type Actor, asValue, outcome, perform, type SharedObject, settle } from './shared-object.js';

const ACCOUNTS = 4;
const START = 100;
const MOST = 40;

/**
 * Accounts of one slot, between which money goes by `WATCH`, `MULTI` and `EXEC`: together they always hold the same (Jepsen's bank).
 * Whether the connections are at SERIAL must not matter to that: a read of what is watched, and an `EXEC` that watches, are linearizable.
 */
export class SharedBank implements SharedObject {
  readonly history: History;
  private readonly accounts: readonly string[];

  constructor(name: string) {
    this.accounts = Array.from({ length: ACCOUNTS }, (_, i) => `{${name}}:${i}`);
    this.history = new History(this.accounts);
  }

  async act(actor: Actor): Promise<void> {
    const luck = actor.random.below(10);
    if (luck === 0) await this.open(actor);
    else if (luck < 4) await this.readAll(actor);
    else await this.transfer(actor);
  }

  /** Reads all accounts in one command; or in one transaction, which has the level of its connection. */
  async readAll(actor: Actor): Promise<void> {
    await actor.caller.connected();
    if (!actor.caller.serial || actor.random.below(2) === 0) {
      await this.read(actor, this.accounts, ['KV.AT', 'SERIAL', 'MGET']);
      return;
    }
    const open = this.history.ask(actor.name, { do: 'get' }, this.accounts);
    const gets = this.accounts.map((account) => ['GET', account]);
    const replies = await outcome(actor, [['MULTI'], ...gets, ['EXEC']]);
    settle(actor, open, replies.at(-1)!, seen);
  }

  private async open(actor: Actor): Promise<void> {
    await perform(actor, this.history, {
      step: { do: 'setnx', value: String(START) },
      keys: this.accounts,
      argv: ['MSETNX', ...this.accounts.flatMap((account) => [account, String(START)])],
      meaning: (reply) => ({ reply: String(reply) }),
    });
  }

  private async transfer(actor: Actor): Promise<void> {
    const from = actor.random.below(ACCOUNTS);
    const to = (from + 1 + actor.random.below(ACCOUNTS - 1)) % ACCOUNTS;
    const keys = [this.accounts[from], this.accounts[to]];
    const amount = 1 + actor.random.below(MOST);
    await actor.caller.connected();
    const [watched] = await outcome(actor, [['WATCH', ...keys]]);
    if (actor.tally.note(watched) !== 'answered') return;
    const reply = await this.read(actor, keys, ['MGET']);
    const balances = reply === undefined ? [null, null] : seen(reply).saw!;
    if (balances.includes(null) || Number(balances[0]) < amount) {
      await outcome(actor, [['UNWATCH']]);
      return;
    }
    const step: Step = { do: 'transfer', amount };
    const open = this.history.ask(actor.name, step, keys);
    const after = [Number(balances[0]) - amount, Number(balances[1]) + amount];
    const sets = keys.map((key, i) => ['SET', key, String(after[i])]);
    const executed = (await outcome(actor, [['MULTI'], ...sets, ['EXEC']])).at(-1)!;
    // Somebody else was faster: an answer that says that nothing was done.
    if (executed === null) open.notApplied();
    else settle(actor, open, executed, () => ({ reply: '1', saw: balances }));
  }

  /** On the connection there is: another one would watch nothing. */
  private async read(
    actor: Actor,
    keys: readonly string[],
    command: readonly string[],
  ): Promise<Reply | undefined> {
    const open = this.history.ask(actor.name, { do: 'get' }, keys);
    const [reply] = await outcome(actor, [[...command, ...keys]]);
    return settle(actor, open, reply, seen);
  }
}

/** What a list of values shows. */
function seen(reply: Reply): Answer {
  if (!Array.isArray(reply)) throw new Error(`not a list of values: ${String(reply)}`);
  return { reply: '', saw: reply.map(asValue) };
}
