import zlib from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CORRUPT,
  decodeRecord,
  encodedBytes,
  encodeRecord,
  type KeyRecord,
  makeRecord,
  STRING,
  TOMBSTONE,
  type Version,
  visible,
} from './record.js';
import { RecordScratch } from './record-scratch.js';
import { SingleRecord } from './single-record.js';
import { fnv1a, WriterTable, writerId } from './writers.js';

const writers = new WriterTable();
// More than `indexAt` scans, so that both its ways are taken.
const WRITERS = Array.from({ length: 20 }, (_, i) =>
  writers.index(writerId(i.toString(16).padStart(32, '0'), i * 3000)),
);
const HASH = fnv1a('the key');

const byte = fc.nat(255).map((code) => String.fromCharCode(code));
const bytes = fc.array(byte, { maxLength: 50 }).map((all) => all.join(''));
const clock = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const version = (writer: number): fc.Arbitrary<Version> =>
  fc.oneof(
    fc.record({
      writer: fc.constant(writer),
      hlc: clock,
      type: fc.constant(STRING),
      expireAt: fc.oneof(fc.constant(0), clock),
      payload: bytes,
    }),
    fc.record({
      writer: fc.constant(writer),
      hlc: clock,
      type: fc.constant(TOMBSTONE),
      expireAt: fc.constant(0),
      payload: fc.constant(''),
    }),
  );
const record: fc.Arbitrary<KeyRecord> = fc.subarray(WRITERS, { minLength: 1 }).chain((seen) =>
  fc.record({
    context: fc
      .tuple(...seen.map(() => clock))
      .map((clocks) => seen.flatMap((writer, i) => [writer, clocks[i]])),
    siblings: fc.array(fc.constantFrom(...seen).chain(version), { maxLength: 4 }),
  }),
);

function encode(value: KeyRecord, hash = HASH): Buffer {
  const out = Buffer.alloc(encodedBytes(value) + 3, 0xaa);
  return out.subarray(0, encodeRecord(value, hash, writers, out));
}

const decode = (from: Buffer, hash = HASH) => decodeRecord(hash, writers, from, 0, from.length);

describe('the codec', () => {
  it('gives back what it was given, in as many bytes as it said', () => {
    fc.assert(
      fc.property(record, (value) => {
        const encoded = encode(value);
        expect(encoded.length).toBe(encodedBytes(value));
        expect(decode(encoded)).toEqual(makeRecord(value.context, value.siblings));
      }),
    );
  });

  it('reads a record amidst other bytes, and its payload outlives them', () => {
    fc.assert(
      fc.property(record, fc.nat(9), (value, before) => {
        const encoded = encode(value);
        const frame = Buffer.concat([Buffer.alloc(before, 1), encoded, Buffer.alloc(5, 1)]);
        const decoded = decodeRecord(HASH, writers, frame, before, before + encoded.length);
        frame.fill(0);
        expect(decoded).toEqual(makeRecord(value.context, value.siblings));
      }),
    );
  });

  it('means the same to a process that numbers the writers otherwise', () => {
    const others = new WriterTable();
    for (const writer of [...WRITERS].reverse()) others.index(writers.id(writer));
    fc.assert(
      fc.property(record, (value) => {
        const encoded = encode(value);
        const decoded = decodeRecord(HASH, others, encoded, 0, encoded.length) as KeyRecord;
        const names = (table: WriterTable, { siblings }: KeyRecord) =>
          siblings.map((v) => table.id(v.writer));
        expect(names(others, decoded)).toEqual(names(writers, value));
      }),
    );
  });

  it('is frozen: what is on disk today must be read for ever', () => {
    const table = new WriterTable();
    const writer = table.index(writerId('000102030405060708090a0b0c0d0e0f', 258));
    const value: KeyRecord = {
      context: [writer, 4097],
      siblings: [{ writer, hlc: 4097, type: STRING, expireAt: 1, payload: 'v\xff' }],
    };
    const out = Buffer.alloc(encodedBytes(value));
    encodeRecord(value, fnv1a('k'), table, out);
    expect(out.toString('hex')).toBe(
      '0114e3916d' +
        '00010001' +
        '000102030405060708090a0b0c0d0e0f0102' +
        '40b0010000000000' +
        '0000' +
        '01' +
        '40b0010000000000' +
        '3ff0000000000000' +
        '00000002' +
        '76ff',
    );
  });
});

