import type { CommandCall } from '../../command-call.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import { ALL_KEYS, NO_KEYS } from '../spec.js';

/** MULTI, EXEC, DISCARD, WATCH, UNWATCH: the rows; what they do is in `server/transaction.ts`. */
export const transactionCommands: readonly ServerCommandSpec[] = [
  {
    name: 'multi',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    keys: NO_KEYS,
    since: '1.2.0',
    group: 'transactions',
    summary: 'Mark the start of a transaction block',
    complexity: 'O(1)',
    syntax: 'MULTI',
    run(call) {
      if (call.client.transaction.begin()) call.reply.ok();
      else call.reply.error('ERR MULTI calls can not be nested');
    },
  },
  {
    name: 'exec',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'skip_slowlog'],
    keys: NO_KEYS,
    since: '1.2.0',
    group: 'transactions',
    summary: 'Execute all commands issued after MULTI',
    complexity: 'Depends on commands in the transaction',
    syntax: 'EXEC',
    run(call) {
      call.client.transaction.exec(asCommandCall(call));
    },
  },
  {
    name: 'discard',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    keys: NO_KEYS,
    since: '2.0.0',
    group: 'transactions',
    summary: 'Discard all commands issued after MULTI',
    complexity: 'O(N), when N is the number of queued commands',
    syntax: 'DISCARD',
    run(call) {
      const { transaction } = call.client;
      if (!transaction.active) return call.reply.error('ERR DISCARD without MULTI');
      transaction.discard();
      call.reply.ok();
    },
  },
  {
    name: 'watch',
    arity: -2,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    keys: ALL_KEYS,
    alone: true,
    since: '2.2.0',
    group: 'transactions',
    summary: 'Watch the given keys to determine execution of the MULTI/EXEC block',
    complexity: 'O(1) for every key.',
    syntax: 'WATCH key [key ...]',
    run(call) {
      const { transaction } = call.client;
      if (transaction.active) return call.reply.error('ERR WATCH inside MULTI is not allowed');
      transaction.watch(asCommandCall(call));
    },
  },
  {
    name: 'unwatch',
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    keys: NO_KEYS,
    since: '2.2.0',
    group: 'transactions',
    summary: 'Forget about all watched keys',
    complexity: 'O(1)',
    syntax: 'UNWATCH',
    run(call) {
      call.client.transaction.unwatch();
      call.reply.ok();
    },
  },
];

/** These rows look behind the interface that other handlers see: at records and at the call's place in the order. */
function asCommandCall(call: ServerCall): CommandCall {
  return call as CommandCall;
}
