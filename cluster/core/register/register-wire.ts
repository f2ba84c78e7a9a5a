import {
  CORRUPT,
  decodeRecord,
  encodedBytes,
  encodeRecord,
  type KeyRecord,
} from '../../../storage/record.js';
import type { RecordEntry } from '../../../storage/record-cache.js';
import type { WriterTable } from '../../../storage/writers.js';
import { Message } from '../../messages.js';
import type { FrameReader } from '../../transport/frame-reader.js';
import type { Transport } from '../../transport.js';
import { slotOf } from '../slot.js';
import { digestA, digestB } from '../version.js';
import type { Vote } from './acceptor.js';
import { type Ballot, readBallot, writeBallot } from './ballot.js';
import type { AskAnswer } from './rounds.js';
import { decodeUnit, encodeUnit, type Unit } from './unit.js';

const VOTES = ['yes', 'no', 'none'] as const;

/** A key asked for, and the digests of what the asker has of it. */
export interface AskedKey {
  readonly db: number;
  readonly key: string;
  readonly a: number;
  readonly b: number;
}

export interface PrepareMessage {
  readonly request: number;
  readonly epoch: number;
  readonly slot: number;
  readonly ballot: Ballot;
  readonly keys: readonly AskedKey[];
}

export interface AcceptMessage {
  readonly request: number;
  readonly epoch: number;
  readonly unit: Unit;
}

/**
 * The messages of registers, written and read. `send...` is false when the peer cannot be reached or the message is too long; `read...` is
 * undefined when it is garbled.
 */
export class RegisterWire {
  constructor(
    private readonly transport: Transport,
    private readonly writers: WriterTable,
  ) {}

  sendPrepare(
    peer: number,
    id: number,
    epoch: number,
    slot: number,
    ballot: Ballot,
    entries: readonly RecordEntry[],
  ): boolean {
    const { writers } = this;
    const out = this.transport.writer(peer);
    if (out === undefined) return false;
    out.begin();
    out.u8(Message.Prepare);
    out.u32(id);
    out.u32(epoch);
    out.u16(slot);
    writeBallot(out, ballot);
    out.u32(entries.length);
    for (const { db, key, record } of entries) {
      out.u8(db);
      out.latin1(key);
      out.u32(digestA(record ?? null, writers));
      out.u32(digestB(record ?? null, writers));
    }
    return out.end();
  }

  readPrepare(body: FrameReader): PrepareMessage | undefined {
    const request = body.u32();
    const epoch = body.u32();
    const slot = body.u16();
    const ballot = readBallot(body);
    const count = body.u32();
    const keys: AskedKey[] = [];
    for (let i = 0; i < count && body.ok; i++)
      keys.push({ db: body.u8(), key: body.latin1(), a: body.u32(), b: body.u32() });
    const isWhole = body.finished && keys.every(({ key }) => slotOf(key) === slot);
    return isWhole && ballot !== undefined ? { request, epoch, slot, ballot, keys } : undefined;
  }

  /** With a yes: the units held, and the records of these entries that differ from what was asked with. */
  sendPromise(
    peer: number,
    request: number,
    { vote, promised }: Vote,
    units: readonly Unit[],
    keys: readonly AskedKey[],
    entries: readonly RecordEntry[],
  ): void {
    // Before the frame's buffer is asked for.
    const encoded = units.map((unit) => encodeUnit(unit, this.writers));
    const records = entries.map((entry, i) => this.differing(entry, keys[i]));
    const out = this.transport.writer(peer);
    if (out === undefined) return;
    out.begin();
    out.u8(Message.Promise);
    out.u32(request);
    out.u8(VOTES.indexOf(vote));
    writeBallot(out, promised);
    out.u16(units.length);
    units.forEach(({ ballot }, i) => {
      writeBallot(out, ballot);
      out.u32(encoded[i].length);
      out.bytes(encoded[i], 0, encoded[i].length);
    });
    out.u32(records.length);
    for (const record of records) {
      out.u8(record === undefined ? 0 : 1);
      if (record === undefined) continue;
      out.u32(record.length);
      out.bytes(record, 0, record.length);
    }
    out.end();
  }

