import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WriterTable, writerId } from '../../../storage/writers.js';
import { decodeToken, encodeToken } from './context-token.js';

const OF = { db: 0, key: 'k\xff' };
const writers = new WriterTable();
const nodes = ['a', 'b', 'c'].map((digit) => writers.index(writerId(digit.repeat(32), 7)));
const contexts = fc.subarray(nodes, { minLength: 1 }).chain((some) =>
  fc
    .array(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), {
      minLength: some.length,
      maxLength: some.length,
    })
    .map((hlcs) => some.flatMap((writer, i) => [writer, hlcs[i]])),
);

describe('a context token', () => {
  it('gives back the context it was made of, on any node of the cluster, and is printable', () => {
    fc.assert(
      fc.property(contexts, (context) => {
        const token = encodeToken(context, OF, 'secret', writers);
        expect(token).toMatch(/^[\w-]+$/);
        const others = new WriterTable();
        const decoded = decodeToken(token, OF, 'secret', others)!;
        expect(decoded.map((x, i) => (i % 2 === 0 ? others.id(x) : x))).toEqual(
          context.map((x, i) => (i % 2 === 0 ? writers.id(x) : x)),
        );
      }),
    );
  });

  it('of nothing is empty', () => {
    expect(encodeToken([], OF, 'secret', writers)).toBe('');
    expect(decodeToken('', OF, 'secret', writers)).toEqual([]);
  });

  it('is refused with another key, another database or another secret', () => {
    const token = encodeToken([nodes[0], 5], OF, 'secret', writers);
    expect(decodeToken(token, { ...OF, key: 'l' }, 'secret', writers)).toBeUndefined();
    expect(decodeToken(token, { ...OF, db: 1 }, 'secret', writers)).toBeUndefined();
    expect(decodeToken(token, OF, 'other', writers)).toBeUndefined();
  });

  it('is refused with any character changed, missing or added', () => {
    fc.assert(
      fc.property(contexts, fc.nat(), fc.string({ minLength: 1, maxLength: 1 }), (context, at, char) => {
        const token = encodeToken(context, OF, '', writers);
        const i = at % token.length;
        const changed = token.slice(0, i) + char + token.slice(i + 1);
        if (changed !== token) expect(decodeToken(changed, OF, '', writers)).toBeUndefined();
        expect(decodeToken(token.slice(0, i), OF, '', writers)?.length ?? 0).toBe(0);
        expect(decodeToken(token + char, OF, '', writers)).toBeUndefined();
      }),
    );
  });

  it('teaches a node without a secret no writers', () => {
    const others = new WriterTable();
    others.index(writers.id(nodes[1]));
    const token = encodeToken([nodes[0], 5, nodes[1], 6], OF, '', writers);
    expect(decodeToken(token, OF, '', others)).toEqual([0, 6]);
    expect(others.has(writers.id(nodes[0]))).toBe(false);
  });

  it('that is any text is refused', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'binary' }), (text) => {
        expect(decodeToken(text, OF, '', writers)).toBeUndefined();
      }),
    );
  });
});
