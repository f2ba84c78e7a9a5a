import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packStrings, unpackStrings } from './string-list.js';

const byte = fc.oneof(
  fc.constantFrom('\n', ' ', '0', '9'),
  fc.nat(255).map((code) => String.fromCharCode(code)),
);
const strings = fc.array(
  fc.array(byte, { maxLength: 20 }).map((bytes) => bytes.join('')),
  { maxLength: 8 },
);

it('comes back as it was, whatever bytes the strings have', () => {
  fc.assert(
    fc.property(strings, (list) => {
      expect(unpackStrings(packStrings(list))).toEqual(list);
    }),
  );
});

it('tells no strings from one empty string', () => {
  expect(unpackStrings(packStrings([]))).toEqual([]);
  expect(unpackStrings(packStrings(['']))).toEqual(['']);
});

describe('is undefined when garbled', () => {
  it('cut off anywhere, or longer than it says', () => {
    fc.assert(
      fc.property(strings, byte, (list, extra) => {
        const packed = packStrings(list);
        for (let end = 0; end < packed.length; end++)
          expect(unpackStrings(packed.slice(0, end))).toBeUndefined();
        expect(unpackStrings(packed + extra)).toBeUndefined();
      }),
    );
  });

  it.each([
    '',
    '3',
    '3 abc',
    '3 \nab',
    '3 \nabcd',
    '3\n',
    '3\nabc',
    '-3 \nabc',
    'x\n',
    ' \n',
    '1  \na',
    '99999999999999999999 \n',
  ])('%j', (packed) => expect(unpackStrings(packed)).toBeUndefined());
});