  /** What follows the number of the request, for a question about `entries` of the slot. */
  readPromise(body: FrameReader, slot: number, entries: readonly RecordEntry[]): AskAnswer | undefined {
    const vote = VOTES[body.u8()];
    const promised = readBallot(body);
    const units = this.readUnits(body, slot);
    const records = this.readRecords(body, entries);
    if (vote === undefined || promised === undefined || units === undefined || records === undefined)
      return undefined;
    if (!body.finished || (vote === 'yes' && records.length !== entries.length)) return undefined;
    return { vote, promised, units, records };
  }

  sendAccept(peer: number, id: number, epoch: number, { slot, ballot }: Unit, bytes: Buffer): boolean {
    const out = this.transport.writer(peer);
    if (out === undefined) return false;
    out.begin();
    out.u8(Message.Accept);
    out.u32(id);
    out.u32(epoch);
    out.u16(slot);
    writeBallot(out, ballot);
    out.bytes(bytes, 0, bytes.length);
    return out.end();
  }

  readAccept(body: FrameReader): AcceptMessage | undefined {
    const request = body.u32();
    const epoch = body.u32();
    const slot = body.u16();
    const ballot = readBallot(body);
    const bytes = body.bytes(body.left);
    const unit = body.ok && ballot ? decodeUnit(bytes, slot, ballot, this.writers) : undefined;
    return unit === undefined ? undefined : { request, epoch, unit };
  }

  sendVote(peer: number, request: number, { vote, promised }: Vote): void {
    const out = this.transport.writer(peer);
    if (out === undefined) return;
    out.begin();
    out.u8(Message.Accepted);
    out.u32(request);
    out.u8(VOTES.indexOf(vote));
    writeBallot(out, promised);
    out.end();
  }

  /** What follows the number of the request. */
  readVote(body: FrameReader): Vote | undefined {
    const vote = VOTES[body.u8()];
    const promised = readBallot(body);
    return body.finished && vote !== undefined && promised !== undefined ? { vote, promised } : undefined;
  }

  /** The entry's record, encoded, if it is another than the one with these digests; empty when there is none. */
  private differing(entry: RecordEntry, { a, b }: AskedKey): Buffer | undefined {
    const { writers } = this;
    const record = entry.record ?? null;
    if (digestA(record, writers) === a && digestB(record, writers) === b) return undefined;
    if (record === null) return Buffer.alloc(0);
    const bytes = Buffer.allocUnsafe(encodedBytes(record));
    encodeRecord(record, entry.hash, writers, bytes);
    return bytes;
  }

  private readUnits(body: FrameReader, slot: number): Unit[] | undefined {
    const units: Unit[] = [];
    const count = body.u16();
    for (let i = 0; i < count; i++) {
      const ballot = readBallot(body);
      const bytes = body.bytes(body.u32());
      const unit = ballot && decodeUnit(bytes, slot, ballot, this.writers);
      if (unit === undefined) return undefined;
      units.push(unit);
    }
    return units;
  }

  private readRecords(
    body: FrameReader,
    entries: readonly RecordEntry[],
  ): (KeyRecord | null | undefined)[] | undefined {
    const count = body.u32();
    const records: (KeyRecord | null | undefined)[] = [];
    if (count > entries.length) return undefined;
    for (let i = 0; i < count; i++) {
      if (body.u8() === 0) {
        records.push(undefined);
        continue;
      }
      const bytes = body.bytes(body.u32());
      if (!body.ok) return undefined;
      const { hash } = entries[i];
      const record = bytes.length === 0 ? null : decodeRecord(hash, this.writers, bytes, 0, bytes.length);
      if (record === CORRUPT) return undefined;
      records.push(record);
    }
    return records;
  }
}
