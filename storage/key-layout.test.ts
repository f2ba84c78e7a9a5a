import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DataKey,
  dataKey,
  dataKeyFrom,
  expiryKey,
  expiryRange,
  hintKey,
  hintRange,
  metaKey,
  parseDataKey,
  parseExpiryKey,
  parseHintKey,
  parseTombstoneKey,
  SLOTS,
  tombstoneKey,
  tombstoneRange,
  writeDataKey,
} from './key-layout.js';

const key = fc
  .array(
    fc.nat(255).map((code) => String.fromCharCode(code)),
    { maxLength: 12 },
  )
  .map((bytes) => bytes.join(''));
/** Few values of each part, so that ties and neighbours are common. */
const place: fc.Arbitrary<DataKey> = fc.record({
  slot: fc.oneof(fc.constantFrom(0, 1, 255, 256), fc.nat(SLOTS - 1)),
  db: fc.constantFrom(0, 1, 15, 255),
  hash: fc.oneof(fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff), fc.nat(0xffffffff)),
  key,
});
const time = fc.oneof(
  fc.integer({ min: 1, max: 2 ** 40 }),
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
);

const encode = ({ slot, db, hash, key }: DataKey) => dataKey(slot, db, hash, key);
const compare = (a: DataKey, b: DataKey) =>
  a.slot - b.slot || a.db - b.db || a.hash - b.hash || (a.key === b.key ? 0 : a.key < b.key ? -1 : 1);
const sign = (n: number) => Math.sign(n);

describe('data keys', () => {
  it('order by slot, database, hash and key', () => {
    fc.assert(
      fc.property(place, place, (a, b) => {
        expect(Buffer.compare(encode(a), encode(b))).toBe(sign(compare(a, b)));
      }),
    );
  });

  it('give back their parts, wherever they stand', () => {
    fc.assert(
      fc.property(place, fc.nat(20), (one, offset) => {
        const out = Buffer.alloc(offset + 8 + one.key.length);
        expect(writeDataKey(out, offset, one.slot, one.db, one.hash, one.key)).toBe(out.length);
        expect(parseDataKey(out, offset)).toEqual(one);
        expect(parseDataKey(encode(one))).toEqual(one);
      }),
    );
  });

  it('of a place begin at dataKeyFrom: nothing of it lies before, nothing earlier behind', () => {
    fc.assert(
      fc.property(place, place, (from, one) => {
        const start = dataKeyFrom(from.slot, from.db, from.hash);
        const inside = compare(one, { ...from, key: '' }) >= 0;
        expect(Buffer.compare(encode(one), start) >= 0).toBe(inside);
        expect(Buffer.compare(encode(one), dataKeyFrom(SLOTS))).toBe(-1);
        expect(Buffer.compare(encode(one), dataKeyFrom(0))).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('expiry keys', () => {
  it('order by time, then by data key, and give both back', () => {
    fc.assert(
      fc.property(time, place, time, place, (at, a, bt, b) => {
        const [x, y] = [expiryKey(at, encode(a)), expiryKey(bt, encode(b))];
        expect(Buffer.compare(x, y)).toBe(sign(at - bt || compare(a, b)));
        expect(parseExpiryKey(x)).toEqual({ expireAt: at, data: a });
      }),
    );
  });

  it('are in expiryRange from the very ms they are due', () => {
    fc.assert(
      fc.property(time, fc.oneof(time, fc.constantFrom(-1, 0, 1)), place, (expireAt, now, one) => {
        if (now < 2) now += expireAt;
        const { from, to } = expiryRange(now);
        const row = expiryKey(expireAt, encode(one));
        expect(Buffer.compare(row, from) >= 0 && Buffer.compare(row, to) < 0).toBe(expireAt <= now);
      }),
    );
  });
});

describe('tombstone keys', () => {
  it('order by time, then by data key, and give the data key back', () => {
    fc.assert(
      fc.property(time, place, time, place, (at, a, bt, b) => {
        const [x, y] = [tombstoneKey(at, encode(a)), tombstoneKey(bt, encode(b))];
        expect(Buffer.compare(x, y)).toBe(sign(at - bt || compare(a, b)));
        expect(parseTombstoneKey(x)).toEqual(a);
      }),
    );
  });

  it('are in tombstoneRange from the very ms on', () => {
    fc.assert(
      fc.property(time, fc.oneof(time, fc.constantFrom(-1, 0, 1)), place, (since, until, one) => {
        if (until < 2) until += since;
        const { from, to } = tombstoneRange(until);
        const row = tombstoneKey(since, encode(one));
        expect(Buffer.compare(row, from) >= 0 && Buffer.compare(row, to) < 0).toBe(since <= until);
        expect(Buffer.compare(expiryKey(since, encode(one)), to)).toBe(1);
      }),
    );
  });
});

describe('hint keys', () => {
  it('name the member and the key, and all lie in hintRange', () => {
    fc.assert(
      fc.property(fc.oneof(fc.constantFrom('', '10.0.0.1:16379'), key), place, (target, one) => {
        const row = hintKey(target, encode(one));
        expect(parseHintKey(row)).toEqual({ target, data: one });
        const { from, to } = hintRange();
        expect(Buffer.compare(row, from) >= 0 && Buffer.compare(row, to) < 0).toBe(true);
      }),
    );
  });
});

it('data, meta and expiry rows never lie among each other', () => {
  fc.assert(
    fc.property(place, time, (one, at) => {
      expect(Buffer.compare(metaKey('a'), dataKeyFrom(SLOTS))).toBe(1);
      const { from, to } = expiryRange(Number.MAX_SAFE_INTEGER);
      for (const row of [encode(one), metaKey(one.key)])
        expect(Buffer.compare(row, from) < 0 || Buffer.compare(row, to) >= 0).toBe(true);
      expect(Buffer.compare(expiryKey(at, encode(one)), dataKeyFrom(SLOTS))).toBe(1);
    }),
  );
});
