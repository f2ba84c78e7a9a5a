/**
 * Every message between nodes, with its number on the wire: frozen. Bodies are written and read beside their handlers; all
 * strings are latin1 with a u32 length, all numbers big endian.
 */
export const Message = {
  /** group:u32 epoch:u32 db:u8 slot:u16 key record -- one record of a write group. */
  Write: 1,
  /** group:u32 records:u32 -- the group is whole: commit and acknowledge it. */
  WriteEnd: 2,
  /** group:u32 ok:u8 */
  WriteAck: 3,
  /** request:u32 epoch:u32 full:u8 db:u8 slot:u16 key */
  Read: 4,
  /** request:u32 a:u32 b:u32 -- the digest of what this replica has. */
  ReadDigest: 5,
  /** request:u32 record (empty: none) */
  ReadRecord: 6,
  /** request:u32 damaged:u8 -- this replica cannot answer; with 1, since its copy is damaged: nobody will ever read it again. */
  ReadFailed: 7,
  /** db:u8 slot:u16 key record -- a newer record for a stale replica; not acknowledged. */
  Repair: 8,
  /** request:u32 sent:u32 budget:u32 payload -- a command for its coordinator (see `calls.ts`); the payload is the server's. */
  Forward: 9,
  /** request:u32 payload -- none: declined, see `forwarder.ts`. */
  ForwardReply: 10,
  /** request:u32 kind:u8 payload -- a question about the whole keyspace. */
  Query: 11,
  /** request:u32 ok:u8 payload */
  QueryReply: 12,
  /** The sender's greeting, as JSON: its view of the members has changed. */
  News: 13,
  /**
   * clock:f64 hears:u8 sumA:u32 sumB:u32 and, unless the sums suffice, of each member name generation:f64 version:u32 down:u8 -- opens an
   * exchange of gossip (`core/gossip-messages.ts`).
   */
  GossipSyn: 14,
  /** clock:f64 hears:u8 echo:f64 states:u16, then of each name generation:f64 version:u32 down:u8 facts; then the names that are wanted */
  GossipAck: 15,
  /** states:u16, then of each name generation:f64 version:u32 down:u8 facts */
  GossipAck2: 16,
  /** number:u32 name -- does the member answer you? */
  ProbeRequest: 17,
  /** number:u32 name -- a sign of life, please, for the member of that name. */
  Probe: 18,
  /** number:u32 name heard:u8 -- back to the asker, or to the one who asked for it. */
  ProbeAnswer: 19,
  /** group:u32 epoch:u32 home db:u8 slot:u16 key record -- one record of a write group, for the home replica of that name, which is down. */
  WriteHinted: 20,
  /** request:u32 db:u8 slot:u16 key record -- what the receiver missed; it answers once the record is in its log. */
  Hint: 21,
  /** request:u32 ok:u8 */
  HintAck: 22,
  /**
   * request:u32 depth:u8 places:u16... -- the sums of your tree: 0 of all slots both of us hold, 1 of groups of slots, 2 of the slots of these
   * groups, 3 of the leaves of these slots (`core/anti-entropy`).
   */
  TreeAsk: 24,
  /** request:u32 depth:u8, then sums, each a:u32 b:u32; with depth 3 for each slot databases:u16 (a bit each) and the leaves of these */
  TreeAnswer: 25,
  /** request:u32 what:u8 db:u8 slot:u16 from:u32 to:u32 hashes:u32... -- a list of the keys in this range of hashes, or records (`Ask` in `wire.ts`). */
  RangeAsk: 26,
  /** request:u32 end:u32, then for each hash up to `end` hash:u32 a:u32 b:u32 */
  RangeList: 27,
  /** request:u32 pushed:u8 db:u8 slot:u16 key record -- was asked for, or is pushed. */
  RepairRecord: 28,
  /** request:u32 what:u8 records:u32 number:u32 -- the end of pushed records, of an answer, or of hope for one (`End` in `wire.ts`). */
  RepairEnd: 29,
  /**
   * request:u32 drop:u8 count:u16, then of each key db:u8 slot:u16 key a:u32 b:u32 -- tombstones with these digests may be forgotten as far as
   * their coordinator knows: does the receiver agree; with `drop`, it forgets them.
   */
  ReapAsk: 30,
  /** request:u32 count:u16, then of each key yes:u8 */
  ReapAnswer: 31,
  /**
   * request:u32 epoch:u32 slot:u16 ballot count:u32, then of each key db:u8 key a:u32 b:u32 -- promise that ballot (round:f64 proposer) for the slot's
   * register; and what do you hold of these keys, of which our records have these digests?
   */
  Prepare: 32,
  /**
   * request:u32 vote:u8 promised units:u16, then of each ballot length:u32 unit; count:u32, then of each key differs:u8 and, with 1, length:u32
   * record (`core/register/registers.ts`)
   */
  Promise: 33,
  /** request:u32 epoch:u32 slot:u16 ballot unit -- all records of the unit, or none (`core/register/unit.ts`) */
  Accept: 34,
  /** request:u32 vote:u8 promised */
  Accepted: 35,
  /** request:u32 from:u16 -- what have you promised and accepted in our common slots, from this one on (`core/register/memory.ts`)? */
  RegistersAsk: 36,
  /**
   * request:u32 fresh:u8 whole:u8 next:u16 slots:u16, then of each slot:u16 promised units:u16, then of each ballot length:u32 unit
   */
  RegistersTold: 37,
  /** ring, as JSON (`core/elastic/ring-json.ts`) -- a ring that was decided, or the first one. */
  RingTold: 40,
  /** epoch:u32 -- this is the ring I go by (0: none): if you know of a newer one, tell me. */
  RingAsk: 41,
  /**
   * request:u32 epoch:u32 ballot -- promise that ballot for the vote on the ring of that epoch; the ballot of round 0: only say what you
   * remember (`core/elastic/ring-register.ts`)
   */
  RingPrepare: 42,
  /** request:u32 vote:u8 memory:u8 promised ballot, then, if its round is not 0, ring -- that was accepted */
  RingPromise: 43,
  /** request:u32 ballot ring */
  RingAccept: 44,
  /** as RingPromise */
  RingAccepted: 45,
  /** replaces -- I want to be a member, as my greeting says; in the place of that one, or '' */
  JoinAsk: 46,
  /** text -- why it does not join yet */
  JoinAnswer: 47,
  /**
   * session:u32 how:u8 ranges:u16, then of each first:u16 last:u16 -- tell me from now on which keys of these slots change; how: 0 these as
   * well, 1 only these, 2 these no more (`core/change-feed`).
   */
  Follow: 50,
  /** session:u32 number:u32 count:u16, then keys -- these have changed here. */
  Changed: 51,
  /** session:u32 number:u32 -- any key of the slots you follow may have changed here. */
  ChangesLost: 52,
  /** session:u32 number:u32 slots:u32 -- this was my last `Changed`, and so many slots you follow. */
  FeedPulse: 53,
} as const;
