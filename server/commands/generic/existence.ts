import { ALL_KEYS, type Call, type CommandSpec, ONE_KEY } from '../spec.js';

/** DEL, UNLINK, EXISTS, TOUCH, TYPE. */
export const existenceCommands: readonly CommandSpec[] = [
  {
    name: 'del',
    arity: -2,
    flags: ['write'],
    keys: ALL_KEYS,
    fanout: 'sum',
    overwrites: () => true,
    since: '1.0.0',
    group: 'generic',
    summary: 'Delete a key',
    complexity:
      'O(N) where N is the number of keys that will be removed. When a key to remove holds a value other than a string, the individual complexity for this key is O(M) where M is the number of elements in the list, set, sorted set or hash. Removing a single key that holds a string value is O(1).',
    syntax: 'DEL key [key ...]',
    run: removeKeys,
  },
  {
    name: 'unlink',
    arity: -2,
    flags: ['write', 'fast'],
    keys: ALL_KEYS,
    fanout: 'sum',
    overwrites: () => true,
    since: '4.0.0',
    group: 'generic',
    summary: 'Delete a key asynchronously in another thread. Otherwise it is just as DEL, but non blocking.',
    complexity:
      'O(1) for each key removed regardless of its size. Then the command does O(N) work in a different thread in order to reclaim memory, where N is the number of allocations the deleted objects where composed of.',
    syntax: 'UNLINK key [key ...]',
    run: removeKeys,
  },
  {
    name: 'exists',
    arity: -2,
    flags: ['readonly', 'fast'],
    keys: ALL_KEYS,
    since: '1.0.0',
    group: 'generic',
    summary: 'Determine if a key exists',
    complexity: 'O(N) where N is the number of keys to check.',
    syntax: 'EXISTS key [key ...]',
    run: countKeys,
  },
  {
    name: 'touch',
    arity: -2,
    flags: ['readonly', 'fast'],
    keys: ALL_KEYS,
    since: '3.2.1',
    group: 'generic',
    summary: 'Alters the last access time of a key(s). Returns the number of existing keys specified.',
    complexity: 'O(N) where N is the number of keys that will be touched.',
    syntax: 'TOUCH key [key ...]',
    run: countKeys,
  },
  {
    name: 'type',
    arity: 2,
    flags: ['readonly', 'fast'],
    keys: ONE_KEY,
    since: '1.0.0',
    group: 'generic',
    summary: 'Determine the type stored at key',
    complexity: 'O(1)',
    syntax: 'TYPE key',
    run(call) {
      call.reply.simple(call.exists(call.argv[1]) ? 'string' : 'none');
    },
  },
];

function removeKeys(call: Call): void {
  let removed = 0;
  for (let i = 1; i < call.argv.length; i++) if (call.remove(call.argv[i])) removed++;
  call.reply.integer(removed);
}

/** A key named twice counts twice. */
function countKeys(call: Call): void {
  let alive = 0;
  for (let i = 1; i < call.argv.length; i++) if (call.exists(call.argv[i])) alive++;
  call.reply.integer(alive);
}