describe('a damaged record', () => {
  it('is CORRUPT whatever bit flips', () => {
    fc.assert(
      fc.property(record, (value) => {
        const encoded = encode(value);
        for (let bit = 0; bit < encoded.length * 8; bit++) {
          encoded[bit >> 3] ^= 1 << (bit & 7);
          if (decode(encoded) !== CORRUPT) throw new Error(`bit ${bit} flipped and nobody noticed`);
          encoded[bit >> 3] ^= 1 << (bit & 7);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('is CORRUPT wherever it is cut off, and with a byte too many', () => {
    fc.assert(
      fc.property(record, byte, (value, extra) => {
        const encoded = encode(value);
        for (let length = 0; length < encoded.length; length++)
          expect(decode(encoded.subarray(0, length))).toBe(CORRUPT);
        expect(decode(Buffer.concat([encoded, Buffer.from(extra, 'latin1')]))).toBe(CORRUPT);
      }),
      { numRuns: 50 },
    );
  });

  it('is CORRUPT under another key', () => {
    fc.assert(
      fc.property(record, fc.nat(0xffffffff), (value, hash) => {
        fc.pre(hash !== HASH);
        expect(decode(encode(value), hash)).toBe(CORRUPT);
      }),
    );
  });

  it('is CORRUPT, or at least whole, but never an exception, when its checksum was made for the damage', () => {
    fc.assert(
      fc.property(record, fc.nat(), fc.nat(255), (value, at, byte) => {
        const encoded = encode(value);
        encoded[5 + (at % (encoded.length - 5))] = byte;
        encoded.writeUInt32BE(zlib.crc32(encoded.subarray(5), HASH), 1);
        const decoded = decodeRecord(HASH, new WriterTable(), encoded, 0, encoded.length);
        if (decoded === CORRUPT) return;
        expect(encodedBytes(decoded)).toBe(encoded.length);
        for (const { writer } of decoded.siblings) expect(decoded.context).toContain(writer);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('visible', () => {
  const NOW = 1000;
  const of = (...siblings: Partial<Version>[]): KeyRecord => ({
    context: [],
    siblings: siblings.map((one) => ({ writer: 0, hlc: 1, type: STRING, expireAt: 0, payload: '', ...one })),
  });

  it('is the newest version', () => {
    expect(visible(of({ payload: 'new' }, { payload: 'old' }), NOW, writers)?.payload).toBe('new');
  });

  it('is nothing without a record, without versions, under a tombstone and from the very ms of the expiry', () => {
    expect(visible(null, NOW, writers)).toBeUndefined();
    expect(visible(of(), NOW, writers)).toBeUndefined();
    expect(visible(of({ type: TOMBSTONE }, { payload: 'old' }), NOW, writers)).toBeUndefined();
    expect(visible(of({ expireAt: NOW }), NOW, writers)).toBeUndefined();
    expect(visible(of({ expireAt: NOW + 1 }), NOW, writers)).toBeDefined();
  });
});

it('a scratch buffer holds a record of any size, and does not keep a huge one', () => {
  const scratch = new RecordScratch(writers);
  const sized = (length: number): KeyRecord => new SingleRecord(WRITERS[0], 1, STRING, 0, 'x'.repeat(length));
  for (const length of [0, 100_000, 10_000_000, 5]) {
    const end = scratch.encode(sized(length), HASH);
    expect(decode(scratch.buffer.subarray(0, end))).toEqual(sized(length));
  }
  expect(scratch.buffer.length).toBeLessThan(1_000_000);
});
