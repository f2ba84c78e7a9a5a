import { type Cases, choices, each } from './script.js';

const EXPIRE_OPTIONS = ['NX', 'XX', 'GT', 'LT', 'nx', 'ZZ', '""'];
const expireForms = (when: string): string[] =>
  choices(EXPIRE_OPTIONS, 3).map((options) => `EXPIREAT k ${when} ${options}`);

/** Keys whatever they hold: their lives, names, places. */
export const genericCases: Cases = {
  'EXPIREAT with every choice of options, later': each(
    'SET k v EXAT 4102444800',
    expireForms('4102444801'),
    'PEXPIRETIME k',
  ),
  'EXPIREAT with every choice of options, the same': each(
    'SET k v EXAT 4102444800',
    expireForms('4102444800'),
    'PEXPIRETIME k',
  ),
  'EXPIREAT with every choice of options, sooner': each(
    'SET k v EXAT 4102444800',
    expireForms('4102444799'),
    'PEXPIRETIME k',
  ),
  'EXPIREAT with every choice of options, past': each(
    'SET k v EXAT 4102444800',
    expireForms('1'),
    'EXISTS k',
  ),
  'EXPIREAT with every choice of options, no expiry yet': each(
    'SET k v',
    expireForms('4102444800'),
    'PEXPIRETIME k',
  ),
  'EXPIREAT with every choice of options, no key': each('DEL k', expireForms('4102444800'), 'EXISTS k'),
  times: `
    SET k v
    EXPIRE k 1000
    TTL k
    PTTL k
    EXPIRETIME k
    PEXPIRETIME k
    PERSIST k
    PERSIST k
    PERSIST nosuch
    TTL k
    PTTL k
    EXPIRETIME k
    PEXPIRETIME k
    TTL nosuch
    PTTL nosuch
    EXPIRETIME nosuch
    PEXPIRETIME nosuch
    PEXPIREAT k 4102444800499
    EXPIRETIME k
    PEXPIREAT k 4102444800500
    EXPIRETIME k
    PEXPIRETIME k
    EXPIRE k 9223372036854775807
    EXPIRE k 9223372036854775
    EXPIRE k -9223372036854775808
    EXPIRE k -9223372036854775
    EXISTS k
    SET k v
    PEXPIRE k 9223372036854775807
    PEXPIREAT k 9223372036854775807
    EXPIREAT k 9223372036854775807
    EXPIREAT k -9223372036854775808
    SET k v
    EXPIRE k x
    EXPIRE k 1.5
    EXPIRE k 9223372036854775808
    EXPIRE k ""
    EXPIRE nosuch x
    EXPIRE nosuch 100
    EXPIRE k
    PEXPIRE k -1
    EXISTS k
    SET k v
    EXPIRE k 0
    EXISTS k`,
  'DEL, UNLINK, EXISTS, TOUCH, TYPE': `
    MSET a 1 b 2 c 3
    EXISTS a a nosuch b
    TOUCH a a nosuch
    TYPE a
    TYPE nosuch
    DEL a a nosuch
    UNLINK b b
    EXISTS a b c
    DEL
    UNLINK
    EXISTS
    TOUCH
    TYPE
    TYPE a b`,
  'RENAME and RENAMENX': `
    RENAME nosuch other
    RENAME nosuch nosuch
    RENAMENX nosuch nosuch
    SET a 1 EX 1000
    RENAME a a
    RENAMENX a a
    RENAME a b
    TTL b
    SET c 3
    RENAMENX b c
    RENAME b c
    TTL c
    GET c
    SET d 4
    EXPIRE d 500
    RENAME c d
    GET d
    TTL d
    RENAME d
    RENAMENX d e
    KEYS *`,
  COPY: `
    SET a 1 EX 1000
    COPY a b
    TTL b
    COPY a b
    COPY a b REPLACE
    COPY a a
    COPY a a REPLACE
    COPY a a DB 0
    COPY a a DB 1
    COPY a b DB 1 REPLACE
    COPY a b REPLACE DB 1
    COPY nosuch b
    COPY nosuch nosuch
    COPY nosuch b REPLACE
    EXISTS b
    COPY a b DB
    COPY a b DB x
    COPY a b DB 16
    COPY a b DB -1
    COPY a b DB 99999999999
    COPY a b DB 2147483648
    COPY a b NOSUCH
    COPY a b DB 1 DB 2 REPLACE
    COPY a
    SELECT 1
    KEYS *
    TTL a
    SELECT 2
    KEYS *`,
  'MOVE, SELECT and FLUSHDB': `
    SET a 1 EX 1000
    MOVE a 1
    MOVE a 1
    EXISTS a
    SELECT 1
    TTL a
    MOVE a 1
    MOVE a 16
    MOVE a -1
    MOVE a x
    MOVE nosuch 0
    MOVE a 0
    SET a 2
    MOVE a 0
    SELECT 16
    SELECT -1
    SELECT x
    SELECT 2147483648
    SELECT 9223372036854775808
    SELECT ""
    SELECT
    SELECT 0 1
    DBSIZE
    FLUSHDB
    DBSIZE
    SELECT 0
    DBSIZE
    FLUSHDB x
    FLUSHDB SYNC ASYNC
    flushdb async
    FLUSHALL x
    FLUSHALL SYNC
    DBSIZE`,
  'KEYS and its patterns': String.raw`
    MSET hello 1 hallo 2 hxllo 3 h*llo 4 h[llo 5 "h\\llo" 6 "" 7 "\xff" 8 hllo 9 h-llo 10 h^llo 11
    KEYS *
    KEYS h?llo
    KEYS h[ae]llo
    KEYS h[^e]llo
    KEYS h[a-b]llo
    KEYS h[b-a]llo
    KEYS h[^]llo
    KEYS h[]llo
    KEYS h[a
    KEYS "h\\*llo"
    KEYS "h\\\\llo"
    KEYS "h\\"
    KEYS h\[llo
    KEYS "h[\\]*]llo"
    KEYS h*o
    KEYS h**o
    KEYS ""
    KEYS "\xff"
    KEYS ?
    KEYS [-]
    KEYS h[a-]llo
    KEYS h[--]llo
    KEYS h[^^]llo
    KEYS HELLO
    KEYS
    KEYS a b`,
  SCAN: `
    MSET a 1 b 2 c 3
    SCAN 0 COUNT 100
    scan 0 match [ab] count 100
    SCAN 0 COUNT 100 TYPE string
    SCAN 0 COUNT 100 TYPE STRING
    SCAN 0 COUNT 100 TYPE hash
    SCAN 0 COUNT 100 TYPE nosuch
    SCAN 0 COUNT 0
    SCAN 0 COUNT -1
    SCAN 0 COUNT x
    SCAN 0 COUNT 9223372036854775808
    SCAN 0 COUNT
    SCAN 0 NOSUCH 1
    SCAN 0 MATCH
    SCAN x
    SCAN 1x
    SCAN " 0"
    SCAN "0 "
    SCAN 18446744073709551616
    SCAN 0x10
    SCAN 1.5
    SCAN
    SCAN 0 TYPE
    SCAN 0 COUNT 100 COUNT 0`,
  OBJECT: `
    SET n 5
    SET s short
    SET l xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    OBJECT ENCODING n
    OBJECT ENCODING s
    OBJECT ENCODING l
    OBJECT ENCODING nosuch
    OBJECT REFCOUNT nosuch
    OBJECT IDLETIME nosuch
    OBJECT IDLETIME s
    OBJECT FREQ nosuch
    OBJECT HELP
    OBJECT HELP x
    OBJECT ENCODING
    OBJECT ENCODING a b
    OBJECT NOSUCH a
    OBJECT
    object encoding n`,
  'DUMP and RESTORE': `
    DUMP nosuch
    DUMP
    RESTORE k 0 ""
    RESTORE k 0 nonsense
    RESTORE k -1 nonsense
    RESTORE k x nonsense
    RESTORE k 0 nonsense NOSUCH
    RESTORE k 0 nonsense REPLACE
    RESTORE k 0 nonsense IDLETIME
    RESTORE k 0 nonsense IDLETIME x
    RESTORE k 0 nonsense IDLETIME -1
    RESTORE k 0 nonsense FREQ 256
    RESTORE k 0 nonsense FREQ -1
    RESTORE k 0 nonsense FREQ x
    RESTORE k 0 nonsense IDLETIME 1 FREQ 1
    RESTORE k 0 nonsense ABSTTL
    SET k v
    RESTORE k 0 nonsense
    RESTORE k 0 nonsense REPLACE
    RESTORE k 0
    RESTORE k`,
  'RANDOMKEY, DBSIZE, WAIT': `
    RANDOMKEY
    DBSIZE
    SET only 1
    RANDOMKEY
    DBSIZE
    DBSIZE x
    RANDOMKEY x
    WAIT 0 x
    WAIT x 0
    WAIT 0 -1
    WAIT 0`,
  SWAPDB: `
    SET a 0
    SELECT 1
    SET a 1
    SWAPDB 0 1
    GET a
    SELECT 0
    GET a
    SWAPDB 0 0
    SWAPDB 1 0
    GET a
    SWAPDB 0 16
    SWAPDB -1 0
    SWAPDB x 0
    SWAPDB 0 x
    SWAPDB 0
    SWAPDB 99999999999 0
    SWAPDB 0 99999999999`,
};
