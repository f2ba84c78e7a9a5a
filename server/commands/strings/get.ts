import { Errors } from '../../errors.js';
import { ALL_KEYS, type CommandSpec, ONE_KEY } from '../spec.js';
import { ExpiryOption } from './expiry.js';

/** Reads of whole values, and those that change the key's life with the read. */
export const getCommands: readonly CommandSpec[] = [
  {
    name: 'get',
    arity: 2,
    flags: ['readonly', 'fast'],
    keys: ONE_KEY,
    since: '1.0.0',
    group: 'string',
    summary: 'Get the value of a key',
    complexity: 'O(1)',
    syntax: 'GET key',
    run(call) {
      call.reply.bulk(call.read(call.argv[1])?.payload);
    },
  },
  {
    name: 'getex',
    arity: -2,
    flags: ['write', 'fast'],
    keys: ONE_KEY,
    since: '6.2.0',
    group: 'string',
    summary: 'Get the value of a key and optionally set its expiration',
    complexity: 'O(1)',
    syntax:
      'GETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]',
    run(call) {
      const { argv, reply, now } = call;
      const expiry = new ExpiryOption('PERSIST');
      for (let i = 2; i < argv.length; ) {
        const taken = expiry.take(argv, i);
        if (taken === 0) return reply.error(Errors.syntax);
        i += taken;
      }
      const value = call.read(argv[1]);
      // As in Redis a missing key is answered before the time is looked at, even a bad one.
      if (value === undefined) return reply.null();
      const expireAt = expiry.expireAt(now, 'getex');
      if (typeof expireAt === 'string') return reply.error(expireAt);
      reply.bulk(value.payload);
      if (expireAt !== 0 && expireAt <= now) call.remove(argv[1]);
      else if (expireAt !== 0 || (expiry.keyword && value.expireAt !== 0)) call.keepUntil(argv[1], expireAt);
    },
  },
  {
    name: 'getdel',
    arity: 2,
    flags: ['write', 'fast'],
    keys: ONE_KEY,
    serial: true,
    since: '6.2.0',
    group: 'string',
    summary: 'Get the value of a key and delete the key',
    complexity: 'O(1)',
    syntax: 'GETDEL key',
    run(call) {
      const key = call.argv[1];
      call.reply.bulk(call.read(key)?.payload);
      call.remove(key);
    },
  },
  {
    name: 'mget',
    arity: -2,
    flags: ['readonly', 'fast'],
    keys: ALL_KEYS,
    since: '1.0.0',
    group: 'string',
    summary: 'Get the values of all the given keys',
    complexity: 'O(N) where N is the number of keys to retrieve.',
    syntax: 'MGET key [key ...]',
    run(call) {
      const { argv, reply } = call;
      reply.array(argv.length - 1);
      for (let i = 1; i < argv.length; i++) reply.bulk(call.read(argv[i])?.payload);
    },
  },
  {
    name: 'strlen',
    arity: 2,
    flags: ['readonly', 'fast'],
    keys: ONE_KEY,
    since: '2.2.0',
    group: 'string',
    summary: 'Get the length of the value stored in a key',
    complexity: 'O(1)',
    syntax: 'STRLEN key',
    run(call) {
      call.reply.integer(call.read(call.argv[1])?.payload.length ?? 0);
    },
  },
];
