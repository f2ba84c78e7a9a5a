import { Errors } from '../../errors.js';
import { type Call, type CommandSpec, type Handler, ONE_KEY, type Value } from '../spec.js';
import { ExpiryOption, expireTime, writeUntil } from './expiry.js';

interface SetOptions {
  readonly expiry: ExpiryOption;
  condition: 'NX' | 'XX' | 'IFEQ' | 'IFNE' | undefined;
  /** What IFEQ and IFNE compare with. */
  expected: string;
  get: boolean;
}

/** undefined = syntax error. */
function parseOptions(argv: readonly string[]): SetOptions | undefined {
  const options: SetOptions = {
    expiry: new ExpiryOption('KEEPTTL'),
    condition: undefined,
    expected: '',
    get: false,
  };
  for (let i = 3; i < argv.length; ) {
    const taken = takeOption(options, argv, i) || options.expiry.take(argv, i);
    if (taken === 0) return undefined;
    i += taken;
  }
  return options;
}

/** How many arguments the condition or GET at `i` takes, 0 when there is none. */
function takeOption(options: SetOptions, argv: readonly string[], i: number): number {
  const word = argv[i].toUpperCase();
  if (word === 'GET') {
    options.get = true;
    return 1;
  }
  if (word === 'NX' || word === 'XX') {
    if (options.condition !== undefined && options.condition !== word) return 0;
    options.condition = word;
    return 1;
  }
  // Valkey: unlike NX and XX they may be given once only.
  if (word !== 'IFEQ' && word !== 'IFNE') return 0;
  if (options.condition !== undefined || i + 1 >= argv.length) return 0;
  options.condition = word;
  options.expected = argv[i + 1];
  return 2;
}

/** Others have nothing to do with what concurrent versions hold. */
function seesValue({ get, condition, expiry }: SetOptions): boolean {
  return get || condition === 'IFEQ' || condition === 'IFNE' || expiry.keyword;
}

function holds(call: Call, { condition, expected }: SetOptions, old: Value | undefined): boolean {
  const key = call.argv[1];
  switch (condition) {
    case 'NX':
      return !call.exists(key);
    case 'XX':
      return call.exists(key);
    case 'IFEQ':
      return old?.payload === expected;
    case 'IFNE':
      // Redis: also of a key that is not there.
      return old?.payload !== expected;
    default:
      return true;
  }
}

const setWithOptions: Handler = (call) => {
  const { argv, reply, now } = call;
  const options = parseOptions(argv);
  if (options === undefined) return reply.error(Errors.syntax);
  const { expiry } = options;
  const expireAt = expiry.expireAt(now, 'set');
  if (typeof expireAt === 'string') return reply.error(expireAt);

  const key = argv[1];
  const old = seesValue(options) ? call.read(key) : undefined;
  const isToBeSet = holds(call, options, old);
  if (options.get) reply.bulk(old?.payload);
  else if (isToBeSet) reply.ok();
  else reply.null();
  if (isToBeSet) writeUntil(call, key, argv[2], expiry.keyword ? (old?.expireAt ?? 0) : expireAt);
};

/** Without a condition, and without asking for the old value or its time. */
function isBlindSet(argv: readonly string[]): boolean {
  return argv.length === 3 || (argv.length === 5 && /^(EX|PX|EXAT|PXAT)$/i.test(argv[3]));
}

/** With a condition, or as GETSET: the reply tells its client what it has replaced. */
function isConditionalSet(argv: readonly string[]): boolean {
  for (let i = 3; i < argv.length; i++) if (/^(NX|XX|IFEQ|IFNE|GET)$/i.test(argv[i])) return true;
  return false;
}

function setWithTime(call: Call, command: 'setex' | 'psetex', unit: 'EX' | 'PX'): void {
  const expireAt = expireTime(unit, call.argv[2], call.now, command);
  if (typeof expireAt === 'string') {
    call.reply.error(expireAt);
    return;
  }
  call.write(call.argv[1], call.argv[3], expireAt);
  call.reply.ok();
}

/** SET and its older forms. */
export const setCommands: readonly CommandSpec[] = [
  {
    name: 'set',
    arity: -3,
    flags: ['write', 'denyoom'],
    keys: ONE_KEY,
    overwrites: isBlindSet,
    serial: isConditionalSet,
    since: '1.0.0',
    group: 'string',
    summary: 'Set the string value of a key',
    complexity: 'O(1)',
    syntax:
      'SET key value [NX | XX | IFEQ comparison-value | IFNE comparison-value] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]',
    run(call) {
      const { argv } = call;
      if (argv.length > 3) return setWithOptions(call);
      call.write(argv[1], argv[2], 0);
      call.reply.ok();
    },
  },
  {
    name: 'setnx',
    arity: 3,
    flags: ['write', 'denyoom', 'fast'],
    keys: ONE_KEY,
    serial: true,
    since: '1.0.0',
    group: 'string',
    summary: 'Set the value of a key, only if the key does not exist',
    complexity: 'O(1)',
    syntax: 'SETNX key value',
    run(call) {
      const { argv, reply } = call;
      if (call.exists(argv[1])) return reply.integer(0);
      call.write(argv[1], argv[2], 0);
      reply.integer(1);
    },
  },
  {
    name: 'setex',
    arity: 4,
    flags: ['write', 'denyoom'],
    keys: ONE_KEY,
    overwrites: () => true,
    since: '2.0.0',
    group: 'string',
    summary: 'Set the value and expiration of a key',
    complexity: 'O(1)',
    syntax: 'SETEX key seconds value',
    run: (call) => setWithTime(call, 'setex', 'EX'),
  },
  {
    name: 'psetex',
    arity: 4,
    flags: ['write', 'denyoom'],
    keys: ONE_KEY,
    overwrites: () => true,
    since: '2.6.0',
    group: 'string',
    summary: 'Set the value and expiration in milliseconds of a key',
    complexity: 'O(1)',
    syntax: 'PSETEX key milliseconds value',
    run: (call) => setWithTime(call, 'psetex', 'PX'),
  },
  {
    name: 'getset',
    arity: 3,
    flags: ['write', 'denyoom', 'fast'],
    keys: ONE_KEY,
    serial: true,
    since: '1.0.0',
    group: 'string',
    summary: 'Set the string value of a key and return its old value',
    complexity: 'O(1)',
    syntax: 'GETSET key value',
    run(call) {
      const { argv } = call;
      call.reply.bulk(call.read(argv[1])?.payload);
      call.write(argv[1], argv[2], 0);
    },
  },
];
