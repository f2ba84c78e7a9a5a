import { Errors } from '../../errors.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import type { KeyRef } from '../spec.js';
import { parseDb, possibleDb } from './db-index.js';

const SAME_OBJECT = 'ERR source and destination objects are the same';

/** COPY and MOVE: the commands that reach into another database. */
export const copyCommands: readonly ServerCommandSpec[] = [
  {
    name: 'copy',
    arity: -3,
    flags: ['write', 'denyoom'],
    keys: { first: 1, last: 2, step: 1 },
    keysOf: copyKeys,
    since: '6.2.0',
    group: 'generic',
    summary: 'Copy a key',
    complexity:
      'O(N) worst case for collections, where N is the number of nested items. O(1) for string values.',
    syntax: 'COPY source destination [DB destination-db] [REPLACE]',
    run(call) {
      const { argv, reply } = call;
      const options = copyOptions(call);
      if (typeof options === 'string') return reply.error(options);
      const [, from, to] = argv;
      if (options.db === call.db && from === to) return reply.error(SAME_OBJECT);
      const value = call.read(from);
      if (value === undefined) return reply.integer(0);
      if (!options.replace && call.exists(to, options.db)) return reply.integer(0);
      call.write(to, value.payload, value.expireAt, options.db);
      reply.integer(1);
    },
  },
  {
    name: 'move',
    arity: 3,
    flags: ['write', 'fast'],
    keys: { first: 1, last: 1, step: 1 },
    keysOf(argv, db) {
      const target = possibleDb(argv[2]);
      return target === undefined || target === db ? [] : bothKeys(db, argv[1], target, argv[1]);
    },
    since: '1.0.0',
    group: 'generic',
    summary: 'Move a key to another database',
    complexity: 'O(1)',
    syntax: 'MOVE key db',
    run(call) {
      const { reply } = call;
      const key = call.argv[1];
      const target = parseDb(call, call.argv[2]);
      if (typeof target === 'string') return reply.error(target);
      if (target === call.db) return reply.error(SAME_OBJECT);
      const value = call.read(key);
      if (value === undefined || call.exists(key, target)) return reply.integer(0);
      call.write(key, value.payload, value.expireAt, target);
      call.remove(key);
      reply.integer(1);
    },
  },
];

/** None where the handler refuses the arguments. */
function copyKeys(argv: readonly string[], db: number): KeyRef[] {
  let target: number | undefined = db;
  for (let i = 3; i < argv.length; i++) {
    if (argv[i].toLowerCase() !== 'db' || i + 1 === argv.length) continue;
    target = possibleDb(argv[++i]);
    if (target === undefined) return [];
  }
  return target === db && argv[1] === argv[2] ? [] : bothKeys(db, argv[1], target, argv[2]);
}

function bothKeys(db: number, key: string, otherDb: number, otherKey: string): KeyRef[] {
  return [
    { db, key },
    { db: otherDb, key: otherKey },
  ];
}

function copyOptions(call: ServerCall): { db: number; replace: boolean } | string {
  const { argv } = call;
  let target = call.db;
  let replace = false;
  for (let i = 3; i < argv.length; i++) {
    const option = argv[i].toLowerCase();
    if (option === 'replace') {
      replace = true;
    } else if (option === 'db' && i + 1 < argv.length) {
      const db = parseDb(call, argv[++i]);
      if (typeof db === 'string') return db;
      target = db;
    } else {
      return Errors.syntax;
    }
  }
  return { db: target, replace };
}
