import { Errors } from '../../errors.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import { NO_KEYS } from '../spec.js';
import { DB_RANGE, isDb, parseInt32 } from './db-index.js';

const NOT_SERIAL =
  'On a cluster not linearizable, whatever the level: what is written meanwhile may be gone or stay';

/** DBSIZE, RANDOMKEY, FLUSHDB, FLUSHALL, SWAPDB: a whole database at once. */
export const databaseCommands: readonly ServerCommandSpec[] = [
  {
    name: 'dbsize',
    arity: 1,
    flags: ['readonly', 'fast'],
    keys: NO_KEYS,
    since: '1.0.0',
    group: 'server',
    summary: 'Return the number of keys in the selected database',
    complexity: 'O(1)',
    extraCategories: ['@keyspace'],
    syntax: 'DBSIZE',
    run(call) {
      const { reply, done } = call.later();
      call.server.keyspace.size(call.db, (error, keys) => {
        if (error !== null) reply.error(error);
        else reply.integer(keys);
        done();
      });
    },
  },
  {
    name: 'randomkey',
    arity: 1,
    flags: ['readonly'],
    keys: NO_KEYS,
    since: '1.0.0',
    group: 'generic',
    summary: 'Return a random key from the keyspace',
    complexity: 'O(1)',
    syntax: 'RANDOMKEY',
    run(call) {
      const { reply, done } = call.later();
      call.server.keyspace.randomKey(call.db, (error, key) => {
        if (error !== null) reply.error(error);
        else reply.bulk(key);
        done();
      });
    },
  },
  {
    name: 'flushdb',
    arity: -1,
    flags: ['write'],
    keys: NO_KEYS,
    since: '1.0.0',
    group: 'server',
    summary: 'Remove all keys from the current database',
    note: NOT_SERIAL,
    complexity: 'O(N) where N is the number of keys in the selected database',
    extraCategories: ['@keyspace', '@dangerous'],
    syntax: 'FLUSHDB [ASYNC | SYNC]',
    run: (call) => flush(call, call.db),
  },
  {
    name: 'flushall',
    arity: -1,
    flags: ['write'],
    keys: NO_KEYS,
    since: '1.0.0',
    group: 'server',
    summary: 'Remove all keys from all databases',
    note: NOT_SERIAL,
    complexity: 'O(N) where N is the total number of keys in all databases',
    extraCategories: ['@keyspace', '@dangerous'],
    syntax: 'FLUSHALL [ASYNC | SYNC]',
    run: (call) => flush(call, undefined),
  },
  {
    name: 'swapdb',
    arity: 3,
    flags: ['write', 'fast'],
    keys: NO_KEYS,
    since: '4.0.0',
    group: 'server',
    summary: 'Swaps two Redis databases',
    complexity: 'O(N) where N is the count of clients watching or blocking on keys from both databases.',
    extraCategories: ['@keyspace', '@dangerous'],
    syntax: 'SWAPDB index1 index2',
    run(call) {
      const a = parseInt32(call.argv[1]);
      if (a === undefined) return call.reply.error('ERR invalid first DB index');
      const b = parseInt32(call.argv[2]);
      if (b === undefined) return call.reply.error('ERR invalid second DB index');
      if (!isDb(call, a) || !isDb(call, b)) return call.reply.error(DB_RANGE);
      const { reply, done } = call.later();
      call.server.keyspace.swap(a, b, (error) => {
        if (error !== null) reply.error(error);
        else reply.ok();
        done();
      });
    },
  },
];

/** ASYNC and SYNC make no difference: a flush is a mark, and what lies under it is cleared away in the background. */
function flush(call: ServerCall, db: number | undefined) {
  const { argv } = call;
  const mode = argv[1]?.toLowerCase();
  if (argv.length > 2 || (mode !== undefined && mode !== 'async' && mode !== 'sync'))
    return call.reply.error(Errors.syntax);
  const { reply, done } = call.later();
  call.server.keyspace.flush(db, (error) => {
    if (error !== null) reply.error(error);
    else reply.ok();
    done();
  });
}
