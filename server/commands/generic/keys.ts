import type { Keyspace } from '../../keyspace.js';
import type { ServerCommandSpec } from '../../server-call.js';
import { NO_KEYS } from '../spec.js';
import { globMatch } from './glob.js';

/** Keys asked for in one step. */
const STEP = 10_000;

/** KEYS. */
export const keysCommand: ServerCommandSpec = {
  name: 'keys',
  arity: 2,
  flags: ['readonly'],
  keys: NO_KEYS,
  since: '1.0.0',
  group: 'generic',
  summary: 'Find all keys matching the given pattern',
  complexity:
    'O(N) with N being the number of keys in the database, under the assumption that the key names in the database and the given pattern have limited length.',
  extraCategories: ['@dangerous'],
  syntax: 'KEYS pattern',
  run(call) {
    const { reply, done } = call.later();
    collectKeys(call.server.keyspace, call.db, call.argv[1], (error, keys) => {
      if (error !== null) {
        reply.error(error);
      } else {
        reply.array(keys.size);
        for (const key of keys) reply.bulk(key);
      }
      done();
    });
  },
};

/** A set, as a scan may find a key twice. */
function collectKeys(
  keyspace: Keyspace,
  db: number,
  pattern: string,
  done: (error: string | null, keys: Set<string>) => void,
): void {
  const found = new Set<string>();
  let cursor = 0;
  let running = false;
  let goOn = true;
  // A keyspace may answer at once or later: a loop here, so that many answers at once do not pile up on the stack.
  const steps = (): void => {
    goOn = true;
    if (running) return;
    running = true;
    while (goOn) {
      goOn = false;
      keyspace.scan(db, cursor, STEP, (error, next, items) => {
        if (error !== null) return done(error, found);
        for (const { key } of items) if (globMatch(pattern, key)) found.add(key);
        cursor = next;
        if (next === 0) done(null, found);
        else steps();
      });
    }
    running = false;
  };
  steps();
}
