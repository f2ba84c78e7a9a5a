import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameReader } from './frame-reader.js';
import { FrameWriter } from './frame-writer.js';
import { MessageSplitter } from './message-splitter.js';

type Field =
  | { kind: 'u8' | 'u16' | 'u32' | 'f64'; value: number }
  | { kind: 'latin1'; value: string }
  | { kind: 'bytes'; value: Uint8Array };

const latin1 = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).latin1Slice());
const field: fc.Arbitrary<Field> = fc.oneof(
  fc.record({ kind: fc.constant('u8' as const), value: fc.nat(0xff) }),
  fc.record({ kind: fc.constant('u16' as const), value: fc.nat(0xffff) }),
  fc.record({ kind: fc.constant('u32' as const), value: fc.nat(0xffffffff) }),
  fc.record({ kind: fc.constant('f64' as const), value: fc.double() }),
  fc.record({ kind: fc.constant('latin1' as const), value: latin1 }),
  fc.record({ kind: fc.constant('bytes' as const), value: fc.uint8Array({ maxLength: 60 }) }),
);
const messages = fc.array(fc.array(field, { minLength: 1, maxLength: 6 }), { maxLength: 30 });

function write(writer: FrameWriter, fields: Field[]): void {
  writer.begin();
  // A first byte, so that no message is empty: those are pings.
  writer.u8(7);
  for (const one of fields) {
    if (one.kind === 'latin1') writer.latin1(one.value);
    else if (one.kind === 'bytes') writer.bytes(Buffer.from(one.value));
    else writer[one.kind](one.value);
  }
  expect(writer.end()).toBe(true);
}

function read(reader: FrameReader, like: Field[]): Field[] {
  reader.u8();
  return like.map((one): Field => {
    if (one.kind === 'latin1') return { kind: one.kind, value: reader.latin1() };
    if (one.kind === 'bytes') {
      return { kind: one.kind, value: new Uint8Array(reader.bytes(one.value.length)) };
    }
    return { kind: one.kind, value: reader[one.kind]() };
  });
}

/** Feeds `stream` cut at `cuts`, each chunk in memory of its own that is wiped afterwards. */
function feedCut(splitter: MessageSplitter, stream: Buffer, cuts: number[]): string | undefined {
  const edges = [...cuts.map((cut) => cut % (stream.length + 1)), stream.length].sort((a, b) => a - b);
  let from = 0;
  for (const to of edges) {
    const chunk = Buffer.from(stream.subarray(from, to));
    const wrong = splitter.feed(chunk);
    if (wrong !== undefined) return wrong;
    chunk.fill(0xee);
    from = to;
  }
  return undefined;
}

describe('FrameWriter, MessageSplitter, FrameReader', () => {
  it('what was written is read, however the stream is cut', () => {
    fc.assert(
      fc.property(messages, fc.array(fc.nat(), { maxLength: 20 }), (sent, cuts) => {
        const writer = new FrameWriter(1000);
        for (const one of sent) write(writer, one);
        const reader = new FrameReader();
        const got: Field[][] = [];
        const splitter = new MessageSplitter(1000, (buffer, start, end) => {
          got.push(read(reader.reset(buffer, start, end), sent[got.length]!));
          expect(reader.finished).toBe(true);
          return true;
        });
        expect(feedCut(splitter, writer.take(), cuts)).toBeUndefined();
        expect(got).toEqual(sent);
      }),
    );
  });

  it('byte by byte, pings in between are not delivered', () => {
    const writer = new FrameWriter(1000);
    writer.empty();
    write(writer, [{ kind: 'latin1', value: 'x' }]);
    writer.empty();
    writer.empty();
    write(writer, [{ kind: 'u32', value: 5 }]);
    writer.empty();
    const lengths: number[] = [];
    const splitter = new MessageSplitter(1000, (_buffer, start, end) => lengths.push(end - start) > 0);
    const stream = writer.take();
    for (let i = 0; i < stream.length; i++) splitter.feed(stream.subarray(i, i + 1));
    splitter.feed(stream);
    expect(lengths).toEqual([6, 5, 6, 5]);
  });

  it('a large message costs time in proportion to its length', () => {
    const length = 32 * 1024 * 1024;
    const writer = new FrameWriter(length);
    writer.begin();
    writer.bytes(Buffer.alloc(length, 'abc'));
    writer.end();
    const stream = writer.take();
    let got = '';
    const splitter = new MessageSplitter(length, (buffer, start, end) => {
      got = buffer.latin1Slice(start, end);
      return true;
    });
    const began = performance.now();
    for (let at = 0; at < stream.length; at += 1000) splitter.feed(stream.subarray(at, at + 1000));
    // 33,000 pieces: copying what is there at each of them would be 500 GB.
    expect(performance.now() - began).toBeLessThan(5000);
    expect(got.length).toBe(length);
    expect(got.slice(-4)).toBe(Buffer.alloc(length, 'abc').latin1Slice(length - 4));
  });

  it('any noise, cut anyhow, yields messages inside it or an error, never a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.array(fc.nat(), { maxLength: 8 }), (noise, cuts) => {
        let body = 0;
        const splitter = new MessageSplitter(300, (buffer, start, end) => {
          expect(start).toBeLessThan(end);
          expect(end).toBeLessThanOrEqual(buffer.length);
          body += end - start;
          return true;
        });
        feedCut(splitter, Buffer.from(noise), cuts);
        expect(body).toBeLessThanOrEqual(noise.length);
      }),
    );
  });

  it('stops delivering when told so', () => {
    const writer = new FrameWriter(100);
    for (let i = 0; i < 5; i++) write(writer, [{ kind: 'u8', value: i }]);
    let heard = 0;
    const splitter = new MessageSplitter(100, () => ++heard < 2);
    expect(splitter.feed(writer.take())).toBeUndefined();
    expect(heard).toBe(2);
  });
});

