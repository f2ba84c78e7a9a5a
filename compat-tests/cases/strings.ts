import { type Cases, choices, each } from './script.js';

const SET_OPTIONS = [
  ...['NX', 'XX', 'GET', 'KEEPTTL', 'EX 1000', 'PX 1000000', 'EXAT 4102444800', 'PXAT 4102444800000'],
  ...['EX', 'EX 0', 'PX -1', 'EX x', 'EX 9223372036854775807', 'PXAT 1', 'PERSIST', '""', 'EXX'],
];
const GETEX_OPTIONS = [
  ...['PERSIST', 'EX 1000', 'PX 1000000', 'EXAT 4102444800', 'PXAT 4102444800000', 'KEEPTTL', 'NX', 'GET'],
  ...['EX', 'EX 0', 'PX -1', 'EXAT 1', 'PX x', 'EX 9223372036854775807'],
];

/** SET, GET and all that belongs to strings. */
export const stringCases: Cases = {
  'SET with every pair of options': each(
    'SET k old EX 500',
    choices(SET_OPTIONS, 2).map((options) => `SET k new ${options}`),
    'GET k\nPTTL k\nDEL k',
  ),
  'SET with options on a missing key': each(
    'DEL k',
    choices(SET_OPTIONS, 2).map((options) => `SET k new ${options}`),
    'GET k\nPTTL k',
  ),
  'SET with three options': each(
    'SET k old',
    choices(SET_OPTIONS.slice(0, 6), 3).map((options) => `SET k new ${options}`),
    'GET k\nPTTL k',
  ),
  'GETEX with every pair of options': each(
    'SET k v EX 500',
    choices(GETEX_OPTIONS, 2).map((options) => `GETEX k ${options}`),
    'PTTL k\nGET k',
  ),
  'GETEX on a missing key': each(
    'DEL k',
    choices(GETEX_OPTIONS, 2).map((options) => `GETEX k ${options}`),
    'EXISTS k',
  ),
  'odd keys and values': String.raw`
    SET "" empty
    GET ""
    SET k ""
    GET k
    STRLEN k
    EXISTS k
    SET "a\r\nb\x00\xff" "\r\n\x00\xff"
    GET "a\r\nb\x00\xff"
    KEYS *
    mGeT k "" nosuch k
    MGET`,
  'SETEX, PSETEX, SETNX, GETSET, GETDEL': `
    SETEX k 100 v
    TTL k
    SETEX k 0 v
    SETEX k -1 v
    SETEX k x v
    SETEX k 1.5 v
    SETEX k 9223372036854775807 v
    SETEX k 9223372036854775 v
    SETEX k 100
    SETEX k 100 v w
    PSETEX k 100000 v
    PSETEX k 0 v
    PSETEX k 9223372036854775807 v
    PSETEX k 99999999999999999999 v
    SETNX k w
    SETNX l w
    GETSET l x
    GETSET m x
    TTL l
    EXPIRE l 100
    GETSET l y
    TTL l
    GETDEL l
    GETDEL l
    GETDEL
    GETDEL l m`,
  'MSET and MSETNX': `
    MSET
    MSET a
    MSET a 1 b
    MSET a 1 b 2 a 3
    MGET a b
    MSETNX a 1
    MSETNX c 1 b 2
    GET c
    MSETNX c 1 c 2
    GET c
    MSETNX d
    MSETNX d 1 e`,
  'APPEND, SETRANGE and GETRANGE': String.raw`
    APPEND k ""
    EXISTS k
    APPEND k Hello
    APPEND k "\x00 World"
    GETRANGE k 0 -1
    GETRANGE k -3 -1
    GETRANGE k -100 100
    GETRANGE k 5 2
    GETRANGE k -1 -3
    GETRANGE k -100 -100
    GETRANGE k 100 200
    GETRANGE k x 1
    GETRANGE k 1 x
    GETRANGE k 9223372036854775807 -9223372036854775808
    GETRANGE k -9223372036854775808 9223372036854775807
    GETRANGE nosuch 0 -1
    GETRANGE nosuch x 0
    SUBSTR k 0 4
    SUBSTR k 0
    SETRANGE k 6 Redis
    SETRANGE k 20 far
    GET k
    SETRANGE k 0 ""
    SETRANGE nosuch 0 ""
    SETRANGE nosuch 10 ""
    EXISTS nosuch
    SETRANGE k -1 x
    SETRANGE nosuch -1 ""
    SETRANGE k x x
    SETRANGE k 536870912 x
    SETRANGE k 536870911 xx
    SETRANGE k 9223372036854775807 x
    SETRANGE k 9223372036854775808 x
    EXPIRE k 1000
    SETRANGE k 0 x
    APPEND k x
    TTL k`,
  'counters at their limits': String.raw`
    INCR k
    INCRBY k 9223372036854775806
    INCR k
    GET k
    DECRBY k -1
    DECRBY k -9223372036854775808
    SET k -9223372036854775808
    DECR k
    DECRBY k 1
    INCRBY k -1
    INCRBY k 9223372036854775807
    INCRBY k x
    INCRBY k 1.5
    INCRBY k 9223372036854775808
    INCRBY k +1
    INCRBY k " 1"
    INCRBY k 01
    INCRBY k ""
    SET k "10 "
    INCR k
    SET k " 10"
    INCR k
    SET k 010
    INCR k
    SET k -0
    INCR k
    SET k ""
    INCR k
    SET k 1e3
    INCR k
    SET k "1\x00"
    INCR k
    EXPIRE k 1000
    SET k 5 KEEPTTL
    INCR k
    TTL k`,
  INCRBYFLOAT: `
    INCRBYFLOAT k 0.1
    INCRBYFLOAT k 0.2
    INCRBYFLOAT k -0.3
    INCRBYFLOAT k 5.0e3
    INCRBYFLOAT k 1e-17
    INCRBYFLOAT k 3.0
    INCRBYFLOAT k inf
    INCRBYFLOAT k -inf
    INCRBYFLOAT k nan
    INCRBYFLOAT k x
    INCRBYFLOAT k ""
    INCRBYFLOAT k " 1"
    INCRBYFLOAT k "1 "
    INCRBYFLOAT k 0x1p-3
    INCRBYFLOAT k 1e4932
    INCRBYFLOAT k 1e5000
    SET k 10.50
    INCRBYFLOAT k 0.1
    SET k 5.0e3
    INCRBYFLOAT k 200
    SET k abc
    INCRBYFLOAT k 1
    SET k "1 "
    INCRBYFLOAT k 1
    SET k 9223372036854775807
    INCRBYFLOAT k 1
    SET k 18446744073709551615
    INCRBYFLOAT k 1
    SET k 123456789012345678901234567890
    INCRBYFLOAT k 0.5
    SET k 0.1
    INCRBYFLOAT k -0.1
    SET k -0.0
    INCRBYFLOAT k 0
    SET k 1e300
    INCRBYFLOAT k 1e300
    SET k 1.7976931348623157e308
    INCRBYFLOAT k 1.7976931348623157e308
    INCR k`,
  LCS: String.raw`
    SET a ohmytext
    SET b mynewtext
    LCS a b
    LCS a b LEN
    LCS a b IDX
    LCS a b IDX MINMATCHLEN 4
    LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN
    LCS a b idx withmatchlen
    LCS a b IDX MINMATCHLEN -5
    LCS a b IDX MINMATCHLEN 0
    LCS a b IDX MINMATCHLEN 100
    LCS a b IDX MINMATCHLEN
    LCS a b IDX MINMATCHLEN x
    LCS a b LEN IDX
    LCS a b IDX LEN
    LCS a b NOSUCH
    LCS a b MINMATCHLEN 2
    LCS a b WITHMATCHLEN
    LCS a nosuch
    LCS a nosuch LEN
    LCS a nosuch IDX
    LCS nosuch nosuch
    LCS a a
    LCS a a IDX WITHMATCHLEN
    LCS a
    SET c "\x00\xff\x00\xff"
    SET d "\xff\x00\xff"
    LCS c d
    LCS c d IDX WITHMATCHLEN
    SET e ""
    LCS a e IDX
    LCS a e`,
};
