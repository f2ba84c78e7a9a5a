import { SLOTS } from '../../../storage/key-layout.js';
import type { WriterTable } from '../../../storage/writers.js';
import { Message } from '../../messages.js';
import type { FrameReader } from '../../transport/frame-reader.js';
import type { Transport } from '../../transport.js';
import { type Ballot, readBallot, writeBallot } from './ballot.js';
import { decodeUnit, type Unit } from './unit.js';

/** What a node remembers of one slot, as it is told: units are encoded. */
export interface Remembered {
  readonly slot: number;
  readonly promised: Ballot;
  readonly units: readonly { readonly ballot: Ballot; readonly bytes: Buffer }[];
}

export interface ToldSlot {
  readonly slot: number;
  readonly promised: Ballot;
  readonly units: readonly Unit[];
}

/** One part of what a peer remembers. */
export interface Told {
  readonly request: number;
  /** There is nothing that the asker could have forgotten of what it did together with the teller. */
  readonly fresh: boolean;
  /** The teller itself has all its memory. */
  readonly whole: boolean;
  /** The next slot to ask for; SLOTS: this was everything. */
  readonly next: number;
  readonly slots: readonly ToldSlot[];
}

/** False: it cannot be sent now. */
export function sendAsk(transport: Transport, peer: number, request: number, from: number): boolean {
  const out = transport.writer(peer);
  if (out === undefined) return false;
  out.begin();
  out.u8(Message.RegistersAsk);
  out.u32(request);
  out.u16(from);
  return out.end();
}

export function readAsk(body: FrameReader): { request: number; from: number } | undefined {
  const request = body.u32();
  const from = body.u16();
  return body.finished && from < SLOTS ? { request, from } : undefined;
}

export function sendTold(
  transport: Transport,
  peer: number,
  told: Omit<Told, 'slots'> & { readonly slots: readonly Remembered[] },
): void {
  const out = transport.writer(peer);
  if (out === undefined) return;
  out.begin();
  out.u8(Message.RegistersTold);
  out.u32(told.request);
  out.u8(told.fresh ? 1 : 0);
  out.u8(told.whole ? 1 : 0);
  out.u16(told.next);
  out.u16(told.slots.length);
  for (const { slot, promised, units } of told.slots) {
    out.u16(slot);
    writeBallot(out, promised);
    out.u16(units.length);
    for (const { ballot, bytes } of units) {
      writeBallot(out, ballot);
      out.u32(bytes.length);
      out.bytes(bytes, 0, bytes.length);
    }
  }
  out.end();
}

export function readTold(body: FrameReader, writers: WriterTable): Told | undefined {
  const request = body.u32();
  const fresh = body.u8() === 1;
  const whole = body.u8() === 1;
  const next = body.u16();
  const slots = readSlots(body, writers);
  if (slots === undefined || !body.finished || next > SLOTS) return undefined;
  return { request, fresh, whole, next, slots };
}

function readSlots(body: FrameReader, writers: WriterTable): ToldSlot[] | undefined {
  const slots: ToldSlot[] = [];
  const count = body.u16();
  for (let i = 0; i < count; i++) {
    const slot = body.u16();
    const promised = readBallot(body);
    const units: Unit[] = [];
    for (let left = body.u16(); left > 0; left--) {
      const ballot = readBallot(body);
      const bytes = body.bytes(body.u32());
      const unit = ballot && decodeUnit(bytes, slot, ballot, writers);
      if (unit === undefined) return undefined;
      units.push(unit);
    }
    if (promised === undefined || slot >= SLOTS) return undefined;
    slots.push({ slot, promised, units });
  }
  return slots;
}
