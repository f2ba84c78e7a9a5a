import {
  type Ack,
  type GossipMessage,
  MAX_ENTRIES,
  type Probe,
  type ProbeAnswer,
  type ProbeRequest,
  type Syn,
} from './core/gossip-messages.js';
import type { Digest, MemberState } from './core/gossip-table.js';
import { Message } from './messages.js';
import type { FrameReader } from './transport/frame-reader.js';
import type { FrameWriter } from './transport/frame-writer.js';
import type { PeerId } from './transport.js';

/** Members go by their names on the wire, by a number in each process. */
export interface Names {
  nameOf(member: PeerId): string;
  /** undefined: no member of ours. */
  memberOf(name: string): PeerId | undefined;
}

/** What one member says about itself. */
const MAX_FACTS = 4096;

export const GOSSIP_MESSAGES: readonly number[] = [
  Message.GossipSyn,
  Message.GossipAck,
  Message.GossipAck2,
  Message.ProbeRequest,
  Message.Probe,
  Message.ProbeAnswer,
];

/** Writes one message. */
export function writeGossip(out: FrameWriter, message: GossipMessage, names: Names): boolean {
  out.begin();
  switch (message.kind) {
    case 'syn':
      writeSyn(out, message, names);
      break;
    case 'ack':
      writeAck(out, message, names);
      break;
    case 'ack2':
      out.u8(Message.GossipAck2);
      writeStates(out, message.states, names);
      break;
    case 'probe-request':
      writeNumbered(out, Message.ProbeRequest, message.number, names.nameOf(message.target));
      break;
    case 'probe':
      writeNumbered(out, Message.Probe, message.number, names.nameOf(message.asker));
      break;
    case 'probe-answer':
      writeNumbered(out, Message.ProbeAnswer, message.number, names.nameOf(message.asker));
      out.u8(message.heard ? 1 : 0);
  }
  return out.end();
}

/** 'garbled', or null: about members that are none of ours, to be ignored. */
export function readGossip(type: number, body: FrameReader, names: Names): GossipMessage | 'garbled' | null {
  const message = readBody(type, body, names);
  return body.finished ? message : 'garbled';
}

function readBody(type: number, body: FrameReader, names: Names): GossipMessage | 'garbled' | null {
  switch (type) {
    case Message.GossipSyn:
      return readSyn(body, names);
    case Message.GossipAck:
      return readAck(body, names);
    case Message.GossipAck2:
      return { kind: 'ack2', states: readStates(body, names) };
    default:
      return readProbe(type, body, names);
  }
}

function writeSyn(out: FrameWriter, { clock, hears, sumA, sumB, digests }: Syn, names: Names): void {
  out.u8(Message.GossipSyn);
  out.f64(clock);
  out.u8(hears ? 1 : 0);
  out.u32(sumA);
  out.u32(sumB);
  for (const digest of digests ?? []) writeDigest(out, digest, names);
}

function readSyn(body: FrameReader, names: Names): Syn {
  const clock = body.f64();
  const hears = body.u8() === 1;
  const sumA = body.u32();
  const sumB = body.u32();
  const digests: Digest[] = [];
  const none = body.left === 0;
  for (let i = 0; i < MAX_ENTRIES && body.ok && body.left > 0; i++) {
    const digest = readDigest(body, names);
    if (digest !== undefined) digests.push(digest);
  }
  return { kind: 'syn', clock, hears, sumA, sumB, digests: none ? null : digests };
}

function writeAck(out: FrameWriter, { clock, hears, echo, states, wanted }: Ack, names: Names): void {
  out.u8(Message.GossipAck);
  out.f64(clock);
  out.u8(hears ? 1 : 0);
  out.f64(echo);
  writeStates(out, states, names);
  for (const member of wanted) out.latin1(names.nameOf(member));
}

function readAck(body: FrameReader, names: Names): Ack {
  const clock = body.f64();
  const hears = body.u8() === 1;
  const echo = body.f64();
  const states = readStates(body, names);
  const wanted: PeerId[] = [];
  for (let i = 0; i < MAX_ENTRIES && body.ok && body.left > 0; i++) {
    const member = names.memberOf(body.latin1());
    if (member !== undefined) wanted.push(member);
  }
  return { kind: 'ack', clock, hears, echo, states, wanted };
}

function writeStates(out: FrameWriter, states: readonly MemberState[], names: Names): void {
  out.u16(states.length);
  for (const state of states) {
    writeDigest(out, state, names);
    out.latin1(state.facts);
  }
}

function readStates(body: FrameReader, names: Names): MemberState[] {
  const states: MemberState[] = [];
  const count = body.u16();
  for (let i = 0; i < count && body.ok; i++) {
    const digest = readDigest(body, names);
    const facts = body.latin1();
    if (digest !== undefined && facts.length <= MAX_FACTS) states.push({ ...digest, facts });
  }
  return states;
}

function writeDigest(out: FrameWriter, { member, generation, version, down }: Digest, names: Names): void {
  out.latin1(names.nameOf(member));
  out.f64(generation);
  out.u32(version);
  out.u8(down ? 1 : 0);
}

function readDigest(body: FrameReader, names: Names): Digest | undefined {
  const member = names.memberOf(body.latin1());
  const generation = body.f64();
  const version = body.u32();
  const down = body.u8() === 1;
  // NaN and the like would compare with nothing.
  if (member === undefined || !Number.isSafeInteger(generation) || generation < 0) return undefined;
  return { member, generation, version, down };
}

function writeNumbered(out: FrameWriter, type: number, number: number, name: string): void {
  out.u8(type);
  out.u32(number);
  out.latin1(name);
}

function readProbe(
  type: number,
  body: FrameReader,
  names: Names,
): ProbeRequest | Probe | ProbeAnswer | 'garbled' | null {
  const number = body.u32();
  const member = names.memberOf(body.latin1());
  if (type === Message.ProbeAnswer) {
    const heard = body.u8() === 1;
    return member === undefined ? null : { kind: 'probe-answer', number, asker: member, heard };
  }
  if (member === undefined) return null;
  return type === Message.Probe
    ? { kind: 'probe', number, asker: member }
    : { kind: 'probe-request', number, target: member };
}
