import { Errors } from '../../errors.js';
import type { CommandSpec } from '../spec.js';

/** BITOP. */
export const bitopCommand: CommandSpec = {
  name: 'bitop',
  arity: -4,
  flags: ['write', 'denyoom'],
  keys: { first: 2, last: -1, step: 1 },
  since: '2.6.0',
  group: 'bitmap',
  summary: 'Perform bitwise operations between strings',
  complexity: 'O(N)',
  syntax: 'BITOP <AND | OR | XOR | NOT> destkey key [key ...]',
  run(call) {
    const { argv, reply } = call;
    const operation = argv[1].toLowerCase();
    if (operation !== 'and' && operation !== 'or' && operation !== 'xor' && operation !== 'not')
      return reply.error(Errors.syntax);
    if (operation === 'not' && argv.length !== 4)
      return reply.error('ERR BITOP NOT must be called with a single source key.');
    const sources = argv.slice(3).map((key) => call.read(key)?.payload ?? '');
    const result = combine(operation, sources);
    if (result.length === 0) call.remove(argv[2]);
    else call.write(argv[2], result.latin1Slice(), 0);
    reply.integer(result.length);
  },
};

/** As long as the longest source; a shorter one has zeros behind it. */
function combine(operation: 'and' | 'or' | 'xor' | 'not', sources: readonly string[]): Buffer {
  const result = Buffer.alloc(sources.reduce((longest, { length }) => Math.max(longest, length), 0));
  result.latin1Write(sources[0]);
  if (operation === 'not') {
    for (let i = 0; i < result.length; i++) result[i] = ~result[i];
    return result;
  }
  for (const source of sources.slice(1)) {
    const bytes = Buffer.from(source, 'latin1');
    const { length } = bytes;
    if (operation === 'or') for (let i = 0; i < length; i++) result[i] |= bytes[i];
    else if (operation === 'xor') for (let i = 0; i < length; i++) result[i] ^= bytes[i];
    else {
      for (let i = 0; i < length; i++) result[i] &= bytes[i];
      result.fill(0, length);
    }
  }
  return result;
}
