import type { Cases } from './script.js';

/** MULTI, EXEC, DISCARD, WATCH, UNWATCH. */
export const transactionCases: Cases = {
  'in the wrong place': `
    EXEC
    DISCARD
    UNWATCH
    MULTI
    MULTI
    WATCH k
    UNWATCH
    SET k 1
    EXEC
    EXEC
    MULTI
    EXEC
    MULTI
    DISCARD
    DISCARD
    MULTI x
    EXEC x
    DISCARD x
    UNWATCH x
    WATCH`,
  'errors while queueing': `
    MULTI
    SET k 1
    GET
    SET k 2
    EXEC
    GET k
    MULTI
    NOSUCH a b
    EXEC
    MULTI
    CLIENT NOSUCH
    EXEC
    MULTI
    OBJECT ENCODING
    EXEC
    MULTI
    GET
    DISCARD
    MULTI
    SET k 3
    EXEC
    GET k
    MULTI
    MULTI
    EXEC
    MULTI
    WATCH k
    SET k 4
    EXEC
    MULTI
    EXEC x
    EXEC`,
  'errors while running': `
    SET k text
    MULTI
    INCR k
    SET l 1
    INCRBY l x
    SETRANGE l -1 x
    SELECT 99
    APPEND l 2
    EXEC
    GET l`,
  'databases inside': `
    SET k 0
    MULTI
    SELECT 1
    SET k 1
    GET k
    SELECT 0
    GET k
    MOVE k 2
    SELECT 2
    GET k
    SELECT x
    GET k
    EXEC
    GET k
    SELECT 0
    EXISTS k`,
  'values change from command to command': `
    MULTI
    SET k 1 EX 1000
    INCR k
    TTL k
    APPEND k 0
    GETDEL k
    EXISTS k
    SET k v
    RENAME k k2
    COPY k2 k3
    BITFIELD k3 INCRBY u8 0 1 GET u8 #1
    DEL k2
    MGET k k2 k3
    EXEC
    GET k3`,
  'flush inside': `
    SET a 1
    MULTI
    FLUSHALL
    SET b 2
    EXEC
    MGET a b
    MULTI
    SET c 3
    FLUSHDB
    EXEC
    KEYS *`,
  'WATCH: changed by another client': `
    SET k 1
    WATCH k
    B: SET k 1
    MULTI
    SET k 2
    EXEC
    GET k
    MULTI
    SET k 3
    EXEC
    GET k`,
  'WATCH: nothing changed': `
    SET k 1
    WATCH k l
    B: GET k
    B: SET other 1
    B: DEL l
    B: SETNX k 2
    B: SET k 2 NX
    B: PERSIST k
    B: INCRBY k x
    MULTI
    GET k
    EXEC`,
  'WATCH: each kind of change': [
    ['SET k 1', 'B: APPEND k ""'],
    ['SET k 1', 'B: APPEND k x'],
    ['SET k 1', 'B: DEL k'],
    ['SET k 1', 'B: GETDEL k'],
    ['SET k 1', 'B: EXPIRE k 100'],
    ['SET k 1', 'B: EXPIRE k -1'],
    ['SET k 1', 'B: GETEX k EX 100'],
    ['SET k 1 EX 100', 'B: PERSIST k'],
    ['SET k 1 EX 100', 'B: GETEX k PERSIST'],
    ['SET k 1', 'B: GETEX k'],
    ['SET k 1', 'B: GETEX k PERSIST'],
    ['SET k 1', 'B: SETRANGE k 0 ""'],
    ['SET k 1', 'B: SETRANGE k 0 1'],
    ['SET k 1', 'B: SETBIT k 1000 0'],
    ['SET k 1', 'B: SETBIT k 7 1'],
    ['SET k 1', 'B: BITFIELD k GET u8 0'],
    ['SET k 1', 'B: BITFIELD k SET u8 0 49'],
    ['SET k 1', 'B: BITFIELD k OVERFLOW FAIL INCRBY u8 0 300'],
    ['SET k 1', 'B: RENAME k k'],
    ['SET k 1', 'B: COPY k k2'],
    ['SET k 1', 'B: TOUCH k'],
    ['SET k 1', 'B: FLUSHALL'],
    ['SET k 1', 'B: FLUSHDB'],
    ['DEL k', 'B: FLUSHALL'],
    ['DEL k', 'B: SET k 1'],
    ['DEL k', 'B: SET k 1\nB: DEL k'],
    ['DEL k', 'B: MULTI\nB: SET k 1\nB: DEL k\nB: EXEC'],
    ['DEL k', 'B: MULTI\nB: SETNX k 1\nB: GETDEL k\nB: EXEC'],
    ['DEL k', 'B: MULTI\nB: GET k\nB: SET {k}2 1 XX\nB: EXEC'],
    ['DEL k', 'B: WATCH k\nB: MULTI\nB: SET {k}2 1\nB: EXEC'],
    ['DEL k', 'B: SETBIT k 0 0'],
    ['DEL k', 'B: SETRANGE k 0 ""'],
    ['DEL k', 'B: BITOP OR k nosuch'],
    ['SET k 1', 'B: BITOP OR k nosuch'],
    ['DEL k', 'B: MSETNX k 1'],
    ['SET k 1', 'B: MSETNX k 1 k2 2'],
    ['DEL k', 'B: DEL k'],
    ['SET k 1', 'B: INCRBY k 0'],
    ['SET k 1', 'B: MOVE k 1'],
    ['SET k 1', 'UNWATCH'],
    ['SET k 1', 'SET k 2'],
    ['SET k 1', 'DISCARD'],
    ['SET k 1', 'EXEC'],
  ]
    .map(([before, change]) => `${before}\nWATCH k\n${change}\nMULTI\nPING\nEXEC\nMULTI\nEXEC`)
    .join('\n'),
  'WATCH: two that look at the same absent key': `
    WATCH {never}
    B: WATCH {never}
    MULTI
    SET {never}a 1
    EXEC
    B: MULTI
    B: SET {never}b 2
    B: EXEC
    WATCH {never}
    B: SETNX {never} 1
    B: DEL {never}
    MULTI
    SET {never}a 3
    EXEC
    MGET {never} {never}a {never}b`,
  'WATCH: the same key elsewhere': `
    SET k 1
    WATCH k
    B: SELECT 1
    B: SET k 2
    MULTI
    EXEC
    WATCH k
    SELECT 1
    B: SELECT 0
    B: SET k 3
    MULTI
    EXEC`,
  'WATCH twice keeps the first state': `
    SET k 1
    WATCH k
    B: SET k 2
    WATCH k
    MULTI
    EXEC
    WATCH k
    UNWATCH
    B: SET k 3
    MULTI
    EXEC
    WATCH k
    MULTI
    DISCARD
    B: SET k 4
    MULTI
    EXEC`,
  'what is queued and what runs at once': `
    MULTI
    PING
    PING hello
    ECHO x
    CLIENT GETNAME
    CLIENT SETNAME me
    CLIENT GETNAME
    OBJECT HELP
    COMMAND COUNT x
    HELLO x
    EXEC
    CLIENT GETNAME
    MULTI
    RESET
    EXEC
    CLIENT GETNAME
    MULTI
    SHUTDOWN NOSAVE
    EXEC`,
};
