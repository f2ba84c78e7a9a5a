import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checked, jsonRow, parseJsonRow, uncheckedBody } from './checked-row.js';

describe('a checked row', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(uncheckedBody(checked(Buffer.from(bytes)))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('is damaged when it was cut off, even of an empty body', () => {
    const row = checked(Buffer.from('body'));
    for (let length = 0; length < row.length; length++)
      expect(uncheckedBody(row.subarray(0, length))).toBeUndefined();
    expect(uncheckedBody(checked(Buffer.alloc(0)).subarray(0, 3))).toBeUndefined();
  });

  it('is damaged when something follows', () => {
    expect(uncheckedBody(Buffer.concat([checked(Buffer.from('body')), Buffer.from([1])]))).toBeUndefined();
  });

  it('is damaged when any of its bytes is another', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, at, flip) => {
        const row = checked(Buffer.from(bytes));
        row[at % row.length] ^= flip;
        expect(uncheckedBody(row)).toBeUndefined();
      }),
    );
  });

  it('is none of what stands where nothing was written', () => {
    expect(uncheckedBody(Buffer.alloc(0))).toBeUndefined();
    expect(uncheckedBody(Buffer.from('rubbish'))).toBeUndefined();
  });
});

describe('a row of JSON', () => {
  const value = { marks: [1, 2, 3], of: 'somebody' };

  it('is read as it was written, also from before it was checked', () => {
    expect(parseJsonRow(jsonRow(value))).toEqual(value);
    expect(parseJsonRow(Buffer.from(JSON.stringify(value)))).toEqual(value);
  });

  it('is damaged when any of its bits is another', () => {
    const row = jsonRow(value);
    for (let bit = 0; bit < 8 * row.length; bit++) {
      const other = Buffer.from(row);
      other[bit >> 3] ^= 1 << (bit & 7);
      expect(parseJsonRow(other)).toBe(undefined);
    }
  });
});
