import { expect, it } from 'vitest';
import { TestBench } from '../test-bench.js';
import { compareCommands } from './compare.js';
import { getCommands } from './get.js';
import { setCommands } from './set.js';

const ARITY = "-ERR wrong number of arguments for 'delex' command\r\n";
const CONDITION = '-ERR Invalid condition. Use IFEQ or IFNE\r\n';

/** The replies, on a server on which k is v and w expires in 10 s. */
function replies(...lines: readonly string[]): string[] {
  const bench = new TestBench([...setCommands, ...compareCommands, ...getCommands]);
  for (const line of ['SET k v', 'SET w v EX 10']) bench.run(line.split(' '));
  bench.now += 10_000;
  return lines.map((line) => bench.run(line.split(' ')).trim());
}

it.each([
  [
    ['DELIFEQ k x', 'GET k', 'DELIFEQ k v', 'GET k', 'DELIFEQ k v'],
    [':0', '$1\r\nv', ':1', '$-1', ':0'],
  ],
  [
    ['DELEX k IFEQ x', 'GET k', 'DELEX k ifeq v', 'GET k'],
    [':0', '$1\r\nv', ':1', '$-1'],
  ],
  [
    ['DELEX k IFNE v', 'GET k', 'DELEX k IFNE x', 'GET k'],
    [':0', '$1\r\nv', ':1', '$-1'],
  ],
  [
    ['DELEX k', 'DELEX k'],
    [':1', ':0'],
  ],
  [
    ['DELIFEQ w v', 'DELEX w IFNE x', 'DELEX w IFEQ v', 'DELEX w'],
    [':0', ':0', ':0', ':0'],
  ],
  [
    ['DELEX none IFNE x', 'DELEX none IFEQ x'],
    [':0', ':0'],
  ],
])('%j', (lines, expected) => {
  expect(replies(...lines)).toEqual(expected);
});

it.each([
  ['DELEX k IFEQ', ARITY],
  ['DELEX k IFEQ v x', ARITY],
  ['DELEX k IFGT v', CONDITION],
  ['DELEX k IFDEQ v', CONDITION],
])('%s is refused, and deletes nothing', (line, error) => {
  expect(replies(line, 'GET k')).toEqual([error.trim(), '$1\r\nv']);
});
