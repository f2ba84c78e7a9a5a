import { expect, it } from 'vitest';
import type { Node } from '../cluster/node.js';
import { Executor } from './executor.js';
import type { ServerContext } from './server-context.js';

it.each([
  ['seeds that were not reached', ['b:1', 'c:1'], null, /forming, waiting for b:1, c:1$/],
  ['all to agree', [], null, /forming, waiting for the other members to agree$/],
  ['being let in', ['b:1'], 'too many nodes join', /not a member .* yet: too many nodes join$/],
])('a client is told when a node waits for %s', (_, missing, why, text) => {
  const executor = new Executor({} as ServerContext, { missing } as unknown as Node, () => why);
  expect(executor.formingText).toMatch(text);
});
