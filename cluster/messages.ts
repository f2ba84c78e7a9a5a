/**
 * Every message between nodes, with its number on the wire: frozen. Bodies are written and read beside their handlers; all
 * strings are latin1 with a u32 length, all numbers big endian.
 */
export const Message = {
  /** group:u32 db:u8 slot:u16 key record -- one record of a write group. */
  Write: 1,
  /** group:u32 records:u32 -- the group is whole: commit and acknowledge it. */
  WriteEnd: 2,
  /** group:u32 ok:u8 */
  WriteAck: 3,
  /** request:u32 full:u8 db:u8 slot:u16 key */
  Read: 4,
  /** request:u32 a:u32 b:u32 -- the digest of what this replica has. */
  ReadDigest: 5,
  /** request:u32 record (empty: none) */
  ReadRecord: 6,
  /** request:u32 text -- this replica cannot answer. */
  ReadFailed: 7,
  /** db:u8 slot:u16 key record -- a newer record for a stale replica; not acknowledged. */
  Repair: 8,
  /** request:u32 payload -- a command for its coordinator; the payload is the server's. */
  Forward: 9,
  /** request:u32 payload */
  ForwardReply: 10,
  /** request:u32 kind:u8 payload -- a question about the whole keyspace. */
  Query: 11,
  /** request:u32 ok:u8 payload */
  QueryReply: 12,
  /** The sender's greeting, as JSON: its view of the members has changed. */
  News: 13,
  /** group:u32 rank:u8 db:u8 slot:u16 key record -- one record of a write group, for the home replica at that rank, which is down. */
  WriteHinted: 20,
  /** request:u32 db:u8 slot:u16 key record -- what the receiver missed; it answers once the record is in its log. */
  Hint: 21,
  /** request:u32 ok:u8 */
  HintAck: 22,
  /**
   * request:u32 drop:u8 count:u16, then of each key db:u8 slot:u16 key a:u32 b:u32 -- tombstones with these digests may be forgotten as far as
   * their coordinator knows: does the receiver agree; with `drop`, it forgets them.
   */
  ReapAsk: 30,
  /** request:u32 count:u16, then of each key yes:u8 */
  ReapAnswer: 31,
} as const;
