import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COUNTER, type KeyRecord, makeRecord, STRING, TOMBSTONE } from '../../../storage/record.js';
import { WriterTable, writerId } from '../../../storage/writers.js';
import { slotOf } from '../slot.js';
import { witnessed } from '../version.js';
import { ballot, SLOT } from './register.test-support.js';
import { serialTwin } from './serial-names.js';
import { decodeUnit, encodeUnit, sameUnit, type Unit, type UnitKey } from './unit.js';

const writers = new WriterTable();
const serial = writers.index(serialTwin(writerId('b'.repeat(32), 3)));
const plain = writers.index(writerId('c'.repeat(32), 0));
const UNDER = ballot(7);

const byte = fc.nat(255).map((code) => String.fromCharCode(code));
const bytes = fc.array(byte, { maxLength: 40 }).map((all) => all.join(''));
const clock = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 1 });
const unitKey: fc.Arbitrary<UnitKey> = fc
  .record({
    db: fc.nat(15),
    key: bytes.map((rest) => `{t}${rest}`),
    hlc: clock,
    other: clock,
    payload: bytes,
    kind: fc.constantFrom('single', 'siblings', 'tombstone', 'touched'),
  })
  .map(({ db, key, hlc, other, payload, kind }) => ({
    db,
    key,
    record: recordOf(kind, hlc, other, payload),
    writer: serial,
    hlc,
  }));
const unit: fc.Arbitrary<Unit> = fc
  .array(unitKey, { minLength: 1, maxLength: 6 })
  .map((keys) => ({ slot: SLOT, ballot: UNDER, keys }));

function recordOf(kind: string, hlc: number, other: number, payload: string): KeyRecord {
  const own = { writer: serial, hlc, type: STRING, expireAt: 0, payload } as const;
  const beside = { writer: plain, hlc: other, type: STRING, expireAt: 5, payload: 'beside' } as const;
  const context =
    writers.compare(serial, plain) < 0 ? [serial, hlc, plain, other] : [plain, other, serial, hlc];
  if (kind === 'single') return makeRecord([serial, hlc], [own]);
  if (kind === 'tombstone') return makeRecord([serial, hlc], [{ ...own, type: TOMBSTONE, payload: '' }]);
  if (kind === 'siblings') return makeRecord(context, [own, beside]);
  return witnessed(makeRecord([plain, other], [{ ...beside, type: COUNTER, payload }]), serial, hlc, writers);
}

const decode = (encoded: Buffer, slot = SLOT): Unit | undefined => decodeUnit(encoded, slot, UNDER, writers);
const one = (key = '{t}a', hlc = 5): Unit => ({
  slot: SLOT,
  ballot: UNDER,
  keys: [{ db: 0, key, record: recordOf('single', hlc, 0, 'value'), writer: serial, hlc }],
});

describe('a unit', () => {
  it('is what it was after it has been written and read', () => {
    fc.assert(
      fc.property(unit, (made) => {
        expect(decode(encodeUnit(made, writers))).toEqual(made);
      }),
    );
  });

  it('is read by a node that numbers its writers otherwise', () => {
    const elsewhere = new WriterTable();
    for (let i = 0; i < 12; i++) elsewhere.index(writerId('e'.repeat(32), i));
    const found = decodeUnit(encodeUnit(one(), writers), SLOT, UNDER, elsewhere)!;
    const [{ writer, hlc, record }] = found.keys;
    expect(elsewhere.id(writer)).toBe(writers.id(serial));
    expect(record.context).toEqual([writer, hlc]);
  });

  it('does not stand on the bytes it was read from', () => {
    const encoded = encodeUnit(one(), writers);
    const found = decode(encoded);
    encoded.fill(0);
    expect(found).toEqual(one());
  });
});

describe('the same unit', () => {
  it('is one of the same content, whatever its ballot', () => {
    expect(sameUnit(one(), { ...one(), ballot: ballot(8, 'c') })).toBe(true);
  });

  it('is none with another key, database, dot or number of keys', () => {
    const [key] = one().keys;
    for (const keys of [
      [{ ...key, key: '{t}b' }],
      [{ ...key, db: 1 }],
      [{ ...key, hlc: 6 }],
      [{ ...key, writer: plain }],
      [key, key],
      [],
    ])
      expect(sameUnit(one(), { ...one(), keys })).toBe(false);
  });
});

describe('bytes that are no unit', () => {
  it('are refused when anything was cut off', () => {
    fc.assert(
      fc.property(unit, fc.nat(), (made, at) => {
        const encoded = encodeUnit(made, writers);
        expect(decode(encoded.subarray(0, at % encoded.length))).toBeUndefined();
      }),
    );
  });

  it('are refused when anything follows', () => {
    expect(decode(Buffer.concat([encodeUnit(one(), writers), Buffer.from([0])]))).toBeUndefined();
  });

  it('are refused when they are for another slot', () => {
    const other = one('{u}a');
    expect(slotOf('{u}a')).not.toBe(SLOT);
    const encoded = encodeUnit(other, writers);
    expect(decode(encoded)).toBeUndefined();
    expect(decode(encoded, slotOf('{u}a'))).toBeDefined();
    const mixed = { ...one(), keys: [...one().keys, ...other.keys] };
    expect(decode(encodeUnit(mixed, writers))).toBeUndefined();
  });

  it('are refused when they hold no key', () => {
    expect(decode(Buffer.from([0, 0, 0, 0]))).toBeUndefined();
    expect(decode(Buffer.alloc(0))).toBeUndefined();
  });

  it('are refused when the dot is none that the record has seen, or not the newest of its writer', () => {
    const [key] = one().keys;
    for (const wrong of [
      { ...key, hlc: 4 },
      { ...key, hlc: 6 },
      { ...key, hlc: Number.NaN },
      { ...key, writer: plain },
    ])
      expect(decode(encodeUnit({ ...one(), keys: [wrong] }, writers))).toBeUndefined();
  });

  it('never throw, and never give what was not written, whatever byte is wrong', () => {
    fc.assert(
      fc.property(unit, fc.nat(), fc.integer({ min: 1, max: 255 }), (made, at, flip) => {
        const encoded = encodeUnit(made, writers);
        encoded[at % encoded.length] ^= flip;
        const found = decode(encoded);
        // The number of the database has no checksum here: the row that holds a unit has one, and so has the network.
        if (found !== undefined)
          expect(found.keys.map((key) => ({ ...key, db: 0 }))).toEqual(
            made.keys.map((key) => ({ ...key, db: 0 })),
          );
      }),
      { numRuns: 2000 },
    );
  });

  it('never throw when they are rubbish', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (rubbish) => {
        expect(decode(Buffer.from(rubbish))).toBeUndefined();
      }),
    );
  });
});