describe('FrameReader', () => {
  it('never reads beyond the message: what is not there is 0 or empty, and not ok', () => {
    const reads = ['u8', 'u16', 'u32', 'f64', 'latin1', 'bytes'] as const;
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.array(fc.constantFrom(...reads), { maxLength: 12 }),
        (body, fields) => {
          // Ones around the message: whoever reads them can be told from who reads nothing.
          const buffer = Buffer.concat([Buffer.alloc(20, 0xff), body, Buffer.alloc(20, 0xff)]);
          const reader = new FrameReader().reset(buffer, 20, 20 + body.length);
          let before = reader.left;
          for (const kind of fields) {
            const wasOk = reader.ok;
            const value = kind === 'bytes' ? reader.bytes(3).length : reader[kind]();
            expect(reader.left).toBeGreaterThanOrEqual(0);
            expect(reader.left).toBeLessThanOrEqual(before);
            if (!wasOk) expect(reader.ok).toBe(false);
            if (!reader.ok) {
              expect(value === 0 || value === '').toBe(true);
              expect(reader.finished).toBe(false);
            }
            before = reader.left;
          }
        },
      ),
    );
  });

  it('a string that claims more than there is is not read', () => {
    const body = Buffer.from([0xff, 0xff, 0xff, 0xff, 65, 66]);
    const reader = new FrameReader().reset(body, 0, body.length);
    expect(reader.latin1()).toBe('');
    expect(reader.ok).toBe(false);
    expect(reader.reset(body, 4, 6).u16()).toBe(0x4142);
    expect(reader.finished).toBe(true);
  });

  it('bytes of a negative length are not read', () => {
    const reader = new FrameReader().reset(Buffer.alloc(8), 4, 8);
    expect(reader.bytes(-1).length).toBe(0);
    expect(reader.ok).toBe(false);
  });
});

describe('FrameWriter', () => {
  it('takes back a message that is too long, whole, and goes on', () => {
    const writer = new FrameWriter(20);
    write(writer, [{ kind: 'latin1', value: 'fits' }]);
    const before = writer.length;
    writer.begin();
    writer.latin1('x'.repeat(12));
    writer.latin1('y');
    writer.u8(1);
    expect(writer.end()).toBe(false);
    expect(writer.length).toBe(before);
    writer.begin();
    writer.bytes(Buffer.alloc(20));
    expect(writer.end()).toBe(true);
    expect(writer.take().length).toBe(before + 24);
  });

  it('a cancelled message leaves nothing', () => {
    const writer = new FrameWriter(100);
    writer.begin();
    writer.u32(1);
    writer.cancel();
    expect(writer.length).toBe(0);
    writer.empty();
    expect(writer.take()).toEqual(Buffer.alloc(4));
  });

  it('does not touch what was taken until it is given back, and then uses it again', () => {
    const writer = new FrameWriter(100_000);
    write(writer, [{ kind: 'latin1', value: 'first' }]);
    const first = writer.take();
    const copy = Buffer.from(first);
    write(writer, [{ kind: 'latin1', value: 'z'.repeat(50_000) }]);
    expect(first).toEqual(copy);
    writer.giveBack(first);
    const second = writer.take();
    write(writer, [{ kind: 'latin1', value: 'third' }]);
    expect(writer.take().buffer).toBe(first.buffer);
    expect(second.buffer).not.toBe(first.buffer);
  });

  it('a taken frame that is never given back is never written to', () => {
    const writer = new FrameWriter(100);
    const taken = Array.from({ length: 4 }, (_, i) => {
      write(writer, [{ kind: 'u8', value: i }]);
      return writer.take();
    });
    writer.giveBack(taken[0]!);
    expect(taken.map((frame) => frame.at(-1))).toEqual([0, 1, 2, 3]);
    expect(new Set(taken.map((frame) => frame.buffer)).size).toBe(4);
  });
});
