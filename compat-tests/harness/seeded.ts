import { encode } from './connection.js';

/** Commands that change no setting and end no process: the garbage is made of them. */
const NAMES = [
  'GET',
  'SET',
  'MSET',
  'DEL',
  'APPEND',
  'SETRANGE',
  'INCRBY',
  'SCAN',
  'EXPIRE',
  'BITFIELD',
  'LCS',
];
const MORE_NAMES = [
  'MULTI',
  'EXEC',
  'WATCH',
  'HELLO',
  'CLIENT',
  'OBJECT',
  'COMMAND',
  'RESTORE',
  'DUMP',
  'COPY',
];
const WORDS = [
  '',
  '0',
  '-1',
  '4294967295',
  '9223372036854775807',
  'nan',
  'EX',
  'NX',
  'GET',
  'a',
  'b',
  '{a}c',
  '*',
];
const ODD_BYTES = ['\r\n', '\0', '$', '*', '-', '\xff', '"', "'", '\n', ':', ' '];

export interface Seeded {
  /** From 0 to n - 1. */
  below(n: number): number;
  /** Random bytes, or commands with something changed. */
  garbage(): string;
}

/** Numbers and garbage that are the same for the same seed. */
export function seeded(seed: number): Seeded {
  let state = seed >>> 0;
  const below = (n: number): number => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
  const one = (list: readonly string[]): string => list[below(list.length)];
  const bytes = (length: number): string =>
    Array.from({ length }, () => String.fromCharCode(below(256))).join('');
  const argument = (): string => (below(4) > 0 ? one(WORDS) : bytes(below(50)));
  const command = (): string =>
    encode([one(below(2) ? NAMES : MORE_NAMES), ...Array.from({ length: below(6) }, argument)]);
  const mutated = (text: string): string => {
    const at = below(text.length);
    return text.slice(0, at) + (below(2) ? one(ODD_BYTES) : bytes(1)) + text.slice(at + below(3));
  };
  return {
    below,
    garbage() {
      const kind = below(4);
      if (kind === 0) return bytes(below(2000));
      const commands = Array.from({ length: 1 + below(20) }, command).join('');
      return kind === 1 ? commands : mutated(commands);
    },
  };
}
