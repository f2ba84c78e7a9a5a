import { Errors } from '../../errors.js';
import { type CommandSpec, ONE_KEY } from '../spec.js';
import { ExpiryOption, writeUntil } from './expiry.js';

/** Writes that happen only if the key has the value the client saw: atomic, as one handler on the key's coordinator. */
export const compareCommands: readonly CommandSpec[] = [
  {
    name: 'delifeq',
    arity: 3,
    flags: ['write', 'fast'],
    keys: ONE_KEY,
    serial: true,
    since: '0.1.0',
    group: 'ringkv',
    summary: 'Delete a key if it has the given value',
    complexity: 'O(1)',
    extraCategories: ['@string'],
    syntax: 'DELIFEQ key value',
    run(call) {
      const [, key, expected] = call.argv;
      call.reply.integer(call.read(key)?.payload === expected && call.remove(key) ? 1 : 0);
    },
  },
  {
    name: 'cas',
    arity: -4,
    flags: ['write', 'denyoom'],
    keys: ONE_KEY,
    serial: true,
    since: '0.1.0',
    group: 'ringkv',
    summary: 'Set a key if it has the given value',
    complexity: 'O(1)',
    extraCategories: ['@string'],
    syntax: 'CAS key expected new [EX seconds | PX milliseconds | KEEPTTL]',
    run(call) {
      const { argv, reply, now } = call;
      const expiry = new ExpiryOption('KEEPTTL', ['EX', 'PX']);
      for (let i = 4; i < argv.length; ) {
        const taken = expiry.take(argv, i);
        if (taken === 0) return reply.error(Errors.syntax);
        i += taken;
      }
      const expireAt = expiry.expireAt(now, 'cas');
      if (typeof expireAt === 'string') return reply.error(expireAt);
      const old = call.read(argv[1]);
      if (old?.payload !== argv[2]) return reply.integer(0);
      writeUntil(call, argv[1], argv[3], expiry.keyword ? old.expireAt : expireAt);
      reply.integer(1);
    },
  },
];
