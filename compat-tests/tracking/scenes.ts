/** What happens between several connections of one server, line by line (see `Stage.play`). */
export interface Scene {
  readonly what: string;
  readonly lines: string;
}

/** Client-side caching as Redis does it: every byte on every connection is compared. */
export const scenes: readonly Scene[] = [
  {
    what: 'invalidates what was read once, behind the own reply, one message per key',
    lines: `
a> HELLO 3
a> CLIENT TRACKING ON
a> GET k
a> SET k 1
a> SET k 2
a> GET k ; SET k 3 ; GET k
b> SET k 4
b> SET k 5
a> MGET a b c
b> MSET a 1 b 2 c 3 d 4
a> STRLEN k ; EXISTS a ; TTL b ; TYPE c
b> DEL k a b c
a> GET k ; GET k2
b> RENAME d k
b> COPY k k2
a> GET k ; GET k2
b> EXPIRE k 1000
b> PERSIST k
a> GET k
b> PERSIST k
a> GET k
b> APPEND k x ; INCR n ; SETRANGE k 3 y ; SETBIT k 9 1
a> GET n
b> DEL nosuch ; GETDEL n
a> GETSET k z ; GETEX k ; GETDEL k ; GET q
b> SET k 1
b> SET q 1 XX ; SET q 1 NX`,
  },
  {
    what: 'follows transactions',
    lines: `
a> HELLO 3
a> CLIENT TRACKING ON
a> MULTI ; SET k 4 ; GET k ; EXEC
b> SET k 1
a> MULTI ; GET k ; SET k 4 ; EXEC
a> MULTI ; GET k ; GET k2 ; EXEC
b> MULTI ; SET k 1 ; SET k2 2 ; SET k 3 ; EXEC
a> WATCH w
b> SET w 1
a> MULTI ; GET w ; EXEC
b> SET w 2`,
  },
  {
    what: 'tells everybody of a flush, and of keys in whatever database',
    lines: `
a> HELLO 3
a> CLIENT TRACKING ON
a> GET k
b> FLUSHALL
a> FLUSHDB
a> GET k
b> SELECT 3 ; FLUSHDB
b> SET k 1
a> GET k
b> SET k 1
c> HELLO 3 ; CLIENT TRACKING ON BCAST PREFIX z
b> FLUSHALL
b> SELECT 0 ; SET z 1
b> MOVE z 5`,
  },
  {
    what: 'goes by HELLO, CLIENT REPLY, RESET, and OFF',
    lines: `
a> HELLO 3
a> CLIENT TRACKING ON
a> GET x
a> CLIENT REPLY OFF
b> SET x 1
a> CLIENT REPLY ON
a> GET x
a> CLIENT REPLY SKIP
b> SET x 2
a> PING
a> GET x
a> HELLO 2
b> SET x 3
a> HELLO 3
a> GET x
a> CLIENT TRACKING OFF
b> SET x 4
a> CLIENT TRACKING ON
b> SET x 5
a> GET x
a> RESET
b> SET x 6
a> CLIENT TRACKINGINFO ; CLIENT GETREDIR
c> CLIENT TRACKING ON ; GET x
b> SET x 7
c> CLIENT TRACKINGINFO ; CLIENT GETREDIR ; CLIENT INFO`,
  },
  {
    what: 'broadcasts by prefix, in one message per turn and prefix, in the order of bytes',
    lines: `
b> SET b2 0
c> HELLO 3
c> CLIENT TRACKING ON PREFIX a
c> CLIENT TRACKING ON BCAST PREFIX a PREFIX ab
c> CLIENT TRACKING ON BCAST PREFIX b PREFIX a
c> CLIENT TRACKING ON BCAST PREFIX ab
c> CLIENT TRACKING ON BCAST PREFIX abc PREFIX q
c> CLIENT TRACKING ON
c> CLIENT TRACKING ON BCAST OPTIN
c> CLIENT TRACKINGINFO
c> CLIENT INFO
b> SET a1 1
b> MSET b2 1 a3 2 a1 3 z 1
c> SET a2 1
c> MSET a2 1 b2 3
c> CLIENT TRACKING ON BCAST PREFIX q NOLOOP
c> CLIENT TRACKINGINFO
c> MSET a2 1 b2 3
b> DEL a2 ; DEL nosuch
b> EXPIRE a1 100
b> FLUSHDB
c> CLIENT TRACKING OFF ; CLIENT TRACKINGINFO
c> CLIENT TRACKING ON BCAST
c> CLIENT TRACKINGINFO
b> SET foo 1
b> MULTI ; SET f2 1 ; SET f1 2 ; EXEC
c> GET f1
b> SET f1 3
d> HELLO 3 ; CLIENT TRACKING ON BCAST PREFIX f NOLOOP
d> MSET f1 1 g 2
c> CLIENT TRACKING OFF
d> CLIENT TRACKING ON BCAST PREFIX
d> CLIENT TRACKING ON BCAST PREFIX f
d> CLIENT TRACKING ON BCAST
d> SET f1 1`,
  },
  {
    what: 'NOLOOP says nothing of own writes',
    lines: `
a> HELLO 3
a> CLIENT TRACKING ON NOLOOP
a> GET k ; GET l
a> SET k 1
b> SET k 2
b> SET l 2
a> GET k
a> MULTI ; SET k 4 ; EXEC
a> GET k
a> FLUSHALL`,
  },
  {
    what: 'OPTIN and OPTOUT with CLIENT CACHING, which is for one command or transaction',
    lines: `
c> HELLO 3
c> CLIENT CACHING YES
c> CLIENT TRACKING ON OPTIN OPTOUT
c> CLIENT TRACKING ON OPTIN
c> CLIENT TRACKING ON OPTOUT
c> CLIENT TRACKING ON
c> CLIENT TRACKINGINFO
c> CLIENT CACHING NO
c> CLIENT CACHING YES
c> CLIENT TRACKING ON OPTIN
c> CLIENT CACHING NO
c> CLIENT CACHING maybe
c> CLIENT CACHING YES
c> CLIENT TRACKINGINFO
c> GET o1
c> GET o2
c> CLIENT TRACKINGINFO
b> MSET o1 1 o2 2
c> CLIENT CACHING YES ; CLIENT ID ; GET o1 ; GET o2
b> MSET o1 1 o2 2
c> CLIENT CACHING YES ; MULTI ; GET o1 ; GET o2 ; EXEC ; GET o3
b> MSET o1 1 o2 2 o3 3
c> MULTI ; CLIENT CACHING YES ; GET o1 ; EXEC ; GET o2
b> MSET o1 1 o2 2 o3 3
c> CLIENT CACHING YES ; NOSUCH ; GET o1
b> SET o1 1
c> CLIENT CACHING YES ; PING ; GET o1
b> SET o1 1
c> CLIENT TRACKING OFF ; CLIENT TRACKING ON OPTOUT ; GET o1 ; CLIENT CACHING NO ; GET o2 ; GET o3
c> CLIENT CACHING NO ; CLIENT TRACKINGINFO
b> MSET o1 1 o2 2 o3 3`,
  },
  {
    what: 'redirects to a subscriber of RESP2',
    lines: `
b> SUBSCRIBE __redis__:invalidate
a> CLIENT TRACKING ON REDIRECT {b}
a> CLIENT GETREDIR ; CLIENT TRACKINGINFO
a> GET k
c> SET k 1
a> MGET k l
c> MSET k 1 l 2
c> FLUSHALL
a> GET k
a> SET k 1
a> CLIENT INFO
b> PING ; PING hey ; GET k ; CLIENT ID ; HELLO 3 ; MULTI ; NOSUCH ; GET
b> SUBSCRIBE __redis__:invalidate __redis__:invalidate
b> UNSUBSCRIBE nope
b> UNSUBSCRIBE
b> UNSUBSCRIBE
b> UNSUBSCRIBE a b
b> GET k ; CLIENT INFO
a> GET k
c> SET k 1
b> SUBSCRIBE __redis__:invalidate
c> CLIENT LIST TYPE pubsub
b> RESET
b> CLIENT INFO
d> HELLO 3 ; CLIENT TRACKING ON BCAST REDIRECT {b}
b> SUBSCRIBE __redis__:invalidate
c> MSET k 1 l 2`,
  },
  {
    what: 'redirects to a connection of RESP3, and says when it is gone',
    lines: `
b> HELLO 3
a> HELLO 3
a> CLIENT TRACKING ON REDIRECT {b}
a> GET k
c> SET k 1
b> SUBSCRIBE __redis__:invalidate
b> PING ; GET k ; CLIENT INFO
a> GET k
c> SET k 1
c> FLUSHALL
a> GET k
b> close
c> SET k 2
a> CLIENT TRACKINGINFO ; CLIENT INFO
c> FLUSHALL
a> CLIENT TRACKING ON REDIRECT {a}
a> CLIENT TRACKINGINFO
a> GET k
c> SET k 3`,
  },
  {
    what: 'refuses what Redis refuses, with its words',
    lines: `
b> PING
a> CLIENT TRACKING
a> CLIENT TRACKING ON REDIRECT 99999
a> CLIENT TRACKING ON REDIRECT abc
a> CLIENT TRACKING ON REDIRECT 0
a> CLIENT TRACKING ON REDIRECT -5
a> CLIENT TRACKING ON REDIRECT
a> CLIENT TRACKING ON REDIRECT {b} REDIRECT {b}
a> CLIENT TRACKING foo
a> CLIENT TRACKING ON nosuch
a> CLIENT TRACKING OFF nosuch
a> CLIENT TRACKING OFF PREFIX x
a> CLIENT TRACKING ON BCAST PREFIX (empty) PREFIX x
a> CLIENT CACHING
a> CLIENT CACHING YES
a> CLIENT TRACKINGINFO x
a> CLIENT GETREDIR x
a> CLIENT CACHING YES x`,
  },
];
