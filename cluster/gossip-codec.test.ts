import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GossipMessage } from './core/gossip-messages.js';
import { GOSSIP_MESSAGES, type Names, readGossip, writeGossip } from './gossip-codec.js';
import { FrameReader } from './transport/frame-reader.js';
import { FrameWriter } from './transport/frame-writer.js';
import { LENGTH_BYTES } from './transport/limits.js';

const MEMBERS = ['a:1', 'b:1', 'c:1'];
const names: Names = {
  nameOf: (member) => MEMBERS[member] ?? `stranger${member}:1`,
  memberOf: (name) => (MEMBERS.includes(name) ? MEMBERS.indexOf(name) : undefined),
};

function encode(message: GossipMessage): Buffer {
  const out = new FrameWriter(1 << 20);
  expect(writeGossip(out, message, names)).toBe(true);
  return Buffer.from(out.take().subarray(LENGTH_BYTES));
}

function decode(bytes: Buffer): GossipMessage | 'garbled' | null {
  const body = new FrameReader().reset(bytes, 0, bytes.length);
  return readGossip(body.u8(), body, names);
}

const digest = { member: 1, generation: 1_700_000_000_000, version: 3, down: true };
const state = { ...digest, facts: '{"id":"\xe9"}' };
const header = { clock: 1_700_000_000_123, hears: false };

const EXAMPLES: readonly GossipMessage[] = [
  { kind: 'syn', ...header, sumA: 0xffffffff, sumB: 1, digests: null },
  { kind: 'syn', ...header, hears: true, sumA: 0, sumB: 1, digests: [digest, { ...digest, member: 2 }] },
  { kind: 'ack', ...header, echo: 5, states: [state], wanted: [0, 2] },
  { kind: 'ack', ...header, echo: 5, states: [], wanted: [] },
  { kind: 'ack2', states: [state, { ...state, down: false, facts: '' }] },
  { kind: 'probe-request', number: 0xffffffff, target: 2 },
  { kind: 'probe', number: 7, asker: 0 },
  { kind: 'probe-answer', number: 7, asker: 1, heard: true },
];

describe('a gossip message', () => {
  it.each(EXAMPLES)('$kind arrives as it was sent', (message) => {
    expect(decode(encode(message))).toEqual(message);
  });

  it.each(EXAMPLES)('$kind that is cut short or too long is never taken for a whole one', (message) => {
    const whole = encode(message);
    const parts = new Set<string>();
    for (let length = 1; length < whole.length; length++) {
      const read = decode(whole.subarray(0, length));
      // Lists end where the message ends: a shorter list is a message too.
      if (read !== 'garbled') parts.add(JSON.stringify(read));
      expect(read).not.toEqual(message);
    }
    expect(parts.size).toBeLessThanOrEqual(2);
    if (message.kind !== 'syn' && message.kind !== 'ack')
      expect(decode(Buffer.concat([whole, Buffer.alloc(1)]))).toBe('garbled');
  });

  it('leaves out members that are none of ours', () => {
    const stranger = { ...state, member: 9 };
    expect(decode(encode({ kind: 'ack2', states: [stranger, state] }))).toEqual({
      kind: 'ack2',
      states: [state],
    });
    expect(decode(encode({ kind: 'probe', number: 1, asker: 9 }))).toBe(null);
    expect(decode(encode({ kind: 'probe-answer', number: 1, asker: 9, heard: true }))).toBe(null);
  });

  it.each([Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY])('has no generation %d', (generation) => {
    const read = decode(encode({ kind: 'ack2', states: [{ ...state, generation }] }));
    expect(read).toEqual({ kind: 'ack2', states: [] });
  });

  it('of noise is garbled or harmless', () => {
    fc.assert(
      fc.property(fc.constantFrom(...GOSSIP_MESSAGES), fc.uint8Array({ maxLength: 200 }), (type, noise) => {
        decode(Buffer.concat([Buffer.from([type]), noise]));
      }),
    );
  });
});
