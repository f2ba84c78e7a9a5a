import * as argument from './arguments.js';
import type { Random } from './random.js';

/** One sequence's dice and the keys it plays with. */
export interface Play {
  readonly random: Random;
  readonly keys: readonly string[];
}

export type Make = (play: Play) => string[];

const key = ({ random, keys }: Play): string => random.pick(keys);
const someKeys = (play: Play): string[] => play.random.list(1, 4, () => key(play));
const pairs = (play: Play): string[] =>
  play.random.list(1, 3, () => [key(play), argument.value(play.random)]).flat();

/** An option with its time, as SET and GETEX take it. */
function expiry({ random }: Play): string[] {
  switch (random.int(4)) {
    case 0:
      return ['EX', argument.seconds(random)];
    case 1:
      return ['PX', argument.milliseconds(random)];
    case 2:
      return ['EXAT', argument.unixSeconds(random)];
    default:
      return ['PXAT', argument.unixMilliseconds(random)];
  }
}

function setOptions(play: Play): string[] {
  const { random } = play;
  const options = random.some(25, ['NX', 'XX', 'GET', 'KEEPTTL']);
  return random.chance(40) ? [...options, ...expiry(play)] : options;
}

const reads: readonly Make[] = [
  (p) => ['GET', key(p)],
  (p) => ['MGET', ...someKeys(p)],
  (p) => ['STRLEN', key(p)],
  (p) => ['GETRANGE', key(p), argument.integer(p.random), argument.integer(p.random)],
  (p) => ['SUBSTR', key(p), argument.integer(p.random), argument.integer(p.random)],
];

export const strings: readonly Make[] = [
  ...reads,
  (p) => ['GET', key(p)],
  (p) => ['SET', key(p), argument.value(p.random)],
  (p) => ['SET', key(p), argument.value(p.random), ...setOptions(p)],
  (p) => ['SET', key(p), argument.integer(p.random), ...setOptions(p)],
  (p) => ['SETNX', key(p), argument.value(p.random)],
  (p) => ['SETEX', key(p), argument.seconds(p.random), argument.value(p.random)],
  (p) => ['PSETEX', key(p), argument.milliseconds(p.random), argument.value(p.random)],
  (p) => ['GETSET', key(p), argument.value(p.random)],
  (p) => ['GETDEL', key(p)],
  (p) => ['GETEX', key(p), ...(p.random.chance(20) ? ['PERSIST'] : p.random.chance(80) ? expiry(p) : [])],
  (p) => ['APPEND', key(p), argument.value(p.random)],
  (p) => ['SETRANGE', key(p), offset(p.random), argument.value(p.random)],
  (p) => ['MSET', ...pairs(p)],
  (p) => ['INCR', key(p)],
  (p) => ['DECR', key(p)],
  (p) => ['INCRBY', key(p), argument.integer(p.random)],
  (p) => ['DECRBY', key(p), argument.integer(p.random)],
  (p) => ['INCRBYFLOAT', key(p), argument.float(p.random)],
  (p) => ['INCRBYFLOAT', key(p), argument.float(p.random)],
];

/** Of several keys that are looked at together. */
export const together: readonly Make[] = [
  (p) => ['MSETNX', ...pairs(p)],
  (p) => ['LCS', key(p), key(p), ...p.random.some(40, ['LEN', 'IDX', 'WITHMATCHLEN'])],
  (p) => ['LCS', key(p), key(p), 'IDX', 'MINMATCHLEN', argument.integer(p.random)],
  (p) => ['RENAME', key(p), key(p)],
  (p) => ['RENAMENX', key(p), key(p)],
  (p) => ['COPY', key(p), key(p), ...p.random.some(50, ['REPLACE'])],
  (p) => ['COPY', key(p), key(p), 'DB', database(p.random), ...p.random.some(50, ['REPLACE'])],
  (p) => ['BITOP', p.random.pick(['AND', 'OR', 'XOR', 'NOT']), key(p), key(p)],
  (p) => ['BITOP', p.random.pick(['AND', 'OR', 'XOR', 'NOT', 'NAND']), key(p), ...someKeys(p)],
];

export const bitmaps: readonly Make[] = [
  (p) => ['SET', key(p), argument.value(p.random)],
  (p) => ['GET', key(p)],
  (p) => ['SETBIT', key(p), offset(p.random), bit(p.random)],
  (p) => ['GETBIT', key(p), offset(p.random)],
  (p) => ['BITCOUNT', key(p), ...range(p.random)],
  (p) => ['BITPOS', key(p), bit(p.random), ...range(p.random)],
  (p) => ['BITPOS', key(p), bit(p.random), argument.integer(p.random)],
  (p) => ['BITFIELD', key(p), ...p.random.list(1, 4, () => fieldOperation(p.random)).flat()],
  (p) => ['BITFIELD', key(p), ...p.random.list(1, 4, () => fieldOperation(p.random)).flat()],
  (p) => ['BITFIELD_RO', key(p), ...p.random.list(1, 3, () => ['GET', ...field(p.random)]).flat()],
];

