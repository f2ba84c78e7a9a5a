import type { HashRange, RangeList } from '../../../storage/range-list.js';
import { CORRUPT, decodeRecord, type KeyRecord } from '../../../storage/record.js';
import { RecordScratch } from '../../../storage/record-scratch.js';
import { fnv1a, type WriterTable } from '../../../storage/writers.js';
import { Message } from '../../messages.js';
import type { FrameReader } from '../../transport/frame-reader.js';
import type { PeerId, Transport } from '../../transport.js';

/** How far down the tree a question goes. The numbers are on the wire: frozen. */
export const Depth = { Root: 0, Groups: 1, Slots: 2, Leaves: 3 } as const;

/** What is asked about a range of keys. The numbers are on the wire: frozen. */
export const Ask = {
  /** A list. */
  List: 0,
  /** The records of some hashes. */
  Some: 1,
  /** All records: the asker has none. */
  All: 2,
} as const;
export type Ask = (typeof Ask)[keyof typeof Ask];

/** What a `RepairEnd` says. The numbers are on the wire: frozen. */
export const End = {
  /** The records pushed with this request were all sent: say when they are in your log. */
  Pushed: 0,
  /** The answer is complete. */
  Done: 1,
  /** Not yet, but wait: it is being worked on. */
  Working: 2,
  /** There will be no answer now; later perhaps. */
  Cannot: 3,
} as const;
export type End = (typeof End)[keyof typeof End];

/** Places (groups or slots) asked about in one message, at most; an answer about them has some 130 KB. */
export const MAX_PLACES = 128;
/** Hashes of keys in one message, at most. */
export const MAX_HASHES = 4096;

/** A record on its way, as it stands in a message. */
export interface SentRecord {
  readonly request: number;
  /** It was not asked for: the sender's tree said that we lack it. */
  readonly pushed: boolean;
  readonly db: number;
  readonly slot: number;
  readonly key: string;
  readonly record: KeyRecord;
}

/** Bytes that went to each peer and came from it, for repair alone. */
export class PeerBytes {
  sent = 0;
  received = 0;
}

/** The messages of anti-entropy, written and read. Every `send` returns the bytes it took, 0 when it could not be sent. */
export class Wire {
  private readonly scratch: RecordScratch;
  private readonly bytesOf: PeerBytes[] = [];

  constructor(
    private readonly transport: Transport,
    private readonly writers: WriterTable,
  ) {
    this.scratch = new RecordScratch(writers);
  }

  bytes(peer: PeerId): PeerBytes {
    this.bytesOf[peer] ??= new PeerBytes();
    return this.bytesOf[peer];
  }

  sendTreeAsk(peer: PeerId, request: number, depth: number, places: readonly number[]): number {
    return this.send(peer, Message.TreeAsk, request, (out) => {
      out.u8(depth);
      for (const place of places) out.u16(place);
    });
  }

  sendTree(peer: PeerId, request: number, write: (out: Out) => void): number {
    return this.send(peer, Message.TreeAnswer, request, write);
  }

  sendRangeAsk(
    peer: PeerId,
    request: number,
    what: Ask,
    range: HashRange,
    hashes: readonly number[] = [],
  ): number {
    return this.send(peer, Message.RangeAsk, request, (out) => {
      out.u8(what);
      out.u8(range.db);
      out.u16(range.slot);
      out.u32(range.from);
      out.u32(range.to);
      for (const hash of hashes) out.u32(hash);
    });
  }

  sendList(peer: PeerId, request: number, { end, hashes, a, b }: RangeList): number {
    return this.send(peer, Message.RangeList, request, (out) => {
      out.u32(end);
      hashes.forEach((hash, i) => {
        out.u32(hash);
        out.u32(a[i]);
        out.u32(b[i]);
      });
    });
  }

  sendRecord(peer: PeerId, { request, pushed, db, slot, key, record }: SentRecord): number {
    // Before its buffer is asked for: a long one gets another.
    const length = this.scratch.encode(record, fnv1a(key));
    return this.send(peer, Message.RepairRecord, request, (out) => {
      out.u8(pushed ? 1 : 0);
      out.u8(db);
      out.u16(slot);
      out.latin1(key);
      out.bytes(this.scratch.buffer, 0, length);
    });
  }

  sendEnd(peer: PeerId, request: number, what: End, records = 0, number = 0): number {
    return this.send(peer, Message.RepairEnd, request, (out) => {
      out.u8(what);
      out.u32(records);
      out.u32(number);
    });
  }

  private send(peer: PeerId, type: number, request: number, write: (out: Out) => void): number {
    const out = this.transport.writer(peer);
    if (out === undefined) return 0;
    const before = out.length;
    out.begin();
    out.u8(type);
    out.u32(request);
    write(out);
    if (!out.end()) return 0;
    const bytes = out.length - before;
    this.bytes(peer).sent += bytes;
    return bytes;
  }

  /** The rest of a `RepairRecord`; undefined when it is garbled. */
  readRecord(request: number, body: FrameReader): SentRecord | undefined {
    const pushed = body.u8() === 1;
    const db = body.u8();
    const slot = body.u16();
    const key = body.latin1();
    const bytes = body.bytes(body.left);
    if (!body.ok) return undefined;
    const record = decodeRecord(fnv1a(key), this.writers, bytes, 0, bytes.length);
    return record === CORRUPT ? undefined : { request, pushed, db, slot, key, record };
  }
}

/** What a message is written with. */
export type Out = NonNullable<ReturnType<Transport['writer']>>;

/** The rest of a `RangeList`: in order of the hashes, none beyond its end; undefined when it is garbled. */
export function readList(body: FrameReader): RangeList | undefined {
  const end = body.u32();
  const hashes: number[] = [];
  const a: number[] = [];
  const b: number[] = [];
  while (body.ok && body.left > 0) {
    hashes.push(body.u32());
    a.push(body.u32());
    b.push(body.u32());
  }
  const sound = body.finished && areRising(hashes) && (hashes.at(-1) ?? 0) <= end;
  return sound ? { end, hashes, a, b } : undefined;
}

export function areRising(numbers: readonly number[]): boolean {
  for (let i = 1; i < numbers.length; i++) if (numbers[i] <= numbers[i - 1]) return false;
  return true;
}