export const generic: readonly Make[] = [
  (p) => ['SET', key(p), argument.value(p.random)],
  (p) => ['SET', key(p), argument.value(p.random), 'EX', argument.seconds(p.random)],
  (p) => ['DEL', ...someKeys(p)],
  (p) => ['UNLINK', ...someKeys(p)],
  (p) => ['EXISTS', ...someKeys(p)],
  (p) => ['TOUCH', ...someKeys(p)],
  (p) => ['TYPE', key(p)],
  (p) => ['EXPIRE', key(p), argument.seconds(p.random), ...conditions(p.random)],
  (p) => ['PEXPIRE', key(p), argument.milliseconds(p.random), ...conditions(p.random)],
  (p) => ['EXPIREAT', key(p), argument.unixSeconds(p.random), ...conditions(p.random)],
  (p) => ['PEXPIREAT', key(p), argument.unixMilliseconds(p.random), ...conditions(p.random)],
  (p) => [p.random.pick(['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME']), key(p)],
  (p) => [p.random.pick(['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME']), key(p)],
  (p) => ['PERSIST', key(p)],
  (p) => ['MOVE', key(p), database(p.random)],
  (p) => ['OBJECT', p.random.pick(['IDLETIME', 'HELP']), key(p)],
  (p) => ['RESTORE', key(p), '0', argument.value(p.random)],
];

export const databases: readonly Make[] = [
  (p) => ['SELECT', database(p.random)],
  (p) => ['SELECT', database(p.random)],
  (p) => ['SET', key(p), argument.value(p.random)],
  (p) => ['GET', key(p)],
  (p) => ['MOVE', key(p), database(p.random)],
];

export const flushes: readonly Make[] = [
  (p) => [p.random.pick(['FLUSHDB', 'FLUSHALL']), ...p.random.some(30, ['SYNC', 'ASYNC'])],
];

/** Looks at the whole database. */
export const keyspace: readonly Make[] = [
  (p) => ['KEYS', pattern(p)],
  (p) => ['SCAN', '0', 'COUNT', '1000', ...(p.random.chance(50) ? ['MATCH', pattern(p)] : [])],
  (p) => ['SCAN', p.random.pick(['0', '']), 'COUNT', '1000', 'TYPE', p.random.pick(['string', 'hash', 'x'])],
];

/** For a node alone. */
export const swaps: readonly Make[] = [(p) => ['SWAPDB', database(p.random), database(p.random)]];

export const connections: readonly Make[] = [
  (p) => ['PING', ...p.random.some(50, [argument.value(p.random)])],
  (p) => ['ECHO', argument.value(p.random)],
  (p) => ['CLIENT', 'SETNAME', p.random.chance(50) ? 'name' : argument.value(p.random)],
  () => ['CLIENT', 'GETNAME'],
  (p) => ['CLIENT', argument.junk(p.random), argument.junk(p.random)],
  (p) => ['CONFIG', p.random.pick(['HELP', 'NOSUCH', 'SET', '']), 'nosuch', argument.junk(p.random)],
  (p) => ['OBJECT', argument.junk(p.random), argument.junk(p.random)],
  (p) => [argument.value(p.random), ...p.random.list(0, 3, () => argument.value(p.random))],
];

export const transactions: readonly Make[] = [
  () => ['MULTI'],
  () => ['MULTI'],
  () => ['EXEC'],
  () => ['EXEC'],
  () => ['DISCARD'],
  () => ['UNWATCH'],
];

/** Looks at keys: in one slot wherever the queue is. */
export const watches: readonly Make[] = [(p) => ['WATCH', ...someKeys(p)]];

function offset(random: Random): string {
  if (random.chance(75)) return String(random.int(200));
  return random.pick(['0', '-1', '4294967296', '9223372036854775807', '9223372036854775808', 'x', '01', '']);
}

function bit(random: Random): string {
  return random.chance(90) ? random.pick(['0', '1']) : random.pick(['2', '-1', 'x', '']);
}

function range(random: Random): string[] {
  if (random.chance(20)) return [];
  const bounds = [argument.integer(random), argument.integer(random)];
  return random.chance(50) ? bounds : [...bounds, random.pick(['BYTE', 'BIT', 'bit', 'BITS'])];
}

function field(random: Random): [type: string, offset: string] {
  const type = random.chance(90)
    ? random.pick(['u', 'i', 'U', 'I']) + random.pick(['1', '2', '7', '8', '13', '31', '32', '63', '64'])
    : random.pick(['u0', 'i65', 'x8', 'u', '', 'u8 ', 'i08', 'u-1']);
  const at = random.chance(90)
    ? (random.chance(40) ? '#' : '') + random.int(40)
    : random.pick(['-1', '#-1', 'x', '#', '', '4294967296', '9223372036854775808', '#9223372036854775807']);
  return [type, at];
}

function fieldOperation(random: Random): string[] {
  switch (random.int(4)) {
    case 0:
      return ['GET', ...field(random)];
    case 1:
      return ['SET', ...field(random), argument.integer(random)];
    case 2:
      return ['INCRBY', ...field(random), argument.integer(random)];
    default:
      return ['OVERFLOW', random.pick(['WRAP', 'SAT', 'FAIL', 'sat', 'X'])];
  }
}

function conditions(random: Random): string[] {
  if (random.chance(50)) return [];
  return random.list(1, 2, () => random.pick(['NX', 'XX', 'GT', 'LT', 'gt', 'ZZ']));
}

function database(random: Random): string {
  return random.chance(85)
    ? random.pick(['0', '1', '1', '2', '15'])
    : random.pick(['16', '-1', 'x', '', '01']);
}

function pattern(play: Play): string {
  const { random } = play;
  return random.chance(40)
    ? '*'
    : random.pick([
        '?',
        '*a*',
        '[a-c]',
        '[^a]*',
        '\\*',
        '*[',
        'key:?',
        '*\\',
        '[b-a]',
        '',
        '*\xff*',
        key(play),
      ]);
}
